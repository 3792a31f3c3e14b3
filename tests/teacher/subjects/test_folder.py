from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import ConfigError, DataError
from sensors.core.event import NO_LESSON
from teacher.config import DataConfig, TeacherConfig
from teacher.subjects import subject
from tests.teacher.own_things import THINGS, picture, write_things

pytestmark = pytest.mark.usefixtures("own_cache")
FOLDER = subject("folder")


def test_teaches_the_senses_and_concepts_of_the_folder(tmp_path: Path) -> None:
    write_things(tmp_path)
    data, settings = DataConfig(folder=str(tmp_path)), TeacherConfig(style="classroom", batch_events=16)
    assert FOLDER.senses(data, settings) == ("audio", "image")
    assert FOLDER.kinds(data, settings) == ["audio", "image", "audio+image"]
    FOLDER.prepare(data)
    FOLDER.check(data, settings)
    taught = FOLDER.load(data)
    assert taught.concepts == THINGS and taught.choices["folder"].startswith(f"{tmp_path}:")
    machine = FOLDER.machine(taught, settings, "teacher-folder-0", 1, 0)
    batch = machine.step()
    assert batch.kind == "audio+image" and len(batch) == 16
    assert (batch.lesson != NO_LESSON).all()
    exam = machine.exam()
    assert exam is not None and exam.concepts == THINGS and set(exam.parts) == {"audio", "image"}
    again = FOLDER.machine(FOLDER.load(data), settings, "teacher-folder-0", 1, 0).step()
    assert all((again.samples[sense] == batch.samples[sense]).all() for sense in batch.samples)


def test_no_label_is_in_its_events(tmp_path: Path) -> None:
    write_things(tmp_path)
    data, settings = DataConfig(folder=str(tmp_path)), TeacherConfig()
    assert not FOLDER.labelled
    batch = FOLDER.machine(FOLDER.load(data), settings, "t", 1, 0).step()
    assert set(batch.samples) <= {"audio", "image"}


def test_tells_that_the_folder_has_changed(tmp_path: Path) -> None:
    write_things(tmp_path)
    data = DataConfig(folder=str(tmp_path))
    before = FOLDER.load(data)
    picture(tmp_path / "image" / "mug" / "new.png", 1, 7)
    assert FOLDER.load(data).choices != before.choices


def test_validation_leaves_the_test_part_alone(tmp_path: Path) -> None:
    write_things(tmp_path, count=10)
    test = FOLDER.load(DataConfig(folder=str(tmp_path))).datasets["image"]
    held = FOLDER.load(DataConfig(folder=str(tmp_path), part="validation")).datasets["image"]
    trained = {row.tobytes() for row in test.train}
    assert {row.tobytes() for row in held.test} <= trained and len(held.train) + len(held.test) == len(test.train)
    assert not np.isin([row.tobytes() for row in test.test], list(trained)).any()


def test_settings_that_name_no_concept_of_it_are_refused(tmp_path: Path) -> None:
    write_things(tmp_path)
    with pytest.raises(ConfigError, match="no concept 'spoon'; known: cup, mug, pan"):
        FOLDER.check(DataConfig(folder=str(tmp_path)), TeacherConfig(missing="audio:spoon"))


def test_a_folder_must_be_named_and_there() -> None:
    with pytest.raises(ConfigError, match="give --teach DIR"):
        FOLDER.load(DataConfig())
    with pytest.raises(DataError, match="no such directory"):
        FOLDER.senses(DataConfig(folder="/nowhere/things"), TeacherConfig())
