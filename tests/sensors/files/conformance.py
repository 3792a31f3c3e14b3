"""What every reader of files promises, asked of every reader: subclass `FileReaderConformance`, give `made`."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.choice import Channel
from sensors.files.contract import FileStream, OpenFile, reader_of, readers
from sensors.files.file_source import FileSource, sources_of
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.source import Ended
from tests.patience import PATIENCE


@dataclass
class Made:
    """Something to be played, and what is known of it.

    Attributes:
        path: of the file or folder.
        begins: stream -> seconds after the file's begin at which its pictures or rows of values begin, of the first
            part.
        sounds: stream -> seconds of sound, of the first part.
        tolerance: by which the times may differ, seconds.
        parts: how many there are.
        damage: changes the file so that something of it cannot be read; None: such a file is tested elsewhere.
    """

    path: Path
    begins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    sounds: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 1e-6
    parts: int = 1
    damage: Callable[[Path], None] | None = None


class Told:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self.remarks: list[str] = []

    def lose(self, reason: str, count: int = 1) -> None:
        self.lost[reason] = self.lost.get(reason, 0) + count

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def play(file: OpenFile, stream: str, color: bool = False) -> tuple[list[Any], str, Told]:
    """All readings of a stream, what is said at the end, and what was reported."""
    told, found = Told(), []
    going = file.play(stream, told, color)
    while True:
        try:
            found.append(next(going))
        except StopIteration as end:
            return found, end.value, told


def channels_for(streams: Sequence[FileStream]) -> list[Channel]:
    """A channel for each stream that can be read, by its name."""
    return [Channel(s.name, s.reading, topic=s.name) for s in streams if not s.refused]


def play_sources(
    player: Player, pause: float = 0.0, remarks: list[str] | None = None
) -> tuple[dict[str, list[Any]], list[FileSource[Any]]]:
    """What all sources of a player give, read in turns with a pause after each reading; and the sources."""
    sources = sources_of(player)
    given: dict[str, list[Any]] = {source.name: [] for source in sources}
    going = list(sources)
    for source in sources:
        source.timeout = 0.0
        if remarks is not None:
            source.observe(lambda change: remarks.append(change.reason))
        source.connect(warmup=0)
    end = time.monotonic() + PATIENCE
    try:
        while going and time.monotonic() < end:
            for source in list(going):
                try:
                    given[source.name].append(source.read())
                    time.sleep(pause)
                except TimeoutError:
                    time.sleep(0.001)
                except Ended:
                    going.remove(source)
    finally:
        for source in sources:
            source.disconnect()
    assert not going, "it never came to its end"
    return given, sources


def same(one: Reading, other: Reading) -> bool:
    """Whether two readings hold the same, whenever they begin."""
    for name in ("samples", "picture", "values"):
        if hasattr(one, name):
            return np.array_equal(getattr(one, name), getattr(other, name))
    raise AssertionError(type(one))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class FileReaderConformance:
    """The promises of `sensors.files.contract`."""

    @pytest.fixture
    def made(self, tmp_path: Path) -> Made:
        raise NotImplementedError

    @pytest.fixture
    def file(self, made: Made) -> OpenFile:
        return parts_of(made.path)[0].open()

    def test_one_reader_owns_it(self, made: Made, tmp_path: Path) -> None:
        assert sum(reader.owns(made.path) for reader in readers().values()) == 1
        other = tmp_path / "other.txt"
        other.write_text("nothing of this kind")
        assert reader_of(other) is None
        assert reader_of(tmp_path / "missing") is None

    def test_it_lists_its_parts_and_streams(self, made: Made, file: OpenFile) -> None:
        assert len(parts_of(made.path)) == made.parts
        names = [stream.name for stream in file.streams]
        assert len(set(names)) == len(names)
        assert set(made.begins) | set(made.sounds) <= set(names)
        for stream in file.streams:
            assert stream.reading in (Chunk, Frame, Values) and stream.about
            assert stream.rate is None or stream.rate > 0

    def test_pictures_and_values_have_their_times(self, made: Made, file: OpenFile) -> None:
        for name, begins in made.begins.items():
            found, ending, told = play(file, name)
            assert (ending, told.lost) == ("", {})
            times = [time for r in found for time in (r.times if isinstance(r, Values) else [r.begin])]
            assert np.allclose(np.array(times) - file.begin, begins, rtol=0, atol=made.tolerance)
            assert all(a.begin <= b.begin for a, b in itertools.pairwise(found))

    def test_pictures_come_in_grey_and_in_colour(self, made: Made, file: OpenFile) -> None:
        for stream in file.streams:
            if stream.reading is Frame and not stream.refused:
                (grey, *_), (colour, *_) = (play(file, stream.name, color)[0] for color in (False, True))
                assert grey.picture.dtype == colour.picture.dtype == np.uint8
                assert colour.picture.shape == (*grey.picture.shape, 3) and grey.picture.ndim == 2

    def test_sound_is_whole_and_in_small_pieces(self, made: Made, file: OpenFile) -> None:
        for name, seconds in made.sounds.items():
            found, ending, told = play(file, name)
            assert (ending, told.lost) == ("", {})
            for chunk in found:
                assert chunk.samples.dtype == np.float32 and chunk.samples.ndim == 1
                assert len(chunk.samples) <= 3200 and not chunk.gap
            assert all(len(chunk.samples) >= 160 for chunk in found[:-1])
            assert abs(sum(len(chunk.samples) for chunk in found) / 16_000 - seconds) < 0.06
            assert all(abs(b.begin - a.end) < 0.001 for a, b in itertools.pairwise(found))

    def test_nothing_is_lost_at_any_speed(self, made: Made, file: OpenFile) -> None:
        channels = channels_for(file.streams)
        runs = []
        for speed, pause in ((0.0, 0.0), (50.0, 0.0), (0.0, 0.001)):
            given, sources = play_sources(Player("it", parts_of(made.path), channels, speed), pause)
            assert all(source.counts.dropped == {} for source in sources)
            assert all(source.counts.given == source.counts.read for source in sources)
            runs.append(given)
        for stream in file.streams:
            if stream.refused:
                continue
            first, *others = (given[stream.name] for given in runs)
            assert first
            begin = runs[0]
            origin = min(readings[0].begin for readings in begin.values())
            for given, readings in zip(runs[1:], others, strict=True):
                own = min(each[0].begin for each in given.values())
                assert len(readings) == len(first)
                assert all(same(a, b) for a, b in zip(first, readings, strict=True))
                assert all(
                    abs((a.begin - origin) - (b.begin - own)) < 1e-6 for a, b in zip(first, readings, strict=True)
                )

    def test_streams_are_played_side_by_side(self, file: OpenFile) -> None:
        names = [stream.name for stream in file.streams if not stream.refused]
        alone = {name: len(play(file, name)[0]) for name in names}
        together: dict[str, int] = {}

        def run(name: str) -> None:
            together[name] = len(play(file, name)[0])

        threads = [threading.Thread(target=run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert together == alone

    def test_what_is_not_played_to_its_end_is_closed(self, file: OpenFile) -> None:
        name = next(stream.name for stream in file.streams if not stream.refused)
        before = open_files()
        for _ in range(3):
            going = file.play(name, Told())
            next(going)
            going.close()
        file.close()
        assert open_files() <= before

    def test_a_damaged_one_is_refused_in_a_line_or_told(self, made: Made, file: OpenFile) -> None:
        if made.damage is None:
            pytest.skip("damage is tested elsewhere")
        streams = file.streams
        whole = {s.name: len(play(file, s.name)[0]) for s in streams if not s.refused}
        made.damage(made.path)
        try:
            parts = parts_of(made.path)
            damaged = parts[0].open()
        except SourceError as error:
            assert len(str(error).splitlines()) <= 2 and made.path.name in str(error)
            return
        for name, count in whole.items():
            if name not in {s.name for s in damaged.streams}:
                continue
            found, ending, told = play(damaged, name)
            assert len(found) == count or ending or told.lost or told.remarks
