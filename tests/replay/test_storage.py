"""Columns, seals and layouts, whole and damaged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replay import files
from replay.storage import META, Storage, read_layout
from sensors.core.errors import StateError, StorageError
from tests.replay.batches import batch_of, sample_of


def filled(directory: Path, capacity: int = 64, count: int = 40, kind: str = "audio+image") -> Storage:
    storage = Storage.create(directory, kind, capacity)
    slots = np.arange(count)
    storage.write(slots, slots + 1, 5, batch_of(range(count), kind), slots)
    return storage


def rewrite(storage: Storage, slot: int) -> None:
    storage.write(np.array([slot]), np.array([slot + 1]), 5, batch_of([slot], "audio+image"), np.array([0]))


def test_written_slots_come_back_whole(tmp_path: Path) -> None:
    filled(tmp_path / "t")
    again = Storage(tmp_path / "t", writable=True)
    assert again.verify() == (0, 0)
    assert np.flatnonzero(again.live()).tolist() == list(range(40))
    assert again.meta["seq"][:40].tolist() == list(range(40))
    assert (again.meta["end"][:40] - again.meta["start"][:40] == 0.5).all()
    for name, column in again.samples.items():
        assert (column[:40] == sample_of(name, np.arange(40))).all()


def test_files_take_their_space_when_made(tmp_path: Path) -> None:
    Storage.create(tmp_path / "image", "image", 4_096)
    status = (tmp_path / "image" / "image.col").stat()
    assert status.st_size == 4_096 * 1_024
    assert status.st_blocks * 512 >= status.st_size


def test_every_single_flipped_bit_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    storage = filled(tmp_path / "t")
    sealed = META.fields["serial"][1] if META.fields else 0
    for _ in range(200):
        slot = int(rng.integers(40))
        before = storage.samples["audio"].copy()
        name = str(rng.choice(["meta.col", "audio.col", "image.col"]))
        width, low = {"meta.col": (68, sealed), "audio.col": (9_216, 0), "image.col": (1_024, 0)}[name]
        place = slot * (META.itemsize if name == "meta.col" else width) + int(rng.integers(low, width))
        with (tmp_path / "t" / name).open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << int(rng.integers(8))]))
        assert storage.verify() == (0, 1)
        assert not storage.live()[slot]
        assert storage.live().sum() == 39
        others = np.arange(64) != slot
        assert (storage.samples["audio"][others] == before[others]).all()
        storage.write(np.array([slot]), np.array([slot + 1]), 5, batch_of([slot], "audio+image"), np.array([0]))


def test_a_write_cut_short_anywhere_is_torn_and_nothing_else_is(tmp_path: Path) -> None:
    storage = filled(tmp_path / "t")
    samples = storage.samples["audio"].reshape(64, -1)
    for cut in range(96, 9_217, 96):
        # What a kill in the middle leaves: the version odd, part of the sample new.
        storage.meta["version"][7] |= np.uint64(1)
        samples[7, :cut] = 99
        assert storage.verify() == (1, 0)
        assert np.flatnonzero(~storage.live()[:40]).tolist() == [7]
        rewrite(storage, 7)
        assert storage.verify() == (0, 0)


def test_layout_of_something_else_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "t")
    path = tmp_path / "t" / "layout.json"
    good = json.loads(path.read_text())
    for change, error, words in (
        ({"format": 99}, StateError, "format 99"),
        ({"kind": "smell"}, StateError, "smell"),
        ({"capacity": "many"}, StorageError, "capacity"),
        ({"samples": {"audio": [[1, 80, 96], "|u1"]}}, StateError, "80"),
        ({"capacity": 65}, StorageError, "meta.col"),
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(error, match=words):
            Storage(tmp_path / "t", writable=True)
    for text in ("{", "[1]", ""):
        path.write_text(text)
        with pytest.raises(StorageError, match=r"layout\.json"):
            read_layout(tmp_path / "t")
    path.write_text(json.dumps(good))
    os.truncate(tmp_path / "t" / "image.col", 1_000)
    with pytest.raises(StorageError, match=r"image\.col"):
        Storage(tmp_path / "t", writable=True)
    (tmp_path / "t" / "image.col").unlink()
    with pytest.raises(StorageError, match=r"image\.col"):
        Storage(tmp_path / "t", writable=True)


def test_a_disk_too_small_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="MB needed"):
        Storage.create(tmp_path / "t", "image", 10**11)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from replay.storage import Storage
from sensors.core.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    Storage.create(Path(sys.argv[1]) / "image", "image", 4096)
except StorageError as error:
    print("refused:", error)
"""


def test_no_room_for_a_file_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("refused:")
    assert "image.col" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        files.make_directory(tmp_path / "file" / "replay")
    with pytest.raises(StorageError, match="file"):
        files.write_json(tmp_path / "file" / "state.json", {})


def test_json_changes_in_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": {1, 2}})
    assert files.read_json(path) == {"a": 1}
