import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.harness.network_camera import MjpegServer
from sensors.cameras.camera import READ_TIMEOUT, Camera
from sensors.core.errors import SourceError
from sensors.signals.pictures import grey
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Change, Ended, Frame
from sensors.system.address import file_of, index_of
from sensors.system.files import LFS_POINTER
from tests.patience import PATIENCE, TRIES, quickest, took, wait_for


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    made = MjpegServer(fps=25)
    yield made
    made.close()


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

        def hang() -> float:
            server.flowing.clear()
            noticed = took(lambda: wait_for(lambda: camera.state == "stalled"))
            server.flowing.set()
            assert wait_for(lambda: camera.state == "live")
            return noticed

        def end() -> float:
            nonlocal server
            server.close()
            noticed = took(lambda: wait_for(lambda: camera.state == "stalled"))
            server = MjpegServer(port=server.port)
            assert wait_for(lambda: camera.state == "live")
            return noticed

        try:
            assert quickest(hang, 2.0) < 2.0
            assert quickest(end, 2.0) < 2.0
        finally:
            camera.disconnect()
            server.close()
    assert wait_for(lambda: changes[-1].after == "closed")
    told = [c.after for c in changes if c.after != "stalled"]
    assert told == ["connecting", *(camera.counts.reconnects + 1) * ["live"], "closed"] and len(told) >= 5


def test_a_stream_may_be_silent_for_as_long_as_the_setting_says(server: MjpegServer) -> None:
    changes: list[Change] = []
    camera = Camera(server.address, stall=PATIENCE)
    camera.observe(changes.append)
    with camera:
        assert wait_for(lambda: camera.state == "live")
        server.flowing.clear()
        time.sleep(READ_TIMEOUT / 1000 + 0.7)
        given = camera.counts.given
        server.flowing.set()
        assert wait_for(lambda: camera.counts.given > given)
    assert [c.after for c in changes[:2]] == ["connecting", "live"] and camera.counts.reconnects == 0
    assert "stalled" not in [c.after for c in changes]


def rate(camera: Camera) -> float:
    """Pictures a second that it gives, for a second."""
    assert wait_for(lambda: camera.counts.given >= 3)
    before, began = camera.counts.given, time.monotonic()
    time.sleep(1.0)
    return (camera.counts.given - before) / (time.monotonic() - began)


def test_no_more_pictures_are_taken_than_asked_for() -> None:
    fast = MjpegServer(fps=50)
    try:
        with Camera(fast.address, fps=10) as camera:
            rates = [rate(camera)]
            while rates[-1] < 5 and len(rates) < TRIES:
                rates.append(rate(camera))
        assert max(rates) <= 12 and rates[-1] >= 5
    finally:
        fast.close()


def test_a_camera_that_is_just_as_fast_as_asked_loses_no_picture(server: MjpegServer) -> None:
    with Camera(server.address, fps=25) as camera:
        # Every other one lost would be 12.5.
        assert quickest(lambda: 1 / rate(camera), 1 / 17) < 1 / 17


def test_a_cameras_known_delay_is_subtracted_from_its_times(server: MjpegServer) -> None:
    with Camera(server.address, delay=0.7) as camera:
        late = np.array([-camera.read().time + time.monotonic() for _ in range(10)])
        assert (late > 0.7).all() and late.min() < 1.5
    config = SensorsConfig(camera=server.address, camera_delay=0.7)
    with Camera.from_config(config) as camera:
        assert time.monotonic() - camera.read().time > 0.7


def test_a_device_is_no_file_however_it_is_named(tmp_path: Path) -> None:
    assert [index_of(a) for a in ("2", "/dev/video12", "/dev/null", "clip.avi", "http://robot/1")] == [
        *(2, 12),
        *(None, None, None),
    ]
    assert [file_of(a) for a in ("2", "/dev/video12", "clip.avi", "http://robot/1")] == [None, None, "clip.avi", None]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("97", "'97': cannot be opened; plug it in"),
        ("/dev/video97", "'/dev/video97': cannot be opened; plug it in"),
        ("/no/such/video.avi", "no such file"),
        ("http://127.0.0.1:9/x.mjpg", "connection refused: nothing listens there"),
    ],
)
def test_what_cannot_be_opened_is_named_with_the_fix(address: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Camera(address).connect(warmup=PATIENCE)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(SourceError, match="is no film or picture that can be read"):
        Camera(str(path)).connect(warmup=PATIENCE)


def test_a_pointer_of_git_lfs_is_told_from_a_damaged_film(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(LFS_POINTER + b"v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SourceError, match=r"camera '.*video.mp4': a Git LFS pointer, .*; run git lfs pull"):
        Camera(str(path)).connect(warmup=PATIENCE)


def test_every_form_of_picture_becomes_grey() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    assert np.array_equal(grey(one), one)
    assert np.array_equal(grey(one[:, :, None]), one)
    assert np.array_equal(grey(np.repeat(one[:, :, None], 3, axis=2)), one)
    opaque = np.full((4, 6, 1), 255, np.uint8)
    assert np.array_equal(grey(np.concatenate([np.repeat(one[:, :, None], 3, axis=2), opaque], axis=2)), one)
    assert np.array_equal(grey(one.astype(np.uint16) * 256 + 7), one)
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 2] = 255
    assert (grey(red) == 76).all()
    for wrong in (one.astype(np.float32), np.zeros((4, 6, 2), np.uint8), np.zeros((2, 4, 6, 3), np.uint8)):
        with pytest.raises(SourceError, match="cannot read pictures"):
            grey(wrong)
