"""Clients that mean no good, or are broken: they are refused and counted, and others are served all the while."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answers.files import npy
from agent.networks.published import Networks
from page.config import PageConfig
from page.inference.inference_thread import MOST_QUESTIONS
from tests.page.fake import OVERVIEW, FakeRun, board, fake_run, png
from tests.patience import PATIENCE, wait_for

GIB = 2**30


def connect(run: FakeRun) -> socket.socket:
    return socket.create_connection(("127.0.0.1", run.port), timeout=PATIENCE)


def talk(run: FakeRun, data: bytes, ends: bool = False) -> bytes:
    """Send bytes on a connection of its own; the head of the answer, or all until the server closes it.

    Args:
        run: whose page it is.
        data: to send.
        ends: say that nothing more will come.
    """
    with contextlib.closing(connect(run)) as connection:
        got = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while b"\r\n\r\n" not in got and (part := connection.recv(1 << 16)):
                got += part
        return got


def fine(run: FakeRun) -> bool:
    """Whether the page answers; a connection that it refuses or ends at once counts as no answer."""
    with contextlib.suppress(OSError):
        return run.get("/v1/status").status == 200
    return False


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, known: Networks) -> Iterator[FakeRun]:
    """A page with narrow bounds."""
    config = PageConfig(port=20_000, upload_mib=1, viewers=2, connections=24, connections_each=12)
    place = tmp_path_factory.mktemp("small") / "run"
    with fake_run(place, config, head_within=1.0, body_within=1.0) as made:
        made.learn(known)
        yield made


def refused_since(small: FakeRun, before: dict[str, int]) -> dict[str, int]:
    now = small.refused()
    return {reason: now[reason] - before.get(reason, 0) for reason in now if now[reason] != before.get(reason, 0)}


def test_an_upload_of_a_gibibyte_is_refused_before_it_is_read(small: FakeRun) -> None:
    before = small.refused()
    head = f"POST /v1/evoke HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {GIB}\r\n\r\n"
    began = time.monotonic()
    with contextlib.closing(connect(small)) as connection:
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4096)
        # Whoever goes on sending is not listened to.
        with pytest.raises(OSError):
            for _ in range(64 * GIB >> 20):
                connection.sendall(bytes(1 << 20))
    assert time.monotonic() - began < PATIENCE
    assert refused_since(small, before) == {"too_large": 1} and fine(small)


def test_an_upload_of_unknown_length_is_cut_off_at_the_bound(small: FakeRun) -> None:
    before = small.refused()
    head = "POST /v1/evoke HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % (1 << 16) + bytes(1 << 16) + b"\r\n"
    with contextlib.closing(connect(small)) as connection, pytest.raises(OSError):
        connection.sendall(head.encode())
        # More than a quick machine sends while what comes after the bound is thrown away.
        for _ in range(64 * GIB >> 16):
            connection.sendall(chunk)
    assert wait_for(lambda: refused_since(small, before) == {"too_large": 1})


def test_a_compressed_body_is_refused(small: FakeRun) -> None:
    for coding in ("gzip", "deflate", "br", "identity, gzip"):
        answer = small.ask("POST", "/v1/evoke", b"\x1f\x8b" + bytes(50), {"Content-Encoding": coding})
        assert answer.json["reason"] == "unsupported", coding


def test_a_body_that_comes_too_slowly_is_given_up(small: FakeRun) -> None:
    before = small.refused()
    head = (
        "POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    )
    with contextlib.closing(connect(small)) as connection:
        connection.sendall(head.encode() + b"{")
        assert b" 408 " in connection.recv(4096)
    assert refused_since(small, before) == {"too_slow": 1}


@pytest.mark.parametrize("begun", [b"", b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_head_that_comes_too_slowly_is_given_up(small: FakeRun, begun: bytes) -> None:
    before = small.refused()
    with contextlib.closing(connect(small)) as connection:
        connection.sendall(begun)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(4096) == b""
    assert refused_since(small, before) == {"too_slow": 1}


def test_a_second_head_on_a_connection_that_comes_too_slowly_is_given_up(small: FakeRun) -> None:
    before = small.refused()
    with contextlib.closing(connect(small)) as connection:
        connection.sendall(b"GET /v1/settings HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in connection.recv(1 << 16)
        connection.sendall(b"GET /v1/sett")
        with contextlib.suppress(ConnectionError):
            while connection.recv(4096):
                pass
    assert refused_since(small, before) == {"too_slow": 1}


def test_two_thousand_connections_of_one_address(small: FakeRun) -> None:
    """Each beyond the bound is closed and counted, and nothing of it stays."""
    before, files = small.refused(), psutil.Process().num_fds()
    open_ones: list[socket.socket] = []

    def closed_by_the_server(connection: socket.socket) -> None:
        # One that its client closes before the server takes it in would be counted by nobody.
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""

    for _ in range(2_000):
        open_ones.append(connect(small))
        if len(open_ones) > 200:
            closed_by_the_server(open_ones.pop(0))
    for connection in open_ones:
        closed_by_the_server(connection)
    counted = refused_since(small, before)
    # Those within the bound say nothing, and are given up.
    assert counted["connections"] + counted["too_slow"] == 2_000 and counted["connections"] > 1_700
    assert wait_for(lambda: fine(small))
    assert wait_for(lambda: psutil.Process().num_fds() <= files + 20), "some stay open"


def test_viewers_are_bounded(small: FakeRun) -> None:
    before = small.refused()
    request = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        viewers = [stack.enter_context(contextlib.closing(connect(small))) for _ in range(2)]
        for viewer in viewers:
            viewer.sendall(request)
            assert b" 200 " in viewer.recv(4096)
        third = small.get("/v1/events")
        assert third.status == 503 and third.json["reason"] == "viewers"
    assert wait_for(lambda: small.get("/v1/status").json["page"]["viewers"] == 0)
    assert refused_since(small, before) == {"viewers": 1}, "a viewer that goes is no fault"


def test_a_viewer_that_takes_nothing_costs_nothing(small: FakeRun) -> None:
    """It never reads; all others are served, and what waits for it does not grow."""
    small.context.report.update(
        {**OVERVIEW, "notes": [{"number": n, "at": 0.0, "text": "x" * 2000} for n in range(50)]}
    )
    with contextlib.closing(connect(small)) as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for step in range(20):
            small.context.report.update({**small.context.report.overview, "step": step})
            assert fine(small)
            time.sleep(0.02)
    assert wait_for(lambda: small.get("/v1/status").json["page"]["viewers"] == 0)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", b" 403 "),
        (b"GET /v1/status HTTP/1.1\r\n\r\n", b" 400 "),
        (b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", b" 403 "),
        (b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b" 400 "),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 400 "),
        (b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 500 + b"\r\n", b" 400 "),
        (b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b" 400 "),
        (b"POST /v1/evoke HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), b" 400 "),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" 400 "),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 405 "),
        (b"OPTIONS /v1/evoke HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", b" 403 "),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 40"),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(small: FakeRun, request_bytes: bytes, status: bytes) -> None:
    assert status in talk(small, request_bytes)[:20]
    assert fine(small)


def test_other_sites_get_no_leave_to_read_or_to_send(small: FakeRun) -> None:
    for method, path in (("GET", "/v1/status"), ("OPTIONS", "/v1/command"), ("POST", "/v1/command")):
        headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        answer = small.ask(method, path, b'{"command": "stop"}' if method == "POST" else None, headers)
        assert answer.status == 403 and "access-control-allow-origin" not in answer.headers
    assert not len(small.context.commands)


def test_too_many_questions_at_once_are_refused_and_the_rest_answered(small: FakeRun) -> None:
    import threading

    begun, release = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        release.wait()

    small.context.inference_thread.ask(compute)
    assert begun.wait(PATIENCE)
    waiting = [small.context.inference_thread.ask(lambda: 1) for _ in range(MOST_QUESTIONS)]
    answer = small.post("/v1/evoke?keep=0", png(board()), "image/png")
    assert answer.status == 503 and answer.json["reason"] == "busy" and "too many questions" in answer.json["error"]
    release.set()
    assert [one.result(PATIENCE) for one in waiting] == [1] * MOST_QUESTIONS
    assert small.post("/v1/evoke?keep=0", npy(np.zeros((1, 32, 32), np.uint8)), "application/x-npy").json["told"]


def test_a_fault_of_the_page_is_told_and_counted(small: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.refused()
    monkeypatch.setattr(small.context.questions, "all", lambda: 1 / 0)
    answer = small.get("/v1/questions")
    assert answer.status == 500 and answer.json["reason"] == "failed" and "ZeroDivision" not in answer.json["error"]
    assert refused_since(small, before) == {"failed": 1} and fine(small)


REQUESTS = [
    b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /v1/samples/evoked.exam.0.image.1.audio?as=wav HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /v1/metrics?keys=a*&from=1&to=2&points=20 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 23\r\n"
    b'Connection: close\r\n\r\n{"command":"checkpoint"}'[:-1],
]


@st.composite
def near_misses(draw: st.DrawFn) -> bytes:
    """A request with some bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


