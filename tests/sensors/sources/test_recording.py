import io
import os
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from sensors.core.errors import DataError, SourceError
from sensors.core.percept import Reading
from sensors.signals.records import _HEADER, Damaged, unpack
from sensors.sources.recorder import ABOUT, Recorder
from sensors.sources.recording import Recording
from sensors.sources.source import Change, Chunk, Ended, Frame, Source, T
from tests.patience import PATIENCE, quickest, took, wait_for


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
        for sample in sorted(both, key=lambda sample: sample.begin):
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


def same(a: Reading, b: Reading) -> bool:
    if isinstance(a, Chunk) and isinstance(b, Chunk):
        return (a.start, a.gap, a.samples.tobytes()) == (b.start, b.gap, b.samples.tobytes())
    assert isinstance(a, Frame) and isinstance(b, Frame)
    return a.time == b.time and a.picture.shape == b.picture.shape and a.picture.tobytes() == b.picture.tobytes()


def test_what_was_recorded_is_played_bit_for_bit(tmp_path: Path) -> None:
    chunks, frames = session()
    assert record(tmp_path, chunks, frames).written == len(chunks) + len(frames)
    recording = Recording(tmp_path, speed=1000, shift=False)
    assert set(recording.names) == {"microphone", "camera"}
    heard, seen = play(recording.sources(Chunk)[0]), play(recording.sources(Frame)[0])
    assert len(heard) == len(chunks) and all(map(same, heard, chunks))
    assert len(seen) == len(frames) and all(map(same, seen, frames))
    assert not recording.damaged


