"""What is opened and what is refused: never waited for."""

import os
from pathlib import Path

import pytest

from sensors.core.errors import DataError
from sensors.system.files import open_regular, read_regular
from tests.patience import took


def test_a_regular_file_is_read_through_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_regular(tmp_path / name) == b"bytes"
    with open_regular(str(tmp_path / "file")) as file:
        assert file.read() == b"bytes"


def test_one_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    with pytest.raises(DataError, match="larger than 2 MiB, no picture; give another"):
        read_regular(tmp_path / "file", 2 << 20, "no picture; give another")
    assert len(read_regular(tmp_path / "file", 3 << 20)) == 3 << 20


def test_what_never_ends_or_never_comes_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "terminal").symlink_to("/dev/tty")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    causes = {
        "fifo": "is a FIFO; give a regular file, or remove it",
        "zero": "is a device",
        "terminal": "is a device",
        ".": "is a directory",
        "link": "a broken link; repair or remove it",
        "loop": "cannot be read",
        "none": "no such file; check the path",
        "x" * 300: "cannot be read",
        "nul\0": "cannot be read",
    }

    def look() -> None:
        for name, cause in causes.items():
            with pytest.raises(DataError) as caught:
                read_regular(tmp_path / name)
            assert str(caught.value).startswith(f"{tmp_path / name}: {cause}")

    assert took(look) < 5
