"""Viewers that go away, in whatever way, leave nothing in the run's log."""

import gc
import socket
import struct
import time

import pytest

from tests.page.fake import OVERVIEW, FakeRun
from tests.patience import PATIENCE, wait_for

ASK = b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""Closing a socket with this sends a reset, as browsers that are killed do."""


def tell(run: FakeRun, seconds: float) -> None:
    """Have much to tell for a while."""
    end = time.monotonic() + seconds
    step = 0
    while time.monotonic() < end:
        notes = [{"number": step, "at": 0.0, "text": "x" * 3000}] * 40
        run.context.report.update({**OVERVIEW, "step": step, "notes": notes})
        step += 1
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["closed", "reset", "full"])
def test_a_viewer_that_goes_away_leaves_no_trace(run: FakeRun, how: str, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as viewer:
        viewer.settimeout(PATIENCE)
        if how == "full":
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(("127.0.0.1", run.port))
        viewer.sendall(ASK)
        assert wait_for(lambda: run.context.viewers == 1)
        tell(run, 0.6)
        if how != "closed":
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    tell(run, 0.3)
    assert wait_for(lambda: run.context.viewers == 0)
    run.server.close()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert not run.refused()
