import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.folder import pool
from teacher.folder.pool import BREAKDOWN, TOO_LONG, read_apart, read_files
from tests.teacher.own_things import picture


def files(root: Path, count: int = 12) -> list[Path]:
    for n in range(count):
        picture(root / f"{n}.png", 1, n)
    (root / "empty.png").write_bytes(b"")
    return [*(root / f"{n}.png" for n in range(count)), root / "empty.png"]


def test_processes_read_what_one_process_reads(tmp_path: Path) -> None:
    paths = files(tmp_path)
    reached: list[int] = []
    alone, reasons = read_files("image", paths, lambda done: None, processes=1)
    shared, told = read_files("image", paths, reached.append, processes=2)
    assert reasons == told == [""] * 12 + ["empty"]
    np.testing.assert_array_equal(alone[:12], shared[:12])
    assert reached[-1] == 13


def test_a_file_that_brings_its_reader_down_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path)
    ask = pool._Reader._ask

    def break_down(self: pool._Reader, process: object, path: Path) -> object:
        if path.name == "3.png":
            process.kill()  # type: ignore[attr-defined]
        return ask(self, process, path)  # type: ignore[arg-type]

    monkeypatch.setattr(pool._Reader, "_ask", break_down)
    samples, reasons = read_files("image", paths, lambda done: None, processes=2)
    assert reasons == [BREAKDOWN if n == 3 else "" for n in range(12)] + ["empty"]
    assert samples[4].any()


def test_files_whose_reader_was_ended_once_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path)
    ask = pool._Reader._ask
    ended: list[Path] = []

    def end_once(self: pool._Reader, process: Any, path: Path) -> Any:
        if path.name == "3.png" and not ended:
            ended.append(path)
            process.kill()  # as the system does where memory runs out
        return ask(self, process, path)

    monkeypatch.setattr(pool._Reader, "_ask", end_once)
    samples, reasons = read_files("image", paths, lambda done: None, processes=2)
    assert ended and reasons == [""] * 12 + ["empty"]
    np.testing.assert_array_equal(samples[:12], read_files("image", paths[:12], lambda done: None, processes=1)[0])


def test_a_file_that_hangs_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, 4)
    send, stopped = pool._Reader._send, []

    def stop(process: Any, text: str) -> bool:
        if text.endswith('/2.png"'):
            process.send_signal(signal.SIGSTOP)
            stopped.append(process)
            monkeypatch.setattr(pool, "PATIENCE", 0.3)
        elif stopped:
            monkeypatch.setattr(pool, "PATIENCE", 60.0)
        return send(process, text)

    monkeypatch.setattr(pool._Reader, "_send", staticmethod(stop))
    samples, reasons = read_apart("image", paths)
    assert reasons == ["", "", TOO_LONG, "", "empty"] and samples[3].any()
    assert stopped[0].poll() is not None


def test_a_stop_ends_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> Any:
        started.append(popen(*arguments, **options))
        return started[-1]

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(KeyboardInterrupt):
        read_files("image", files(tmp_path), stop, processes=2)
    assert all(process.poll() is not None for process in started)


def test_why_a_process_cannot_begin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "process_setup", lambda: {"nothing": True})
    with pytest.raises(DataError, match=r"reads files of image cannot begin \(KeyError: "):
        read_files("image", files(tmp_path, 1), lambda done: None)


def test_a_process_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "child_process", lambda module: {"args": ["/bin/false"]})
    with pytest.raises(DataError, match="ended before its first file"):
        read_files("image", files(tmp_path), lambda done: None, processes=2)
