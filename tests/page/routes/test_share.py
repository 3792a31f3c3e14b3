"""The WebSocket of sharing, over real sockets."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from page.config import PageConfig
from page.context import PageContext
from page.feed.run_report import RunFacts
from page.server.page_server import PageServer
from sensors.browsers.messages import LARGEST
from tests.patience import wait_for


@pytest.fixture
def context(tmp_path: Path) -> PageContext:
    facts = RunFacts("run", "0", ["digits"], True, [], ("image", "audio"), "ink")
    return PageContext(tmp_path, PageConfig(shares=1), facts)


def talk(server: PageServer, act: Any, **headers: str) -> Any:
    async def run() -> Any:
        async with aiohttp.ClientSession() as session:
            address = f"http://127.0.0.1:{server.port}/v1/share"
            async with session.ws_connect(address, headers=headers, max_msg_size=0) as socket:
                return await act(socket)

    return asyncio.run(asyncio.wait_for(run(), 30))


def test_time_is_told_at_once_and_the_rest_is_passed_on_and_answered(context: PageContext) -> None:
    server = PageServer(context, PageConfig(port=18_970), "")

    async def act(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
        await socket.send_str('{"type": "time", "sent": 3.5}')
        told: dict[str, Any] = json.loads((await socket.receive()).data)
        await socket.send_str('{"type": "hello"}')
        await socket.send_bytes(b"sound")
        found: list[Any] = []
        while len(found) < 2:
            await asyncio.sleep(0.01)
            found += context.sharing.take()
        assert [(one.text, one.data) for one in found] == [(True, b'{"type": "hello"}'), (False, b"sound")]
        context.sharing.give([(found[0].connection, '{"type": "welcome"}')])
        assert json.loads((await socket.receive()).data) == {"type": "welcome"}
        return told

    told = talk(server, act)
    now = time.monotonic()
    assert told["sent"] == 3.5 and now - 30 < told["received"] <= told["answered"] < now
    assert wait_for(lambda: len(context.sharing) == 0)
    server.close()
    context.close()


def test_strangers_and_floods_are_refused_and_counted(context: PageContext) -> None:
    server = PageServer(context, PageConfig(port=18_980), "")

    async def nothing(socket: aiohttp.ClientWebSocketResponse) -> None:
        return None

    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        talk(server, nothing, Origin="http://elsewhere.example")
    assert raised.value.status == 403

    async def flood(socket: aiohttp.ClientWebSocketResponse) -> Any:
        for _ in range(5000):
            if socket.closed:
                break
            await socket.send_str("{}")
        return (await socket.receive()).type

    assert talk(server, flood) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    async def large(socket: aiohttp.ClientWebSocketResponse) -> Any:
        await socket.send_bytes(bytes(LARGEST + 1))
        return (await socket.receive()).type

    assert wait_for(lambda: len(context.sharing) == 0)
    assert talk(server, large) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert context.refusals.totals["rate"] == 1 and context.refusals.totals["origin"] == 1

    async def second(socket: aiohttp.ClientWebSocketResponse) -> Any:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{server.port}/v1/share") as answer:
                assert answer.status == 400
            async with session.ws_connect(f"http://127.0.0.1:{server.port}/v1/share"):
                return None

    assert wait_for(lambda: len(context.sharing) == 0)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        talk(server, second)
    assert refused.value.status == 503
    server.close()
    context.close()
