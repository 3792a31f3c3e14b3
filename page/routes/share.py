"""The WebSocket by which a browser shares its microphone and camera."""

import asyncio
import contextlib
import json
import math
import time

from aiohttp import WSMsgType, web

from page.access.refusals import Refused
from page.routes.watch import CONTEXT
from page.sharing.sharing_connections import SharingConnection, SharingConnections
from sensors.browsers.messages import LARGEST, LARGEST_TEXT

ALIVE_EVERY = 5.0
"""Seconds between two signs of life; a browser that gives none for as long again is gone."""
SLOW = 10.0
"""Seconds in which a browser must take what it is told."""
RATE = 200.0
"""Messages a second that one browser may send for long."""
BYTES_RATE = 4.0 * 2**20
"""Bytes a second that one browser may send for long."""
BURST = 5.0
"""Seconds of these rates that may come at once."""


def add_routes(app: web.Application) -> None:
    """Add it to the application."""
    app.router.add_get("/v1/share", _share)


class MessageAllowance:
    """What a browser may send for now.

    Args:
        now: monotonic second.
    """

    def __init__(self, now: float) -> None:
        self._messages, self._bytes, self._at = RATE * BURST, BYTES_RATE * BURST, now

    def take(self, nbytes: int, now: float) -> bool:
        """Whether one more message of so many bytes may come at this monotonic second."""
        passed, self._at = now - self._at, now
        self._messages = min(self._messages + RATE * passed, RATE * BURST) - 1
        self._bytes = min(self._bytes + BYTES_RATE * passed, BYTES_RATE * BURST) - nbytes
        return self._messages >= 0 and self._bytes >= 0


async def _share(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    socket = web.WebSocketResponse(heartbeat=2 * ALIVE_EVERY, max_msg_size=LARGEST, compress=False, timeout=2.0)
    if not socket.can_prepare(request):
        raise Refused("bad_request", "this address is a WebSocket's")
    loop, there = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the page is being closed
            loop.call_soon_threadsafe(there.set)

    connection = context.sharing.open(wake)
    telling: asyncio.Task[None] | None = None
    try:
        await socket.prepare(request)
        telling = asyncio.create_task(_tell(socket, connection, there))
        if refused := await _hear(socket, context.sharing, connection):
            context.refusals.count(refused)
            await socket.close(code=1008, message=refused.encode())
        return socket
    finally:
        context.sharing.close(connection)
        if telling is not None:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await telling


async def _hear(socket: web.WebSocketResponse, connections: SharingConnections, connection: SharingConnection) -> str:
    """Take in what comes until the connection ends; why the page ends it, if so."""
    allowance = MessageAllowance(time.monotonic())
    async for message in socket:
        now = time.monotonic()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            continue
        text = message.type == WSMsgType.TEXT
        data: bytes = message.data.encode(errors="replace") if text else message.data
        if not allowance.take(len(data), now):
            return "rate"
        if text and len(data) > LARGEST_TEXT:
            return "too_large"
        if text and (sent := clock_question(data)) is not None:
            # Here and at once: the longer an answer takes, the less it says about the clocks.
            times = {"type": "time", "sent": sent, "received": now, "answered": time.monotonic()}
            await socket.send_str(json.dumps(times))
            continue
        connections.put(connection, text, data)
    return ""


async def _tell(socket: web.WebSocketResponse, connection: SharingConnection, there: asyncio.Event) -> None:
    while True:
        await there.wait()
        there.clear()
        for text in connection.take_replies():
            async with asyncio.timeout(SLOW):
                await socket.send_str(text)


def clock_question(data: bytes) -> float | None:
    """The browser's time in a question for the time; None for any other message."""
    if len(data) > 200 or b'"time"' not in data:
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("type") != "time":
        return None
    sent = told.get("sent")
    if isinstance(sent, bool) or not isinstance(sent, int | float) or not math.isfinite(sent):
        return None
    return float(sent)
