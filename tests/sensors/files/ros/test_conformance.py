"""Bags keep the promises of all readers of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="extra 'ros' is not installed")
pytest.importorskip("mcap", reason="extra 'ros' is not installed")

from mcap.writer import CompressionType
from rosbags.rosbag2 import StoragePlugin

from tests.sensors.files.conformance import FileReaderConformance, Made
from tests.sensors.files.ros.bags import (
    BEGIN,
    Recorded,
    array,
    audio_info,
    audio_stamped,
    image,
    write_directory,
    write_mcap,
)


def messages() -> Iterator[Recorded]:
    """Four seconds of pictures in colour at 25 Hz, sound, and rows; 400 messages and more."""
    rng = np.random.default_rng(0)
    yield "/audio_info", "audio_common_msgs/msg/AudioInfo", BEGIN, audio_info()
    for n in range(200):
        at = BEGIN + n * 20_000_000
        pcm = rng.integers(-9000, 9000, 320, np.int16).astype("<i2")
        yield "/audio", "audio_common_msgs/msg/AudioDataStamped", at + 9_000_000, audio_stamped(at, pcm.tobytes())
        yield "/hand", "std_msgs/msg/Float32MultiArray", at, array([n, 0.5])
        if n % 2 == 0:
            picture = rng.integers(0, 256, (24, 32, 3), np.uint8)
            yield "/camera", "sensor_msgs/msg/Image", at + 5_000_000, image(at, "rgb8", picture)


def flip(path: Path) -> None:
    """Change a byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path) -> None:
    """Take the last third of a file away."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


KNOWN: dict[str, Any] = {
    "begins": {"/camera": [n * 0.04 for n in range(100)], "/hand": [n * 0.02 for n in range(200)]},
    "sounds": {"/audio": 4.0},
}


class TestMcap(FileReaderConformance):
    @pytest.fixture(params=[flip, cut])
    def made(self, tmp_path: Path, request: pytest.FixtureRequest) -> Made:
        path = write_mcap(tmp_path / "bag.mcap", messages(), compression=CompressionType.NONE)
        return Made(path, **KNOWN, damage=request.param)


class TestDirectory(FileReaderConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Made:
        path = write_directory(tmp_path / "bag", messages(), StoragePlugin.MCAP)
        return Made(path, **KNOWN, damage=lambda path: cut(path / "bag.mcap"))


class TestDatabase(FileReaderConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Made:
        path = write_directory(tmp_path / "bag", messages())
        return Made(path, **KNOWN, damage=lambda path: cut(path / "bag.db3"))
