"""Files that were prepared before are not read again; what is not used is removed."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sensors.system.rooms import child_process
from teacher.config import DataConfig
from teacher.folder import pool, store
from teacher.folder import prepare as preparing
from teacher.folder.content import hashes
from teacher.folder.load import load_things
from teacher.folder.prepare import Rows, prepare
from teacher.folder.store import tidy
from teacher.subjects.folder import FOLDER
from tests.teacher.own_things import picture, write_things


def rows(paths: Sequence[Path]) -> Rows:
    return prepare("image", paths, hashes("image", paths, False), False)


@pytest.fixture
def read(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    usual = pool.read_files

    def note(name: str, paths: Sequence[Path], reach: Any) -> Any:
        names.extend(path.name for path in paths)
        return usual(name, paths, reach)

    monkeypatch.setattr(preparing, "read_files", note)
    return names


def pictures(root: Path, count: int = 6) -> list[Path]:
    for n in range(count):
        picture(root / f"{n}.png", 1, n)
    (root / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "copy.png").write_bytes((root / "2.png").read_bytes())
    return [*(root / f"{n}.png" for n in range(3)), root / "bad.png", *(root / f"{n}.png" for n in range(3, count))]


def entries(cache: Path, name: str = "image") -> list[Path]:
    return sorted((cache / "prepared").glob(f"folder-{name}-*"))


def test_one_new_file_alone_is_read_and_all_rows_are_as_in_a_fresh_preparation(
    tmp_path: Path, own_cache: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path)
    rows(paths)
    assert len(read) == 7
    read.clear()
    picture(tmp_path / "new.png", 2, 0)
    # Another order, one file less, one twice, and one new in the middle.
    asked = [paths[5], paths[3], tmp_path / "new.png", tmp_path / "copy.png", *paths[:3], paths[6]]
    grown = rows(asked)
    assert read == ["new.png"] and grown.reasons == ("damaged",)
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "fresh"))
    fresh = rows(asked)
    assert len(read) == 1 + len(asked)
    assert grown.samples.tobytes() == fresh.samples.tobytes() and grown.samples.dtype == fresh.samples.dtype
    assert grown.taken.tolist() == fresh.taken.tolist() and grown.reasons == fresh.reasons
    assert grown.fingerprint == fresh.fingerprint


def test_files_of_several_preparations_are_joined(tmp_path: Path, read: list[str]) -> None:
    paths = pictures(tmp_path)
    rows(paths[:2]), rows(paths[2:4])
    read.clear()
    both = rows(paths[:5])
    assert read == ["3.png"] and both.taken.tolist() == [True, True, True, False, True]


def test_samples_of_another_form_are_not_taken(tmp_path: Path, read: list[str], forms: Any) -> None:
    paths = pictures(tmp_path)
    rows(paths[:3])
    forms(image={"size": 64})
    read.clear()
    assert rows(paths[:2]).samples.shape == (2, 1, 64, 64) and len(read) == 2


def test_a_damaged_preparation_gives_nothing(tmp_path: Path, own_cache: Path, read: list[str]) -> None:
    paths = pictures(tmp_path)
    whole = rows(paths[:3]).samples.tobytes()
    file = entries(own_cache)[0] / "samples.npy"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 255
    file.write_bytes(raw)
    read.clear()
    assert rows(paths[:2]).samples.tobytes() == whole[: 2 * 1024] and len(read) == 2
    for name in ("meta.json", "taken.npy"):
        for entry in entries(own_cache):
            (entry / name).write_bytes(b"[]")
        assert rows(paths[:3]).samples.tobytes() == whole


def test_a_preparation_that_was_killed_leaves_the_others_whole(tmp_path: Path, own_cache: Path) -> None:
    paths = pictures(tmp_path, 3)
    rows(paths[:2])
    program = (
        "import os, sys; from pathlib import Path; from teacher.datasets.preparation import cache\n"
        "from teacher.folder.content import hashes; from teacher.folder.prepare import prepare\n"
        "save = cache.np.save\n"
        "def end(file, array, **options):\n    save(file, array[:1], **options); os.kill(os.getpid(), 9)\n"
        "cache.np.save = end\npaths = [Path(path) for path in sys.argv[1:]]\n"
        "prepare('image', paths, hashes('image', paths, False), False)\n"
    )
    (tmp_path / "use.py").write_text(program)
    child = child_process("teacher")
    command = [sys.executable, str(tmp_path / "use.py"), *map(str, paths)]
    done = subprocess.run(command, cwd=child["cwd"], env=child["env"], timeout=120)
    assert done.returncode == -9
    assert len(list((own_cache / "prepared").glob(".stage-*"))) == 1 and len(entries(own_cache)) == 1
    assert rows(paths).taken.tolist() == [True, True, True, False]
    assert tidy() == "", "it may be another run's, which is under way"
    for stage in (own_cache / "prepared").glob(".stage-*"):
        os.utime(stage, (time.time() - 2 * 86_400,) * 2)
    assert tidy().endswith("1 left unfinished by a killed process")
    assert not list((own_cache / "prepared").glob(".stage-*")) and len(entries(own_cache)) == 2


def aged(entry: Path, days: float) -> None:
    os.utime(entry, (time.time() - days * 86_400,) * 2)


def test_unused_entries_are_removed_and_used_ones_stay(tmp_path: Path, own_cache: Path, read: list[str]) -> None:
    paths = pictures(tmp_path)
    rows(paths[:2])
    first = entries(own_cache)[0]
    rows(paths[:3])
    for entry in entries(own_cache):
        aged(entry, 31)
    rows(paths[:2])
    read.clear()
    told = tidy()
    assert told.startswith("removed from the cache: prepared samples, ")
    assert told.endswith(" MiB: 1 not used for 30 days") and entries(own_cache) == [first]
    assert tidy() == "" and rows(paths[:2]).taken.all() and not read
    assert not list((own_cache / "prepared").glob(".stage-*"))


def test_beyond_a_size_those_used_least_recently_are_removed(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    paths = pictures(tmp_path)
    for count in (1, 2, 3):
        rows(paths[:count])
    sizes = {entry: sum(file.stat().st_size for file in entry.iterdir()) for entry in entries(own_cache)}
    smallest, middle, largest = sorted(sizes, key=sizes.__getitem__)
    monkeypatch.setattr(store, "MOST_KEPT", 1)
    assert tidy() == "", "a run may be starting with any of them"
    for entry, days in ((smallest, 1), (middle, 3), (largest, 2)):
        aged(entry, days)
    monkeypatch.setattr(store, "MOST_KEPT", sizes[smallest] + sizes[largest])
    assert ": 1 used least recently, as " in tidy()
    assert entries(own_cache) == sorted([smallest, largest])


def test_the_start_of_a_run_tells_what_it_removed(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "things"
    write_things(root, count=2)
    data = DataConfig(folder=str(root))
    FOLDER.prepare(data)
    assert "removed" not in capsys.readouterr().err
    image = cv2.imread(str(root / "image" / "mug" / "0.png"))
    assert image is not None
    cv2.imwrite(str(root / "image" / "mug" / "9.png"), 255 - image)
    old = entries(own_cache)[0]
    before = load_things(root)
    aged(old, 40)
    FOLDER.prepare(data)
    assert "removed from the cache: prepared samples, 0.0 MiB: 1 not used for 30 days\n" in capsys.readouterr().err
    assert load_things(root).fingerprint == before.fingerprint
    assert not old.exists()
    np.testing.assert_array_equal(FOLDER.load(data).datasets["image"].train, before.datasets["image"].train)
