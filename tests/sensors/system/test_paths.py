from pathlib import Path

import pytest

from sensors.core.errors import ConfigError
from sensors.system.paths import check_readable, check_writable, here, place


def test_a_home_directory_is_found_where_the_shell_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place("~/x", "--record") == tmp_path / "x"
    monkeypatch.chdir(tmp_path)
    assert place("runs/Gr\u00f6\u00dfe", "--record") == tmp_path / "runs" / "Gr\u00f6\u00dfe"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("~nosuchuser/x", r"--data ~nosuchuser/x: the home directory of ~nosuchuser is not known"),
        ("a/" + "b" * 256, r"--data: the name b+\u2026 is longer than 255 bytes"),
        ("\u00e4" * 128, r"longer than 255 bytes"),
        ("/b" * 2100, r"--data /b.*the path is longer than 4095 bytes"),
        ("a/\udcff/b", r"--data a/.*: the path is not UTF-8"),
        ("a\0b", r"zero byte"),
        ("", r"--data: is empty"),
    ],
)
def test_what_no_file_can_be_called_is_refused_in_a_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        place(text, "--data")
    assert "\n" not in str(caught.value) and str(caught.value).isprintable()
    str(caught.value).encode()


def test_a_working_directory_that_was_removed_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert here() == gone
    gone.rmdir()
    with pytest.raises(ConfigError, match="working directory cannot be used"):
        here()


def test_folders_in_the_way_are_named(tmp_path: Path) -> None:
    check_readable(tmp_path, "--judges", "name one")
    check_writable(tmp_path / "a" / "b", "--record")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--judges .*/file: is no directory; name one"):
        check_readable(tmp_path / "file", "--judges", "name one")
    with pytest.raises(ConfigError, match=r"--judges .*/none: no such directory; name one"):
        check_readable(tmp_path / "none", "--judges", "name one")
    with pytest.raises(ConfigError, match=r"--record .*/file/a: .*/file is no directory"):
        check_writable(tmp_path / "file" / "a", "--record")
