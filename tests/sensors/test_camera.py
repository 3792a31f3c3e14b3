import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.network_camera import MjpegServer
from sensors.camera import Camera, grey, index_of, is_file
from sensors.errors import SourceError
from sensors.live_config import SensorsConfig
from sensors.source import Change, Ended, Frame


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    made = MjpegServer(fps=25)
    yield made
    made.close()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def all_of(camera: Camera) -> list[Frame]:
    frames = []
    with camera:
        while True:
            try:
                frames.append(camera.read())
            except Ended:
                return frames


def test_a_video_is_played_at_its_own_rate_to_its_end(tmp_path: Path) -> None:
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 40, (128, 96))
    for i in range(20):
        writer.write(np.full((96, 128, 3), 10 * i, np.uint8))
    writer.release()
    frames = all_of(Camera(path))
    assert [round(float(f.picture.mean()), -1) for f in frames] == [10 * i for i in range(20)]
    assert np.diff([f.time for f in frames]) == pytest.approx(1 / 40, abs=1e-6)


def test_an_image_sequence_is_played_at_the_rate_of_the_settings(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 48, 64), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"shot_{i:03d}.png"), picture)
    frames = all_of(Camera(str(tmp_path / "shot_%03d.png"), fps=50))
    assert np.array_equal([f.picture for f in frames], pictures)


def test_a_stream_that_ends_or_hangs_stalls_within_two_seconds_and_is_found_again(server: MjpegServer) -> None:
    changes: list[Change] = []
    camera = Camera(server.address)
    camera.observe(changes.append)
    with camera:
        assert camera.read().picture.shape == (96, 128)
        server.flowing.clear()
        began = time.monotonic()
        assert wait_for(lambda: camera.state == "stalled", 3.0)
        assert time.monotonic() - began < 2.0
        server.flowing.set()
        assert wait_for(lambda: camera.state == "live", 5.0)
        server.close()
        began = time.monotonic()
        assert wait_for(lambda: camera.state == "stalled", 3.0)
        assert time.monotonic() - began < 2.0
        again = MjpegServer(port=server.port)
        try:
            assert wait_for(lambda: camera.state == "live", 5.0)
            assert camera.counts.reconnects == 2
        finally:
            camera.disconnect()
            again.close()
    assert [c.after for c in changes if c.after != "stalled"] == ["connecting", "live", "live", "live", "closed"]


def test_no_more_pictures_are_taken_than_asked_for() -> None:
    fast = MjpegServer(fps=50)
    try:
        with Camera(fast.address, fps=10) as camera:
            time.sleep(0.3)
            before, began = camera.counts.given, time.monotonic()
            time.sleep(1.0)
            rate = (camera.counts.given - before) / (time.monotonic() - began)
        assert 5 <= rate <= 12
    finally:
        fast.close()


def test_a_camera_that_is_just_as_fast_as_asked_loses_no_picture(server: MjpegServer) -> None:
    with Camera(server.address, fps=25) as camera:
        time.sleep(0.3)
        before, began = camera.counts.given, time.monotonic()
        time.sleep(1.0)
        rate = (camera.counts.given - before) / (time.monotonic() - began)
    assert rate > 17  # every other one lost would be 12.5


def test_what_is_known_of_a_cameras_delay_is_taken_off_its_times(server: MjpegServer) -> None:
    with Camera(server.address, delay=0.7) as camera:
        for _ in range(5):
            frame = camera.read()
            late = time.monotonic() - frame.time
            assert late > 0.7
        assert late < 1.5
    config = SensorsConfig(camera=server.address, camera_delay=0.7)
    with Camera.from_config(config) as camera:
        assert time.monotonic() - camera.read().time > 0.7


def test_a_device_is_no_file_however_it_is_named(tmp_path: Path) -> None:
    assert [index_of(a) for a in ("2", "/dev/video12", "/dev/null", "clip.avi", "http://robot/1")] == [
        *(2, 12),
        *(None, None, None),
    ]
    assert [is_file(a) for a in ("2", "/dev/video12", "clip.avi", "http://robot/1")] == [False, False, True, False]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("97", "'97': cannot be opened; plug it in"),
        ("/dev/video97", "'/dev/video97': cannot be opened; plug it in"),
        ("/no/such/video.avi", "no such file"),
        ("http://127.0.0.1:9/x.mjpg", "check that it is being served there"),
    ],
)
def test_what_cannot_be_opened_is_named_with_the_fix(address: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Camera(address).connect(warmup=5.0)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(SourceError, match="give a video"):
        Camera(str(path)).connect(warmup=5.0)


def test_every_form_of_picture_becomes_grey() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    assert np.array_equal(grey(one), one)
    assert np.array_equal(grey(one[:, :, None]), one)
    assert np.array_equal(grey(np.repeat(one[:, :, None], 3, axis=2)), one)
    assert np.array_equal(grey(np.repeat(one[:, :, None], 4, axis=2)), one)
    assert np.array_equal(grey(one.astype(np.uint16) * 256 + 7), one)
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 2] = 255
    assert (grey(red) == 76).all()
    for wrong in (one.astype(np.float32), np.zeros((4, 6, 2), np.uint8), np.zeros((2, 4, 6, 3), np.uint8)):
        with pytest.raises(SourceError, match="cannot read pictures"):
            grey(wrong)
