"""Files are read for their hash once, and again whenever they change."""

import os
from pathlib import Path

import pytest

from sensors.system.files import open_regular
from teacher.folder import content
from teacher.folder.content import hashes

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    real = open_regular

    def watched(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(content, "open_regular", watched)
    return names


def write(root: Path, count: int = 3) -> list[Path]:
    root.mkdir(exist_ok=True)
    for n in range(count):
        (root / f"{n}.png").write_bytes(bytes([n]) * 10)
    return [root / f"{n}.png" for n in range(count)]


def test_files_that_stay_as_they_are_are_read_once(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)  # as if the files were old
    paths = write(tmp_path / "things")
    first = hashes("image", paths, False)
    assert sorted(opened) == ["0.png", "1.png", "2.png"] and len(set(first)) == 3
    opened.clear()
    assert hashes("image", paths, False) == first and opened == []
    # Overwritten by as many bytes, with the time of modification set back.
    before = paths[1].stat()
    paths[1].write_bytes(b"x" * 10)
    os.utime(paths[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    second = hashes("image", paths, False)
    assert opened == ["1.png"] and second[1] != first[1] and (second[0], second[2]) == (first[0], first[2])
    opened.clear()
    # Another file under the same name.
    (tmp_path / "other").write_bytes(b"y" * 10)
    (tmp_path / "other").rename(paths[2])
    assert hashes("image", paths, False)[2] not in second and opened == ["2.png"]


def test_a_file_that_has_just_changed_is_read_again(tmp_path: Path, opened: list[str]) -> None:
    paths = write(tmp_path / "things")
    assert hashes("image", paths, False) == hashes("image", paths, False)
    assert sorted(opened) == sorted(2 * ["0.png", "1.png", "2.png"])


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"version": 1, "files": {"a": [1]}}', b"\xff"])
def test_damaged_notes_cost_time_alone(
    tmp_path: Path, own_cache: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)
    paths = write(tmp_path / "things")
    first = hashes("image", paths, False)
    (place,) = (own_cache / "contents").iterdir()
    place.write_bytes(damage)
    assert hashes("image", paths, False) == first and len(opened) == 6


def test_files_that_cannot_be_read_are_asked_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)
    paths = write(tmp_path / "things")
    whole = hashes("image", paths, False)
    paths[0].rename(tmp_path / "away")
    assert hashes("image", paths, False)[0].startswith("unread: ")
    (tmp_path / "away").rename(paths[0])
    assert hashes("image", paths, False) == whole
