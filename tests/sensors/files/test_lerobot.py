"""Datasets of lerobot, of both versions that are read."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.files.choice import Channel
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.signals.readings import Frame, Values
from tests.sensors.files.conformance import FileReaderConformance, Made, play, play_sources
from tests.sensors.files.film_files import FPS
from tests.sensors.files.lerobot_files import HEARD, LENGTHS, TOP, WRIST, pa, pq, state, write_v21, write_v30

WRITERS: dict[str, Callable[[Path], Path]] = {"v2.1": write_v21, "v3.0": write_v30}


@pytest.fixture(scope="module", params=list(WRITERS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of each version, written once; not to be changed."""
    return WRITERS[request.param](tmp_path_factory.mktemp("lerobot") / "dataset")


@pytest.fixture
def dataset(written: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(written, tmp_path / "dataset"))


def lose_pictures(folder: Path) -> None:
    for film in folder.rglob("*.mp4"):
        data = film.read_bytes()
        film.write_bytes(data[: len(data) // 2])


class TestLeRobot(FileReaderConformance):
    @pytest.fixture
    def made(self, dataset: Path) -> Made:
        times = [i / FPS for i in range(LENGTHS[0])]
        begins = {name: times for name in (TOP, WRIST, "observation.state", "action", "next.done")}
        return Made(dataset, begins, {HEARD: LENGTHS[0] / FPS}, 0.001, parts=len(LENGTHS))


def test_each_episode_has_its_own_rows_pictures_and_sound(written: Path) -> None:
    # The films turn bright, and their tone begins, at 0.4 s: in version 3.0 the second episode begins after that.
    shared = (written / "meta/episodes").is_dir()
    for episode, (part, length) in enumerate(zip(parts_of(written), LENGTHS, strict=True)):
        assert part.name == f"episode {episode}"
        file = part.open()
        rows = np.concatenate([reading.values for reading in play(file, "observation.state")[0]])
        assert rows.dtype == np.float32
        assert np.allclose(rows, [state(episode, i) for i in range(length)])
        action = np.concatenate([reading.values for reading in play(file, "action")[0]])
        assert action.shape == (length, 2, 2) and action[3].tolist() == [[3, episode], [0, 1]]
        done = np.concatenate([reading.values for reading in play(file, "next.done")[0]])
        assert done.dtype == bool and done.ravel().nonzero()[0].tolist() == [length - 1]
        flash = 0 if shared and episode else 10
        pictures = [frame.picture.mean() > 120 for frame in play(file, TOP)[0]]
        assert pictures == [i >= flash for i in range(length)]
        sound = np.concatenate([chunk.samples for chunk in play(file, HEARD)[0]])
        assert len(sound) == pytest.approx(length / FPS * 16_000, abs=900)
        assert np.argmax(np.abs(sound) > 0.1) == pytest.approx(flash / FPS * 16_000, abs=200)
        wrist = [round(float(frame.picture.mean())) for frame in play(file, WRIST)[0]]
        assert wrist == [8 * i for i in range(length)]


def test_streams_are_told_with_what_is_not_read(written: Path) -> None:
    streams = {stream.name: stream for stream in parts_of(written)[0].open().streams}
    assert "depth" in streams["observation.images.depth"].refused
    assert "task" not in streams and "timestamp" not in streams
    assert (streams[TOP].rate, streams[TOP].count) == (FPS, LENGTHS[0])
    assert streams[HEARD].rate == 48_000
    assert streams["observation.state"].about == "float32 3"


class Joints(Values):
    kind: ClassVar[str] = "joints"


def test_episodes_are_played_in_turn(written: Path) -> None:
    channels = [Channel("pictures", Frame, topic=WRIST), Channel("joints", Joints, topic="observation.state")]
    given, sources = play_sources(Player("dataset", parts_of(written), channels, 0.0))
    assert len(given["pictures"]) == sum(LENGTHS)
    assert all(type(reading) is Joints for reading in given["joints"])
    rows = np.concatenate([reading.values for reading in given["joints"]])
    times = np.concatenate([reading.times for reading in given["joints"]])
    assert np.allclose(rows, [state(e, i) for e, length in enumerate(LENGTHS) for i in range(length)])
    # Of each row there is a picture of the same moment.
    assert np.allclose(times, [frame.time for frame in given["pictures"]], atol=1e-5)
    assert all(source.counts.dropped == {} for source in sources)


@pytest.mark.parametrize("version", ["v2.0", "v3.1", "v1.6"])
def test_other_versions_are_refused_by_name(version: str, dataset: Path) -> None:
    change_info(dataset, codebase_version=version)
    with pytest.raises(SourceError, match=rf"of version {version}; this program reads v2\.1 and v3\.0"):
        parts_of(dataset)


def change_info(folder: Path, **changes: Any) -> None:
    path = folder / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_damage_is_refused_in_a_line(dataset: Path) -> None:
    change_info(dataset, data_path="../elsewhere/{episode_index}.parquet")
    with pytest.raises(SourceError, match="leads out of the folder"):
        parts_of(dataset)[0].open()
    change_info(dataset, data_path="data/{nothing}.parquet")
    with pytest.raises(SourceError, match="do not say where its data lie"):
        parts_of(dataset)[0].open()
    change_info(dataset, data_path="data/none.parquet")
    with pytest.raises(SourceError, match=r"none\.parquet: episode 0 lies there and is missing"):
        parts_of(dataset)[0].open()
    (dataset / "meta/info.json").write_text("{")
    with pytest.raises(SourceError, match="metadata of the dataset are damaged") as caught:
        parts_of(dataset)
    assert len(str(caught.value).splitlines()) == 1


def test_what_an_episode_lacks_is_counted(dataset: Path) -> None:
    listed, table = dataset / "meta/episodes.jsonl", dataset / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(table).to_pylist() if table.exists() else map(json.loads, listed.read_text().splitlines())
    longer = [row | {"length": row["length"] + 5} for row in rows]
    if table.exists():
        pq.write_table(pa.Table.from_pylist(longer), table)
    else:
        listed.write_text("\n".join(map(json.dumps, longer)))
    file = parts_of(dataset)[0].open()
    _, ending, told = play(file, "observation.state")
    assert (ending, told.lost) == ("ended after 20 of 25 rows", {"missing": 5})
    _, ending, told = play(file, TOP)
    assert (ending, told.lost) == ("ended after 20 of 25 pictures", {"missing": 5})


def test_a_damaged_film_leaves_the_other_streams_whole(dataset: Path) -> None:
    lose_pictures(dataset)
    channels = [Channel("pictures", Frame, topic=TOP), Channel("joints", Joints, topic="observation.state")]
    given, sources = play_sources(Player("dataset", parts_of(dataset), channels, 0.0))
    assert len(np.concatenate([reading.values for reading in given["joints"]])) == sum(LENGTHS)
    assert sources[0].counts.dropped.get("unreadable", 0) == len(LENGTHS)


@pytest.mark.parametrize("library", ["pyarrow", "av"])
def test_without_its_libraries_the_fix_is_told(library: str, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else found(name))
    with pytest.raises(SourceError, match=r"pip install 'reciprocal\[lerobot\]'"):
        parts_of(written)
