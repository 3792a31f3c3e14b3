"""Recordings among other files, and as fast as they are perceived."""

from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sensors.files.choice import Channel
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.perception.perception import Perception
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import played, streams
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording
from tests.sensors.files.conformance import FileReaderConformance, Made, play_sources
from tests.sensors.sessions import FPS, record_session


class Warm(Values):
    kind: ClassVar[str] = "warmth"


class Pressed(Values):
    kind: ClassVar[str] = "pressure"


def cut_segments(folder: Path) -> None:
    for path in folder.glob("*.rec"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 7])


class TestRecordings(FileReaderConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Made:
        folder = tmp_path / "session"
        with Recorder(folder) as recorder:
            for i in range(50):
                recorder.write("microphone", Chunk(7.0 + 0.02 * i, np.full(320, i / 100, np.float32)))
                recorder.write("camera", Frame(7.01 + 0.02 * i, np.full((48, 64), i, np.uint8)))
                recorder.write("skin", Warm(np.array([7.0 + 0.02 * i]), np.array([[i, 2.0]])))
        camera, skin = [0.01 + 0.02 * i for i in range(50)], [0.02 * i for i in range(50)]
        return Made(folder, {"camera": camera, "skin": skin}, {"microphone": 1.0}, damage=cut_segments)


def test_values_are_taken_by_their_kind(tmp_path: Path) -> None:
    with Recorder(tmp_path / "session") as recorder:
        for i in range(10):
            recorder.write("skin", Warm(np.array([float(i)]), np.array([[i]])))
            recorder.write("finger", Pressed(np.array([float(i)]), np.array([[-i]])))
    given, _ = play_sources(Player("it", parts_of(tmp_path / "session"), [Channel("touch", Pressed)], 0.0))
    assert [type(reading) for reading in given["touch"]] == [Pressed] * 10
    assert [reading.values.item() for reading in given["touch"]] == [-i for i in range(10)]


def events(folder: Path, speed: float) -> list[tuple[Any, ...]]:
    """What is perceived in a recording: kinds, and how far apart they are, in their order."""
    wanted = streams(["audio", "image"])
    sources = played(wanted, folder, speed)
    found: list[Any] = []
    perception = Perception("host", 0, None, ["audio", "image"])
    reader = SourceReader(sources, perception, lambda batch, captured: found.append(batch), played=True)
    for source in sources:
        source.connect()
    while not reader.ended:
        reader.step()
    reader.finish()
    told = sorted((float(start), batch.kind) for batch in found for start in batch.start)
    return [(kind, round(start - told[0][0], 2)) for start, kind in told]


def as_film(session: Path, path: Path) -> Path:
    """A session as a phone would have filmed it: H.264 and AAC."""
    av: Any = pytest.importorskip("av", reason="needs the extra films: pip install -e '.[films]'")
    recording = Recording(session)
    sound = np.concatenate([chunk.samples for chunk in recording.samples("microphone") if isinstance(chunk, Chunk)])
    frames = [frame.picture for frame in recording.samples("camera") if isinstance(frame, Frame)]
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        pictures.height, pictures.width = frames[0].shape[:2]
        pictures.pix_fmt = "yuv420p"
        heard = out.add_stream("aac", rate=48_000, bit_rate=128_000)
        heard.layout = "mono"
        packets = [p for grey in frames for p in pictures.encode(av.VideoFrame.from_ndarray(grey, "gray"))]
        packets += pictures.encode(None)
        whole = av.AudioFrame.from_ndarray(np.clip(sound, -1, 1)[None], "fltp", "mono")
        whole.sample_rate, whole.pts, whole.time_base = 16_000, 0, Fraction(1, 16_000)
        resampler = av.AudioResampler("fltp", "mono", 48_000, frame_size=heard.codec_context.frame_size)
        for piece in [*resampler.resample(whole), *resampler.resample(None)]:
            packets += heard.encode(piece)
        for packet in sorted([*packets, *heard.encode(None)], key=lambda each: float(each.dts * each.time_base)):
            out.mux(packet)
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_session(tmp_path_factory.mktemp("recorded") / "session")


@pytest.fixture(scope="module")
def wanted(session: Path) -> list[tuple[Any, ...]]:
    """Its events, perceived as fast as can be."""
    return events(session, 0.0)


def test_what_is_said_and_shown_in_a_film_is_paired(
    session: Path, wanted: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    assert [kind for kind, _ in wanted].count("audio+image") == 2
    film = as_film(session, tmp_path / "film.mp4")
    found = events(film, 0.0)
    assert [kind for kind, _ in found] == [kind for kind, _ in wanted]
    assert [at for _, at in found] == pytest.approx([at for _, at in wanted], abs=0.06)


def test_as_fast_as_can_be_gives_the_same_events(session: Path, wanted: list[tuple[Any, ...]]) -> None:
    assert wanted == events(session, 20.0)
