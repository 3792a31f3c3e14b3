import time
from pathlib import Path

import numpy as np
import pytest

from sensors.errors import SourceError
from sensors.recorder import ABOUT, Recorder
from sensors.recording import Recording, time_of
from sensors.source import Chunk, Ended, Frame, Source, T


def session(seed: int = 0, seconds: float = 1.0) -> tuple[list[Chunk], list[Frame]]:
    """Sound in 20 ms pieces and pictures at 10 Hz, from monotonic second 1234.5."""
    rng = np.random.default_rng(seed)
    chunks = [
        Chunk(1234.5 + 0.02 * i, rng.normal(size=320).astype(np.float32), gap=i % 7 == 3)
        for i in range(round(seconds / 0.02))
    ]
    frames = [
        Frame(1234.53 + 0.1 * i, rng.integers(0, 256, (48, 64), dtype=np.uint8)) for i in range(round(seconds / 0.1))
    ]
    return chunks, frames


def record(folder: Path, chunks: list[Chunk], frames: list[Frame], limit: int = 2**30) -> Recorder:
    with Recorder(folder, limit) as recorder:
        both: list[Chunk | Frame] = [*chunks, *frames]
        for sample in sorted(both, key=time_of):
            recorder.write("microphone" if isinstance(sample, Chunk) else "camera", sample)
    return recorder


def play(source: Source[T]) -> list[T]:
    got = []
    with source:
        while True:
            try:
                got.append(source.read())
            except Ended:
                return got


def same(a: Chunk | Frame, b: Chunk | Frame) -> bool:
    if isinstance(a, Chunk) and isinstance(b, Chunk):
        return (a.start, a.gap, a.samples.tobytes()) == (b.start, b.gap, b.samples.tobytes())
    assert isinstance(a, Frame) and isinstance(b, Frame)
    return a.time == b.time and a.picture.shape == b.picture.shape and a.picture.tobytes() == b.picture.tobytes()


def test_what_was_recorded_is_played_bit_for_bit(tmp_path: Path) -> None:
    chunks, frames = session()
    assert record(tmp_path, chunks, frames).written == len(chunks) + len(frames)
    recording = Recording(tmp_path, speed=1000, shift=False)
    assert set(recording.names) == {"microphone", "camera"}
    heard, seen = play(recording.sounds()[0]), play(recording.pictures()[0])
    assert len(heard) == len(chunks) and all(map(same, heard, chunks))
    assert len(seen) == len(frames) and all(map(same, seen, frames))
    assert not recording.damaged


def test_it_is_played_when_it_is_due_on_one_clock(tmp_path: Path) -> None:
    chunks, frames = session(seconds=0.6)
    record(tmp_path, chunks, frames)
    recording = Recording(tmp_path)
    sound, pictures = recording.sounds()[0], recording.pictures()[0]
    with sound, pictures:
        late = []
        for _ in frames:
            frame = pictures.read()
            late.append(time.monotonic() - frame.time)
        first = sound.read()
    assert min(late) >= -1e-3 and np.median(late) < 0.1
    assert frame.time - first.start == pytest.approx(frames[-1].time - chunks[0].start, abs=1e-6)


def test_a_reader_that_is_late_loses_nothing(tmp_path: Path) -> None:
    chunks, _ = session(seconds=10.0)
    record(tmp_path, chunks, [])
    source = Recording(tmp_path, speed=1e6).sounds()[0]
    with source:
        time.sleep(0.2)
        got = [source.read() for _ in chunks]
    assert [c.gap for c in got] == [c.gap for c in chunks]
    assert "overflow" not in source.counts.dropped


@pytest.mark.parametrize("cut", [1, 40, 900])
def test_a_record_that_a_killed_process_left_half_written_is_left_out(tmp_path: Path, cut: int) -> None:
    chunks, _ = session()
    record(tmp_path, chunks, [])
    path = tmp_path / "00-0000.rec"
    path.write_bytes(path.read_bytes()[:-cut])
    recording = Recording(tmp_path, speed=1000, shift=False)
    got = play(recording.sounds()[0])
    assert len(got) == len(chunks) - 1 and all(map(same, got, chunks))
    assert recording.damaged == ["00-0000.rec: the last record is cut off"]


def test_what_is_damaged_is_never_played(tmp_path: Path) -> None:
    chunks, frames = session(seconds=0.2)
    record(tmp_path, chunks, frames)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.rec")}
    rng = np.random.default_rng(0)
    for trial in range(100):
        for path, content in whole.items():
            head = content.index(b"\n") + 1
            at = int(rng.integers(head, len(content)))
            path.write_bytes(content[:at] + bytes([content[at] ^ (1 << trial % 8)]) + content[at + 1 :])
        try:
            recording = Recording(tmp_path, shift=False)
        except SourceError:
            continue  # both first records were hit
        originals: dict[str, list[Chunk] | list[Frame]] = {"microphone": chunks, "camera": frames}
        for name, original in originals.items():
            got = list(recording.samples(name))
            assert len(got) < len(original) and all(map(same, got, original))
        assert len(recording.damaged) == 2


def test_the_limit_and_what_does_not_fit_are_counted(tmp_path: Path) -> None:
    chunks, _ = session()
    recorder = record(tmp_path, chunks, [], limit=20_000)
    assert recorder.written + recorder.dropped["full"] == len(chunks) and recorder.dropped["full"] > 0
    assert sum(path.stat().st_size for path in tmp_path.glob("*.rec")) < 21_000
    with Recorder(tmp_path / "other") as other:
        assert not other.write("camera", Frame(0.0, np.zeros((0, 4), np.uint8)))
        assert other.write("camera", Frame(0.0, np.zeros((3, 4), np.uint8)))
        assert not other.write("camera", chunks[0])
        assert other.dropped == {"unfit": 2}


def test_long_recordings_go_to_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.recorder.SEGMENT", 20_000)
    chunks, frames = session()
    record(tmp_path, chunks, frames)
    assert len(list(tmp_path.glob("*.rec"))) > 4
    recording = Recording(tmp_path, shift=False)
    assert all(map(same, recording.samples("microphone"), chunks))
    assert len(list(recording.samples("camera"))) == len(frames)


def test_a_folder_with_a_recording_is_not_written_to(tmp_path: Path) -> None:
    record(tmp_path, *session())
    with pytest.raises(SourceError, match="holds a recording already"):
        Recorder(tmp_path)


def test_folders_without_a_recording_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no recording"):
        Recording(tmp_path)
    Recorder(tmp_path).close()
    with pytest.raises(SourceError, match="empty"):
        Recording(tmp_path)
    (tmp_path / ABOUT).write_text('{"version": 9}')
    with pytest.raises(SourceError, match="version 9"):
        Recording(tmp_path)
    (tmp_path / ABOUT).write_text("nonsense")
    with pytest.raises(SourceError, match="holds no recording"):
        Recording(tmp_path)
