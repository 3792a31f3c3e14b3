"""The benchmark of real things: how folders are made, which cells there are, and what the rows say."""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.studies.things import things_data
from benchmarks.studies.things.things import LEARNERS, SETTINGS, STEPS, UPDATES, make_cells, rows_of
from benchmarks.studies.things.things_data import KINDS_OF_WORDS, TABLES, WORDS, build, kinds_of, part_of
from benchmarks.studies.things.things_report import report, shares
from benchmarks.studies.things.things_voices import KINDS, SPOKEN, TAKES, VOICES, takes
from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError, DataError
from sensors.signals.griffin_lim import write_wav
from teacher.config import CONCEPTS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few files in the datasets' layouts."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for kind in KINDS_OF_WORDS:
        for part, count in (("train", 11), ("val", int(kind != "Soy-Milk")), ("test", 1)):
            place = root / "grocery_store" / part / kind
            place.mkdir(parents=True)
            for k in range(count):
                cv2.imwrite(str(place / f"{kind}_{k}.jpg"), rng.integers(0, 256, (16, 20, 3), np.uint8))
    for number, word in enumerate(WORDS):
        place = root / ("speech_commands" if word in CONCEPTS else "speech_commands_words") / word
        place.mkdir(parents=True)
        for speaker in range(12):
            write_wav(place / f"{speaker:08x}_nohash_0.wav", rng.normal(0, 0.1, 3200).astype(np.float32))
        if word in CONCEPTS:
            (root / "fsdd" / "recordings").mkdir(parents=True, exist_ok=True)
            for name in ("george", "theo", "yweweler"):
                path = root / "fsdd" / "recordings" / f"{number}_{name}_0.wav"
                write_wav(path, rng.normal(0, 0.1, 3200).astype(np.float32))
    return root


def names(folder: Path, part: str, sense: str) -> set[str]:
    return {str(p.resolve()) for p in (folder / part / sense).rglob("*") if not p.is_dir()}


def test_no_file_and_no_speaker_is_in_two_parts(data: Path, tmp_path: Path) -> None:
    speakers: dict[str, set[str]] = {}
    for part in ("validation", "test"):
        folder = build("words", part, data, tmp_path)
        for sense in ("image", "audio"):
            trained, examined = names(folder, "train", sense), names(folder, "test", sense)
            assert trained and examined and not trained & examined
        for there in ("train", "test"):
            heard = {Path(n).name.partition("_nohash_")[0] for n in names(folder, there, "audio") if "nohash" in n}
            speakers[f"{part}/{there}"] = heard
    assert not speakers["test/train"] & speakers["test/test"]
    assert not speakers["validation/train"] & speakers["validation/test"]
    # What is examined at the end is no part of any choice.
    assert not speakers["test/test"] & (speakers["validation/test"] | speakers["validation/train"])
    chosen = names(tmp_path / "words-validation", "test", "image")
    assert not chosen & names(tmp_path / "words-test", "test", "image")


def test_kinds_without_validation_photographs_lend_some_that_train(data: Path, tmp_path: Path) -> None:
    folder = build("words", "validation", data, tmp_path)
    lent = names(folder, "test", "image")
    assert sum("/train/Soy-Milk/" in name for name in lent) == 2
    assert not any("/train/Apple/" in name for name in lent)


def test_names_csv_says_which_word_names_which_kind(data: Path, tmp_path: Path) -> None:
    folder = build("words", "test", data, tmp_path)
    lines = (folder / "names.csv").read_text().split()
    assert lines[:3] == ["concept,image,audio", "Apple,Apple,zero", "Avocado,Avocado,one"]
    assert len(lines) == 1 + len(WORDS) == 24


def test_a_folder_is_made_once_and_anew_when_it_was_left_half_done(data: Path, tmp_path: Path) -> None:
    folder = build("words", "test", data, tmp_path)
    (folder / "names.csv").write_text("kept")
    assert build("words", "test", data, tmp_path) == folder and (folder / "names.csv").read_text() == "kept"
    (tmp_path / "words-test.whole").unlink()
    build("words", "test", data, tmp_path)
    assert (folder / "names.csv").read_text() != "kept"


def test_missing_datasets_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Apple"):
        build("words", "test", tmp_path / "nothing", tmp_path)


