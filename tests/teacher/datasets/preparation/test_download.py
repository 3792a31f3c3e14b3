"""Downloads from a server on loopback: mirrors, checksums, breaks, and no connection."""

import hashlib
import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from sensors.core.errors import DataError
from teacher.datasets.preparation import download
from teacher.datasets.preparation.download import Remote, fetch
from tests.patience import PATIENCE

CONTENT = os.urandom(300_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []
        self.ranges = True
        self.seen: list[tuple[str, str | None]] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.seen.append((self.path, wanted))
        data = self.server.files.get(self.path[1:])
        if data is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        if self.server.break_after:
            body = body[: self.server.break_after.pop(0)]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def remote(*urls: str, checksum: str | None = SHA256) -> Remote:
    return Remote("set.bin", urls, checksum, 1 << 20)


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.files["set.bin"] = CONTENT
    for _ in range(2):
        assert fetch(remote(server.url("set.bin")), tmp_path / "new").read_bytes() == CONTENT
    assert len(server.seen) == 1
    assert os.listdir(tmp_path / "new") == ["set.bin"]


def test_a_broken_off_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.files["set.bin"] = CONTENT
    server.break_after = [100_000, 50_000]
    assert fetch(remote(server.url("set.bin")), tmp_path).read_bytes() == CONTENT
    starts = [int(r.removeprefix("bytes=").removesuffix("-")) if r else 0 for _, r in server.seen]
    assert len(starts) == 3 and starts[0] == 0
    # A break costs less than one block of what had arrived.
    assert 90_000 < starts[1] <= 100_000 and 40_000 < starts[2] - starts[1] <= 50_000


def test_a_partial_file_survives_the_process(server: Server, tmp_path: Path) -> None:
    server.files["set.bin"] = CONTENT
    server.break_after = [100_000, 0, 0]
    with pytest.raises(DataError, match="broke off"):
        fetch(remote(server.url("set.bin")), tmp_path)
    have = (tmp_path / "set.bin.part").stat().st_size
    assert 90_000 < have <= 100_000
    server.break_after = []
    assert fetch(remote(server.url("set.bin")), tmp_path).read_bytes() == CONTENT
    assert server.seen[-1][1] == f"bytes={have}-"


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.files["set.bin"] = CONTENT
    server.ranges = False
    server.break_after = [100_000]
    assert fetch(remote(server.url("set.bin")), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("have", [len(CONTENT), len(CONTENT) + 5])
def test_a_partial_file_that_is_whole_or_too_long(server: Server, tmp_path: Path, have: int) -> None:
    server.files["set.bin"] = CONTENT
    (tmp_path / "set.bin.part").write_bytes((CONTENT + b"extra")[:have])
    assert fetch(remote(server.url("set.bin")), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_turns_to_the_next_mirror(server: Server, tmp_path: Path) -> None:
    server.files.update({"bad": CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), "good": CONTENT})
    path = fetch(remote(server.url("gone"), server.url("bad"), server.url("good")), tmp_path)
    assert path.read_bytes() == CONTENT
    assert [p for p, _ in server.seen] == ["/gone", "/bad", "/good"]


def test_no_good_mirror_says_what_to_fetch_by_hand(server: Server, tmp_path: Path) -> None:
    server.files["bad"] = b"<html>"
    with pytest.raises(DataError) as error:
        fetch(remote(server.url("gone"), server.url("bad")), tmp_path)
    for part in (
        "set.bin",
        "HTTP status 404",
        "wrong checksum",
        "by hand",
        server.url("gone"),
        str(tmp_path),
    ):
        assert part in str(error.value)
    assert os.listdir(tmp_path) == []


def test_more_bytes_than_allowed_are_refused(server: Server, tmp_path: Path) -> None:
    server.files["huge"] = bytes(2 << 20)
    with pytest.raises(DataError, match="more than the file has"):
        fetch(remote(server.url("huge")), tmp_path)


def test_offline_is_told_in_time(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match="no connection"):
        fetch(remote("http://127.0.0.1:1/set.bin", "http://no.such.host.invalid/set.bin"), tmp_path)
    assert time.monotonic() - start < 60


def test_certificates_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote("file", ("https://127.0.0.1:9/file",), SHA256, 1 << 20)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(DataError, match=r"REQUESTS_CA_BUNDLE=.*nowhere\.pem: no such file of certificates"):
        fetch(remote, tmp_path)


def test_a_host_that_is_not_trusted_is_told_from_one_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError("Max retries exceeded: certificate verify failed")

    monkeypatch.setattr(requests, "get", refuse)
    (tmp_path / "own.pem").touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "own.pem"))
    with pytest.raises(DataError, match=r"certificate is not trusted .*REQUESTS_CA_BUNDLE=.*own\.pem"):
        fetch(Remote("file", ("https://127.0.0.1:9/file",), SHA256, 1 << 20), tmp_path)


def test_a_mirror_that_falls_silent_is_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = threading.Event()
    monkeypatch.setattr(download, "_READ_TIMEOUT", 1.0)
    server.files["set.bin"] = CONTENT
    plain = Handler.do_GET

    def wait_or_serve(self: Handler) -> None:
        if self.path == "/silent":
            silent.wait(PATIENCE)
        else:
            plain(self)

    monkeypatch.setattr(Handler, "do_GET", wait_or_serve)
    path = fetch(remote(server.url("silent"), server.url("set.bin")), tmp_path)
    silent.set()
    assert path.read_bytes() == CONTENT


def recordings(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"data"))
    return out.getvalue()


def test_fsdd_is_unpacked_whole_and_inside_its_folder(server: Server, tmp_path: Path) -> None:
    server.files["fsdd"] = recordings(
        *("set-1/recordings/0_ann_0.wav", "set-1/recordings/1_ann_0.wav", "set-1/README.md"),
        *("../recordings/../../2_ann_0.wav", "/recordings/evil.wav"),
    )
    spec = Remote("fsdd.tar.gz", (server.url("fsdd"),), None, 1 << 20)
    download.fetch_fsdd(tmp_path, spec, recordings=2)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["fsdd/recordings/0_ann_0.wav", "fsdd/recordings/1_ann_0.wav"]


def test_fsdd_with_recordings_missing_is_not_put_in_place(server: Server, tmp_path: Path) -> None:
    server.files["fsdd"] = recordings("set-1/recordings/0_ann_0.wav")
    spec = Remote("fsdd.tar.gz", (server.url("fsdd"),), None, 1 << 20)
    with pytest.raises(DataError, match="holds 1 recordings, expected 3,000"):
        download.fetch_fsdd(tmp_path, spec)
    assert not (tmp_path / "fsdd" / "recordings").exists()


def test_a_damaged_archive_is_not_put_in_place(server: Server, tmp_path: Path) -> None:
    whole = recordings(*(f"set-1/recordings/{n}_ann_0.wav" for n in range(9)))
    for place in (-6, len(whole) // 2):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        server.files["fsdd"] = bytes(damaged)
        spec = Remote("fsdd.tar.gz", (server.url("fsdd"),), None, 1 << 20)
        with pytest.raises(DataError, match=r"fsdd\.tar\.gz: damaged archive .*; remove it and try again"):
            download.fetch_fsdd(tmp_path, spec, recordings=9)
        assert os.listdir(tmp_path / "fsdd") == ["fsdd.tar.gz"]
        (tmp_path / "fsdd" / "fsdd.tar.gz").unlink()
