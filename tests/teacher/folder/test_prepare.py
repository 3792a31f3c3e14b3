"""What of a folder's preparation is kept, and for how long."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacher.folder import pool
from teacher.folder.content import hashes
from teacher.folder.load import load_things
from teacher.folder.pool import passing
from teacher.folder.prepare import prepare
from teacher.folder.reading import NOT_NOW, reader
from tests.teacher.own_things import picture, write_things

pytestmark = pytest.mark.usefixtures("own_cache")


def pictures(root: Path, count: int = 6) -> list[Path]:
    for n in range(count):
        picture(root / f"{n}.png", 1, n)
    return [root / f"{n}.png" for n in range(count)]


def failing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The system cannot read a file of this name."""
    ask = pool._Reader._ask

    def fail(self: pool._Reader, process: Any, path: Path) -> Any:
        return (f"{NOT_NOW} (Input/output error)", b"") if path.name == name else ask(self, process, path)

    monkeypatch.setattr(pool._Reader, "_ask", fail)


def test_a_file_that_the_system_could_not_read_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path)
    (tmp_path / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    contents = hashes("image", paths, False)
    with monkeypatch.context() as patch:
        failing(patch, "3.png")
        first = prepare("image", paths, contents, False)
    assert first.taken.tolist() == [True, True, True, False, True, False]
    assert first.reasons == ("that the system cannot read now (Input/output error)", "damaged")
    second = prepare("image", paths, contents, False)
    assert second.taken.tolist() == [True] * 5 + [False] and second.reasons == ("damaged",)
    whole = np.concatenate([prepare("image", [path], [str(path)], False).samples for path in paths[:5]])
    np.testing.assert_array_equal(second.samples, whole)
    # The repaired entry serves from now on.
    monkeypatch.setattr("teacher.folder.prepare.read_apart", None)
    third = prepare("image", paths, contents, False)
    assert third.fingerprint == second.fingerprint and isinstance(third.samples, np.memmap)


def test_what_a_reader_makes_of_the_systems_error_is_passing_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = pictures(tmp_path, 2)

    def fail(path: Path, **options: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("sensors.signals.pictures.open_regular", fail)
        assert reader("image")(paths[0]) == (None, f"{NOT_NOW} (Too many open files)")
        patch.setattr(Path, "stat", fail)
        assert reader("image")(paths[0]) == (None, f"{NOT_NOW} (Too many open files)")
    assert passing(f"{NOT_NOW} (Too many open files)") and reader("image")(paths[0])[1] == ""


def test_a_file_that_brought_its_reader_down_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "things"
    write_things(root)
    ask = pool._Reader._ask

    def break_down(self: pool._Reader, process: Any, path: Path) -> Any:
        if path.name == "3.png":
            process.kill()
        return ask(self, process, path)

    with monkeypatch.context() as patch:
        patch.setattr(pool, "FILES_PER_PROCESS", 4)
        patch.setattr(pool._Reader, "_ask", break_down)
        assert "3 that their reader breaks down on" in load_things(root).lines[-1]
    assert "3 that their" in load_things(root, again=False).lines[-1], "later processes of a run follow its first one"
    assert len(load_things(root).lines) == 3, "nothing is left out"
