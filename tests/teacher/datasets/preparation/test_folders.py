"""Folders are listed with the true cause where that fails, and searched in one order within bounds."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.core.errors import DataError
from teacher.datasets.preparation import folders
from teacher.datasets.preparation.folders import Listing, Match, list_folder, locate, walk

NOBODY = 65534


@pytest.fixture
def common_folder() -> Iterator[Path]:
    """A folder that every user reaches, where permissions hold: root alone is not held by them."""
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as name:
        Path(name).chmod(0o755)
        if os.geteuid():
            yield Path(name)
            return
        os.chown(name, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_a_folders_entries_are_sorted_and_links_are_followed(tmp_path: Path) -> None:
    for name in ("b", "A", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    here = list_folder(tmp_path)
    assert here == Listing(tmp_path, ("A", "a", "b", "loop"), ("d", "link"))
    assert here.file("x", "a") == tmp_path / "a" and here.file("B") == tmp_path / "b"
    assert here.folder("D") == tmp_path / "d" and here.folder("a") is None
    assert list_folder(tmp_path / "none") is None and list_folder(tmp_path / "b") is None
    assert list_folder(tmp_path / "b" / "c") is None


def test_a_link_to_nothing_and_a_name_too_long_are_told(tmp_path: Path) -> None:
    (tmp_path / "mnist").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"mnist: a broken link .*gone"):
        list_folder(tmp_path / "mnist")
    with pytest.raises(DataError, match="File name too long"):
        list_folder(tmp_path / ("x" * 300))


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_a_folder_without_read_or_search_permission_is_told(common_folder: Path, mode: int) -> None:
    closed = common_folder / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(mode)
    try:
        with pytest.raises(DataError, match=r"closed: the folder cannot be read .Permission denied.*chmod"):
            list_folder(closed)
        # What nobody named may stay closed.
        assert [here.path for here in walk(common_folder)] == [common_folder]
    finally:
        closed.chmod(0o700)


def test_a_search_is_broad_first_by_name_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b/y", "a/x/1/2/3", ".hidden/z", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "c" / "back").symlink_to(tmp_path)
    found = [str(here.path.relative_to(tmp_path)) for here in walk(tmp_path)]
    assert found[:7] == [".", "a", "b", "c", "a/x", "b/y", "c/back"]
    assert "a/x/1/2" in found and "a/x/1/2/3" not in found and len(found) < 40
    monkeypatch.setattr(folders, "MOST_FOLDERS", 3)
    beyond: list[Path] = []
    assert [here.path.name for here in walk(tmp_path, beyond=beyond)][1:] == ["a", "b", "c"]
    assert [path.name for path in beyond] == ["x", "y", "back"]


def test_a_usual_place_comes_first_and_a_search_says_what_it_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).mkdir()

    def look(here: Listing) -> Iterator[Match[str]]:
        if here.path != tmp_path:
            yield Match(here.path, "searched")

    match = locate(tmp_path, lambda root: [Match(root, "usual")], look)
    assert match is not None and (match.value, match.note) == ("usual", "")
    match = locate(tmp_path, lambda root: [], look)
    assert match is not None and match.value == "searched"
    assert match.note == "found in a, not taken from b, c, d, …"
    assert locate(None, lambda root: [Match(root, "usual")], look) is None
