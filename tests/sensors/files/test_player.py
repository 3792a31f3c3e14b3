"""Files of a made-up kind are played: in step, in turn, and without a loss whatever happens to one of them."""

import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files import contract
from sensors.files.choice import Channel
from sensors.files.contract import FileReader, FileStream, OpenFile, Part, Report, register_reader
from sensors.files.file_source import sources_of
from sensors.files.player import AHEAD, PAUSE, Player
from sensors.files.playlist import parts_of
from sensors.signals.readings import Chunk, Frame
from sensors.sources.source import Ended
from tests.patience import wait_for
from tests.sensors.files.conformance import play_sources

SOUND, PICTURES = Channel("sound", Chunk), Channel("pictures", Frame)


class Clip(OpenFile):
    """So many seconds of pictures, and so many of sound."""

    def __init__(self, pictures: float, sound: float, begin: float = 100.0, fails: float = np.inf) -> None:
        self.begin, self.fails = begin, fails
        self._seconds = {"pictures": pictures, "sound": sound}
        found = (FileStream("pictures", Frame, 10.0, "made up"), FileStream("sound", Chunk, 16_000.0, "made up"))
        self.streams = tuple(stream for stream in found if self._seconds[stream.name])

    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        for i in range(round(self._seconds[stream] * 10)):
            if i / 10 >= self.fails and stream == "pictures":
                raise ValueError("the library gave up")
            at = self.begin + i / 10
            yield Frame(at, np.full((4, 4), i, np.uint8)) if stream == "pictures" else Chunk(at, np.zeros(1600, "f4"))
        return ""


def parts(*clips: Clip) -> list[Part]:
    return [Part(f"clip {i}", lambda clip=clip: clip) for i, clip in enumerate(clips)]  # type: ignore[misc]


def test_no_stream_runs_ahead_of_one_that_is_not_read() -> None:
    sound, pictures = sources_of(Player("it", parts(Clip(60, 60)), [SOUND, PICTURES], 0.0))
    for source in (sound, pictures):
        source.timeout = 0.0
        source.connect(warmup=0)
    assert wait_for(lambda: pictures.counts.given == 8), "its room is full"
    time.sleep(0.1)
    # Pictures stand at 0.8 s: the next one waits for room.
    assert sound.counts.given <= (0.8 + AHEAD) * 10 + 1
    for source in (sound, pictures):
        source.disconnect()


def test_parts_follow_each_other_however_long_their_streams_are() -> None:
    player = Player("it", parts(Clip(2, 1), Clip(0, 3, begin=-5.0), Clip(1, 1)), [SOUND, PICTURES], 0.0)
    given, sources = play_sources(player)
    origin = given["pictures"][0].begin
    begins = {name: [round(each.begin - origin, 3) for each in found] for name, found in given.items()}
    # The first part ends with its last picture at 1.9 s, the second with its sound 3 s after it began.
    second = 1.9 + PAUSE
    third = second + 3.0 + PAUSE
    assert begins["pictures"] == pytest.approx([i / 10 for i in range(20)] + [third + i / 10 for i in range(10)])
    wanted = [i / 10 for i in range(10)] + [second + i / 10 for i in range(30)] + [third + i / 10 for i in range(10)]
    assert begins["sound"] == pytest.approx(wanted)
    assert all(source.counts.dropped == {} for source in sources)


def test_at_its_own_pace_it_takes_as_long_as_it_is() -> None:
    began = time.monotonic()
    given, _ = play_sources(Player("it", parts(Clip(0.6, 0.6)), [SOUND, PICTURES]))
    assert time.monotonic() - began >= 0.5
    assert len(given["pictures"]) == len(given["sound"]) == 6


def test_what_a_library_raises_ends_one_stream_of_one_part() -> None:
    remarks: list[str] = []
    player = Player("it", parts(Clip(2, 2, fails=0.5), Clip(1, 1)), [SOUND, PICTURES], 0.0)
    given, sources = play_sources(player, remarks=remarks)
    assert (len(given["pictures"]), len(given["sound"])) == (5 + 10, 20 + 10)
    assert {source.name: source.counts.dropped for source in sources} == {"sound": {}, "pictures": {"unreadable": 1}}
    assert "clip 0: cannot be read on: the library gave up" in remarks


def test_it_begins_anew_when_all_of_it_was_closed() -> None:
    player = Player("it", parts(Clip(1, 1), Clip(1, 1)), [SOUND, PICTURES], 0.0)
    for _ in range(2):
        given, _ = play_sources(player)
        assert (len(given["pictures"]), len(given["sound"])) == (20, 20)


def test_a_source_that_comes_back_goes_on_with_the_next_part() -> None:
    player = Player("it", parts(Clip(1, 1), Clip(2, 2)), [SOUND, PICTURES], 0.0)
    sound, pictures = sources_of(player)
    for source in (sound, pictures):
        source.timeout = 0.0
        source.connect(warmup=0)
    assert wait_for(lambda: pictures.counts.given == 8 and sound.counts.given == 10)
    sound.disconnect()
    sound.connect(warmup=0)
    read, going = {source.name: 0 for source in (sound, pictures)}, [sound, pictures]

    def over() -> bool:
        for source in list(going):
            try:
                source.read()
                read[source.name] += 1
            except TimeoutError:
                continue
            except Ended:
                going.remove(source)
        return not going

    assert wait_for(over)
    assert read == {"sound": 10 + 20, "pictures": 10 + 20}


def test_a_plugin_may_read_a_format_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "_READERS", dict(contract._READERS))

    class ClipReader(FileReader):
        name, about = "clip", "clips (CLIP)"

        def owns(self, path: Path) -> bool:
            return path.suffix == ".clip"

        def parts(self, path: Path) -> Sequence[Part]:
            if not path.stat().st_size:
                raise SourceError(f"{path}: is empty")
            return [Part(path.name, lambda: Clip(1, 1))]

    register_reader(ClipReader())
    with pytest.raises(ValueError, match="'clip': the name is taken"):
        register_reader(ClipReader())
    for name in ("b10.clip", "b9.clip", ".hidden.clip"):
        (tmp_path / name).write_text("clip")
    (tmp_path / "a.clip").write_text("")
    assert [part.name for part in parts_of(tmp_path)] == ["a.clip", "b9.clip", "b10.clip"]
    given, _ = play_sources(Player("it", parts_of(tmp_path), [SOUND, PICTURES], 0.0))
    assert len(given["pictures"]) == 20
    with pytest.raises(SourceError, match=r"a\.clip: is empty"):
        parts_of(tmp_path / "a.clip")


def test_what_cannot_be_played_is_told_with_what_can(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    for path in (tmp_path / "notes.txt", tmp_path):
        with pytest.raises(SourceError, match=r"these can: .*MP4.*LeRobotDataset"):
            parts_of(path)
    with pytest.raises(SourceError, match="no such file or folder"):
        parts_of(tmp_path / "nowhere")