def test_fewer_kinds_are_spread_over_the_alphabet() -> None:
    assert [len(kinds_of(table)) for table in TABLES] == [23, 43, 5, 10, 20, 43]
    assert kinds_of("names-5") == ("Apple", KINDS[10], KINDS[21], KINDS[32], "Zucchini")
    assert set(KINDS_OF_WORDS) <= set(KINDS) and len(set(KINDS)) == 43


def test_speakers_are_split_by_their_names() -> None:
    parts = [part_of(f"{number:08x}") for number in range(2000)]
    assert [round(parts.count(part) / 2000, 1) for part in ("train", "val", "test")] == [0.7, 0.1, 0.2]


def test_voices_that_test_are_never_heard_in_training() -> None:
    heard = {part: set(voices) for part, voices in VOICES.items()}
    assert not heard["train"] & heard["test"] and not heard["train"] & heard["val"] and not heard["val"] & heard["test"]
    plan = takes(0)
    assert plan == takes(0) and plan != takes(1)
    assert len(plan) == sum(len(VOICES[part]) * count * len(SPOKEN) for part, count in TAKES.items())
    assert all(take.voice.partition("+")[2] in heard[take.part] for take in plan)


def test_letters_are_drawn_differently_each_time() -> None:
    rng = np.random.default_rng(0)
    first, second = (things_data._letter("A", 0, rng) for _ in range(2))
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8 and not np.array_equal(first, second)


def options(**changes: Any) -> argparse.Namespace:
    values = {"tables": list(TABLES), "learners": list(LEARNERS), "seeds": [0, 1, 2], "part": "test"}
    return argparse.Namespace(**{**values, "scale": 1.0, "out": Path("out"), "set": {}, **changes})


def test_every_seed_has_the_two_tables_and_the_curve_has_one() -> None:
    judges, learners = make_cells(options(), Path("data"))
    assert len(learners) == 2 * 3 * len(STEPS) + 4
    assert len([c for c in judges if c["network"] == "reference"]) == 2 * 3 * 2
    assert len([c for c in judges if c["network"] == "first"]) == len(TABLES) * 2
    # As many updates of a side by one learner as by the other.
    assert STEPS["smart"] == 2 * UPDATES


@pytest.mark.parametrize("changes", [{"tables": ["nonsense"]}, {"learners": ["me"]}, {"set": {"learner.wrong": "1"}}])
def test_unknown_choices_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"nonsense|no me|wrong"):
        make_cells(options(**changes), Path("data"))


def test_the_settings_are_settings() -> None:
    assert RunConfig().override(SETTINGS).learner.preset == "medium"


def finished(**changes: Any) -> list[dict[str, Any]]:
    judges, learners = make_cells(options(**changes), Path("data"))
    judged = [
        {"cell": json.dumps(c), "accuracy": 0.5 if c["network"] == "reference" else 0.9, "balanced": 0.4}
        for c in judges
    ]
    learned = [
        {
            "cell": json.dumps(c),
            "learner": c["learner"],
            "image_to_audio": 0.49,
            "audio_to_image": 0.4,
            "r1": 0.3,
            "five_way": 0.7,
            "concepts": len(kinds_of(c["table"])),
        }
        for c in learners
    ]
    return rows_of(judged, learned)


def test_rows_have_the_requested_figures_and_chance_beside_them() -> None:
    rows = finished(tables=["names"], seeds=[0])
    assert [row["learner"] for row in rows] == ["smart", "contrastive", "reference", "chance"]
    keys = {"table", "seed", "learner", "image_to_audio", "audio_to_image", "reference_image", "reference_audio"}
    assert keys | {"r1", "five_way"} <= set(rows[0])
    assert rows[-1]["r1"] == pytest.approx(1 / 43) and rows[-1]["five_way"] == 0.2


def test_the_report_compares_with_the_references_and_draws_the_curve(tmp_path: Path) -> None:
    rows = finished()
    assert shares(rows)["words"] == {"image_to_audio": pytest.approx(0.98), "audio_to_image": pytest.approx(0.8)}
    text = report(rows, tmp_path)
    assert "| words | image → audio | 0.980 |" in text
    assert (tmp_path / "concepts.png").stat().st_size > 10_000
