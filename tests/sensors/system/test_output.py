import errno
import io
import os
import pty
import sys
import threading
import time
from pathlib import Path

import pytest

from sensors.system.output import PATIENCE, SPELT, Sink, SteadyOutput, go_on_without, open_log, spelt, steady_output
from tests.patience import read_until


def test_what_an_encoding_lacks_is_spelt() -> None:
    assert spelt("a → b – ±1…", "ascii") == "a -> b - +-1..."
    assert spelt("Größe 日", "latin-1") == r"Größe \u65e5"
    assert spelt("Größe → 日", "utf-8") == "Größe → 日"
    assert "no utf-8: \udcff".encode("utf-8", SPELT) == rb"no utf-8: \udcff"


def test_a_reader_that_is_gone_takes_nothing_with_it() -> None:
    reader, writer = os.pipe()
    stream, told = SteadyOutput(writer, "utf-8"), list[str]()
    stream.sink.on_loss = told.append
    print("first", file=stream)
    assert read_until(reader, lambda got: got.endswith(b"\n")) == b"first\n"
    os.close(reader)
    for _ in range(3):
        print("more", file=stream)
    assert (stream.sink.lost, told) == (15, ["Broken pipe"])
    os.close(writer)
    print("after that", file=stream)
    assert len(told) == 1


def test_a_disk_with_room_again_is_written_again_with_the_gap_told(tmp_path: Path) -> None:
    target = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    sink, told = Sink(os.open("/dev/full", os.O_WRONLY)), list[str]()
    sink.on_loss = told.append
    for _ in range(2):
        assert sink.write(b"lost\n") == 5
        assert sink.write(b"lost\n") == 5
        full = os.dup(sink.fileno())
        os.dup2(target, sink.fileno())
        sink.write(b"kept\n")
        os.dup2(full, sink.fileno())
        os.close(full)
    gap = "[10 bytes of output were lost: No space left on device]\nkept\n"
    assert (tmp_path / "log").read_text() == 2 * gap
    assert told == 2 * ["No space left on device"] and sink.lost == 20
    os.close(sink.fileno())
    os.close(target)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_does_not_read_is_waited_for_once(blocking: bool) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    sink = Sink(writer)
    sink.patience = 0.2
    began = time.monotonic()
    for _ in range(200):
        sink.write(bytes(4096))
    assert 0.2 <= time.monotonic() - began < 0.2 + PATIENCE
    assert 0 < sink.lost < 200 * 4096
    os.set_blocking(reader, False)
    while True:
        try:
            os.read(reader, 1 << 16)
        except BlockingIOError:
            break
    sink.write(b"again\n")
    told = f"[{sink.lost} bytes of output were lost: nothing read it]\nagain\n".encode()
    assert read_until(reader, lambda got: len(got) >= len(told)) == told
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("ours", [True, False])
def test_a_terminal_that_nobody_reads_stops_nothing(ours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    sink = Sink(slave)
    sink.patience = 0.2
    if not ours:
        opened = os.open

        def refused(path: str, *how: int) -> int:
            if "/fd/" in path:
                raise PermissionError(errno.EACCES, path)
            return opened(path, *how)

        monkeypatch.setattr(os, "open", refused)

    def write() -> None:
        for _ in range(100):
            sink.write(b"line\n" * 500)

    # A daemon, as a write that waits would never end.
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive() and sink.lost > 0 and sink.error is not None
    assert sink.error.strerror == "nothing read it" and os.get_blocking(slave)
    before = sink.lost
    written = 100 * 500 * len(b"line\n") - before
    shown = read_until(master, lambda got: len(got.replace(b"\r", b"")) >= written)
    assert len(shown.replace(b"\r", b"")) == written
    sink.write(b"again\n")
    assert read_until(master, lambda got: got.endswith(b"\n")) == b"again\r\n" and sink.lost == before
    sink.close()
    os.close(slave)
    os.close(master)


def test_a_page_waits_for_its_reader() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink, got = Sink(writer), bytearray()

    def read() -> None:
        time.sleep(0.3)
        while part := os.read(reader, 1 << 16):
            got.extend(part)

    thread = threading.Thread(target=read)
    thread.start()
    sink.write(bytes(300_000))
    os.close(writer)
    thread.join()
    assert len(got) == 300_000 and sink.lost == 0
    os.close(reader)


def test_streams_that_somebody_else_put_there_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = io.StringIO()
    monkeypatch.setattr(sys, "stdout", theirs)
    with steady_output():
        assert sys.stdout is theirs
        go_on_without(print)
        print("seen")
    assert theirs.getvalue() == "seen\n"


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        log = open_log(tmp_path / "log")
        print("→", file=log)
        log.close()
        log.close()
    assert (tmp_path / "log").read_text() == "→\n→\n"