@given(near_misses())
@settings(max_examples=80)
def test_fuzz_requests(small: FakeRun, data: bytes) -> None:
    """Whatever comes is answered or refused; the page never has a fault."""
    faults = small.refused().get("failed", 0)
    got = talk(small, data, ends=True)
    assert not got or got.startswith(b"HTTP/1.")
    assert small.refused().get("failed", 0) == faults
    small.context.commands.take(0.0)


@given(
    st.dictionaries(
        st.sampled_from(["sense", "target", "prepare", "cut", "data", "as", "keep", "size", "token"]),
        st.text(max_size=12),
    ),
    st.sampled_from(
        ["/v1/evoke", "/v1/samples/exam.0.image.1", "/v1/concepts", "/v1/latents", "/v1/confusion", "/v1/metrics"]
    ),
)
@settings(max_examples=80)
def test_fuzz_parameters(small: FakeRun, query: dict[str, str], path: str) -> None:
    from urllib.parse import urlencode

    method = "POST" if path == "/v1/evoke" else "GET"
    body = npy(np.zeros((1, 32, 32), np.uint8)) if method == "POST" else None
    answer = small.ask(method, f"{path}?{urlencode(query, errors='surrogatepass')}", body, {"Content-Type": ""})
    assert answer.status < 500 or answer.json["reason"] in ("not_ready", "busy"), answer.body[:300]


def test_what_was_refused_is_told(small: FakeRun) -> None:
    small.get("/nothing")
    told = small.get("/v1/status").json["page"]["refused"]
    assert told["not_found"] >= 1 and json.dumps(told)
    assert small.context.own_figures()["page/refused/not_found"] >= 1


def test_a_page_takes_the_next_port_where_its_own_is_taken(small: FakeRun, tmp_path: Path) -> None:
    with fake_run(tmp_path / "run", PageConfig(port=small.port)) as second:
        assert second.port > small.port and fine(second)
