import os
import pwd
import tempfile
from pathlib import Path

import pytest

from sensors.core.errors import ConfigError, StorageError
from sensors.system.places import PRIVATE, caches, check_link, private_folder, writable


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files that is this test's own, in an environment without a home."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    return tmp_path / "tmp"


def test_caches_are_where_something_can_be_written(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caches() == temporary / PRIVATE / "cache"
    assert (temporary / PRIVATE).stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert caches() == temporary / PRIVATE / "cache"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert caches() == tmp_path / "home" / ".cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert caches() == tmp_path / "xdg"
    assert not (tmp_path / "xdg").exists() and not (tmp_path / "home").exists()


def test_a_folder_that_others_can_reach_is_not_private(temporary: Path) -> None:
    place = temporary / PRIVATE
    place.mkdir()
    place.chmod(0o755)
    with pytest.raises(StorageError, match="HOME=DIR"):
        private_folder()
    place.rmdir()
    place.symlink_to(temporary)
    with pytest.raises(StorageError, match="not a directory of this user alone"):
        private_folder()


def test_no_place_at_all_says_what_helps(temporary: Path) -> None:
    temporary.rmdir()
    with pytest.raises(StorageError, match="HOME=DIR or TMPDIR=DIR"):
        caches()


def test_writable_looks_at_existing_folders(tmp_path: Path) -> None:
    assert writable(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    assert not writable(tmp_path / "file" / "a")
    (tmp_path / "link").symlink_to("/nowhere")
    assert not writable(tmp_path / "link" / "a")
    assert not writable(Path("/proc/1/a")) or os.getuid() == 0


def test_a_link_to_nothing_is_named_wherever_it_is_in_a_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    for path in (tmp_path / "link", str(tmp_path / "link" / "deeper")):
        with pytest.raises(ConfigError, match=r"--data .*link is a link to gone, which is not there"):
            check_link("--data", path)
    check_link("--data", tmp_path / "nowhere")
    check_link("--camera", "rtsp://127.0.0.1/x")
    check_link("--data", None)