def coloured(count: int, noise: float, seed: int = 0) -> list[Frame]:
    """Pictures of a gradient in colour with a camera's noise, at 15 Hz."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:240, :320].astype(np.float32)
    base = np.stack([x / 2, y, 255 - x / 2], axis=-1)
    noisy = (np.clip(base + rng.normal(0, noise, base.shape), 0, 255).astype(np.uint8) for _ in range(count))
    return [Frame(100 + i / 15, picture) for i, picture in enumerate(noisy)]


def test_colour_is_recorded_at_the_cameras_size_and_played_with_its_times(tmp_path: Path) -> None:
    frames = coloured(5, 2.0)
    record(tmp_path, [], frames)
    seen = list(Recording(tmp_path).samples("camera"))
    for one, other in zip(seen, frames, strict=True):
        assert isinstance(one, Frame) and one.time == other.time and one.picture.shape == (240, 320, 3)
        assert np.abs(one.picture.astype(int) - other.picture).mean() < 4


@pytest.mark.parametrize("budget", [80_000, 150_000])
def test_pictures_keep_to_their_budget(budget: int, tmp_path: Path) -> None:
    frames = coloured(120, 6.0)
    with Recorder(tmp_path, pictures=budget) as recorder:
        for frame in frames:
            recorder.write("camera", frame)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.rec"))
    assert recorder.written == 120 and size / 8 < 1.1 * budget


def test_a_damaged_or_foreign_jpeg_is_damage() -> None:
    data = cv2.imencode(".jpg", np.zeros((2, 3, 3), np.uint8))[1].tobytes()
    assert isinstance(unpack(crafted(data, 2, 3, kind=4)), Frame)
    png = cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1].tobytes()
    for wrong, height in ((data, 3), (data[:20], 2), (png, 2), (data + 70 * b"\xff\xda", 2)):
        with pytest.raises(Damaged):
            unpack(crafted(wrong, height, 3, kind=4))


def test_it_is_played_when_it_is_due_on_one_clock(tmp_path: Path) -> None:
    chunks, frames = session(seconds=0.6)
    record(tmp_path, chunks, frames)
    recording = Recording(tmp_path)
    sound, pictures = recording.sources(Chunk)[0], recording.sources(Frame)[0]
    with sound, pictures:
        late = []
        for _ in frames:
            frame = pictures.read()
            late.append(time.monotonic() - frame.time)
        first = sound.read()
    # A busy machine may be late for some, never early.
    assert min(late) >= -1e-3 and min(late) < 0.1
    assert frame.time - first.start == pytest.approx(frames[-1].time - chunks[0].start, abs=1e-6)


def test_a_reader_that_is_late_loses_nothing(tmp_path: Path) -> None:
    chunks, _ = session(seconds=10.0)
    record(tmp_path, chunks, [])
    source = Recording(tmp_path, speed=1e6).sources(Chunk)[0]
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
    got = play(recording.sources(Chunk)[0])
    assert len(got) == len(chunks) - 1 and all(map(same, got, chunks))
    (damage,) = recording.damaged
    assert damage.startswith("00-0000.rec: a record is cut off at byte")


def test_damaged_readings_are_never_played_and_later_ones_are(tmp_path: Path) -> None:
    chunks, frames = session(seconds=0.2)
    record(tmp_path, chunks, frames)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.rec")}
    rng = np.random.default_rng(0)
    for trial in range(100):
        for path, content in whole.items():
            head = content.index(b"\n") + 1
            at = int(rng.integers(head, len(content)))
            path.write_bytes(content[:at] + bytes([content[at] ^ (1 << trial % 8)]) + content[at + 1 :])
        recording = Recording(tmp_path, shift=False)
        told: list[str] = []
        recording.on_damage = told.append
        originals: dict[str, list[Chunk] | list[Frame]] = {"microphone": chunks, "camera": frames}
        for name, original in originals.items():
            got = {sample.begin: sample for sample in recording.samples(name)}
            assert all(same(got[o.begin], o) for o in original if o.begin in got)
            assert len(got) == len(original) - 1 and recording.damages(name) == 1
        assert len(told) == 2 and told == recording.damaged


def test_a_hole_in_a_recording_costs_no_more_than_the_hole(tmp_path: Path) -> None:
    chunks, _ = session(seconds=2.0)
    record(tmp_path, chunks, [])
    path = tmp_path / "00-0000.rec"
    content = bytearray(path.read_bytes())
    one = (len(content) - content.index(b"\n") - 1) // len(chunks)
    at = content.index(b"\n") + 1 + 30 * one
    content[at + 7 : at + 3 * one + 9] = bytes(3 * one + 2)
    path.write_bytes(content)
    source = Recording(tmp_path, speed=1000, shift=False).sources(Chunk)[0]
    got = play(source)
    assert len(got) == len(chunks) - 4 and all(map(same, got, chunks[:30] + chunks[34:]))
    assert source.counts.dropped["damaged"] == 1


def test_a_file_that_is_damaged_on_purpose_is_read_to_its_end_soon(tmp_path: Path) -> None:
    chunks, _ = session(seconds=0.2)
    record(tmp_path, chunks, [])
    path = tmp_path / "00-0000.rec"
    # Every header claims all that follows: to check each claim would take hours.
    fake = _HEADER.pack(b"RCP1", 1, 0, 0.0, 1, 0, 20 * 2**20, 0)
    path.write_bytes(path.read_bytes() + fake * (24 * 2**20 // len(fake)))
    recording = Recording(tmp_path, shift=False)
    began = time.process_time()
    assert len(list(recording.samples("microphone"))) == len(chunks)
    assert time.process_time() - began < 10
    assert recording.damages("microphone") == 1


def crafted(payload: bytes, height: int, width: int, kind: int = 2) -> io.BytesIO:
    head = _HEADER.pack(b"RCP1", kind, 0, 1.0, height, width, len(payload), 0)[:-4]
    return io.BytesIO(head + zlib.crc32(payload, zlib.crc32(head)).to_bytes(4, "little") + payload)


def test_pictures_in_other_formats_are_damage_whatever_they_claim() -> None:
    size = (3).to_bytes(4, "big") + (2).to_bytes(4, "big")
    comment = b"P5\n#" + b"x" * 12 + size + b"\n"
    assert comment[16:24] == size
    for body in (b"3 2\n255\n" + bytes(6), b"3000000 2\n255\n" + bytes(6), b"3 2\n255\n"):
        with pytest.raises(Damaged):
            unpack(crafted(comment + body, 2, 3))
    png = cv2.imencode(".png", np.zeros((2, 3), np.uint8))[1].tobytes()
    assert isinstance(unpack(crafted(png, 2, 3)), Frame)
    for wrong in (png[:40], png[:33] + bytes(len(png) - 33), png[:8] + b"\0\0\0\rJUNK" + png[16:]):
        with pytest.raises(Damaged):
            unpack(crafted(wrong, 2, 3))


def test_what_a_library_cannot_unpack_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    png = cv2.imencode(".png", np.zeros((2, 3), np.uint8))[1].tobytes()

    def fail(*_: object) -> None:
        raise cv2.error("out of memory")

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(Damaged):
        unpack(crafted(png, 2, 3))


def test_the_limit_and_what_does_not_fit_are_counted(tmp_path: Path) -> None:
    chunks, _ = session()
    recorder = record(tmp_path, chunks, [], limit=20_000)
    assert recorder.written + recorder.dropped["full"] == len(chunks) and recorder.dropped["full"] > 0
    assert sum(path.stat().st_size for path in tmp_path.glob("*.rec")) < 21_000
    with Recorder(tmp_path / "other") as other:
        other.write("camera", Frame(0.0, np.zeros((0, 4), np.uint8)))
        other.write("camera", Frame(0.0, np.zeros((3, 4), np.uint8)))
        other.write("camera", chunks[0])
    assert not other.write("camera", Frame(0.0, np.zeros((3, 4), np.uint8)))
    assert other.written == 1 and dict(other.dropped) == {"unfit": 2, "closed": 1}


def test_a_disk_that_takes_seconds_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.sources.segments.SEGMENT", 20_000)
    asked, there = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        asked.set()
        assert there.wait(PATIENCE)

    monkeypatch.setattr("os.fsync", slow)
    chunks, _ = session()
    with Recorder(tmp_path) as recorder:
        for chunk in chunks:
            assert recorder.write("microphone", chunk)
        assert asked.wait(PATIENCE) and recorder.written < len(chunks), "all are taken while the disk has not answered"
        there.set()
    assert recorder.written == len(chunks) and not recorder.dropped
    assert all(map(same, Recording(tmp_path, shift=False).samples("microphone"), chunks))


def test_what_a_disk_that_hangs_does_not_take_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.sources.segments.SEGMENT", 20_000)
    monkeypatch.setattr("sensors.sources.recorder.QUEUE", 30_000)
    monkeypatch.setattr("sensors.sources.recorder.DRAIN", 0.2)
    hangs = threading.Event()
    monkeypatch.setattr("os.fsync", lambda _: hangs.wait(PATIENCE))
    chunks, _ = session(seconds=4.0)
    recorder = Recorder(tmp_path)
    taken = 0
    for chunk in chunks:
        taken += recorder.write("microphone", chunk)
        time.sleep(0.001)
    assert recorder.dropped["late"] == len(chunks) - taken > 50
    assert quickest(lambda: took(recorder.close), 1.0) < 1.0
    hangs.set()
    assert wait_for(lambda: recorder.written + recorder.dropped.total() >= len(chunks))
    recording = Recording(tmp_path, shift=False)
    assert len(list(recording.samples("microphone"))) == recorder.written


def test_long_recordings_go_to_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.sources.segments.SEGMENT", 20_000)
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


def test_an_irregular_file_in_a_recording_is_named_and_never_blocks(tmp_path: Path) -> None:
    record(tmp_path, *session())
    os.mkfifo(tmp_path / "microphone-9999.rec")
    with pytest.raises(DataError, match=r"microphone-9999\.rec: is a FIFO"):
        Recording(tmp_path)
    (tmp_path / ABOUT).unlink()
    os.mkfifo(tmp_path / ABOUT)
    with pytest.raises(DataError, match=f"{ABOUT}: is a FIFO"):
        Recording(tmp_path)


def ending(source: Source[Chunk]) -> tuple[int, dict[str, int], str]:
    """Samples that were played, those that the recording lacks, and why it closed."""
    changes: list[Change] = []
    source.observe(changes.append)
    count = len(play(source))
    assert wait_for(lambda: changes[-1].after == "closed")
    lost = {reason: n for reason, n in source.counts.dropped.items() if reason != "device"}
    return count, lost, changes[-1].reason


def test_missing_readings_of_a_recording_are_found(tmp_path: Path) -> None:
    chunks, _ = session()
    record(tmp_path, chunks, [])
    path = tmp_path / "00-0000.rec"
    assert ending(Recording(tmp_path, speed=1000).sources(Chunk)[0]) == (50, {}, "at its end")
    # Cut where a record ends: nothing is torn, and nothing but their number tells.
    record_bytes = _HEADER.size + 4 * 320
    path.write_bytes(path.read_bytes()[: -10 * record_bytes])
    told = ending(Recording(tmp_path, speed=1000).sources(Chunk)[0])
    assert told == (40, {"missing": 10}, "at its end: 40 of 50 samples")
    path.write_bytes(path.read_bytes()[:-1])
    told = ending(Recording(tmp_path, speed=1000).sources(Chunk)[0])
    assert told == (39, {"damaged": 1, "missing": 10}, "at its end: 39 of 50 samples, 1 damaged place")


def test_a_segment_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.sources.segments.SEGMENT", 15_000)
    chunks, _ = session()
    record(tmp_path, chunks, [])
    (tmp_path / "00-0001.rec").unlink()
    recording = Recording(tmp_path, speed=1000)
    count, lost, reason = ending(recording.sources(Chunk)[0])
    assert recording.damaged == ["00-0001.rec: is missing"]
    assert lost == {"damaged": 1, "missing": 49 - count}
    assert reason == f"at its end: {count} of 50 samples, 1 damaged place"


def test_a_recording_that_was_not_closed_says_so(tmp_path: Path) -> None:
    chunks, _ = session()
    record(tmp_path, chunks, [])
    about = tmp_path / ABOUT
    about.write_text('{"version": 1, "begun": 1.0, "samples": null}')
    told = ending(Recording(tmp_path, speed=1000).sources(Chunk)[0])
    assert told == (50, {}, "at its end: the recorder did not close it: the last moments may be missing")
    # As earlier versions wrote it.
    about.write_text('{"version": 1, "begun": 1.0}')
    assert ending(Recording(tmp_path, speed=1000).sources(Chunk)[0])[2] == "at its end"
    about.write_text('{"version": 1, "samples": [3]}')
    with pytest.raises(SourceError, match="holds no recording"):
        Recording(tmp_path)
