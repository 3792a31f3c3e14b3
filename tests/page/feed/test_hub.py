import asyncio

import pytest

from page.access.refusals import Refused
from page.feed.hub import Hub


def test_a_slow_viewer_has_the_newest_of_each_kind_and_no_more() -> None:
    async def watch() -> None:
        hub = Hub(2)
        slow = hub.join()
        for number in range(1000):
            hub.publish("status", {"number": number})
            hub.publish("turn", {"step": number})
        waiting = await slow.take(0.0)
        assert waiting.count(b"event: ") == 2 and b'"number": 999' in waiting and b'"step": 999' in waiting
        assert await slow.take(0.0) == b""

    asyncio.run(watch())


def test_a_new_viewer_is_told_what_is_known_and_nobody_the_same_twice() -> None:
    async def watch() -> None:
        hub = Hub(2)
        first = hub.join()
        hub.publish("turn", {"turn": "image"})
        await first.take(0.0)
        hub.publish("turn", {"turn": "image"})
        assert await first.take(0.0) == b""
        hub.publish("question", {"number": 1}, again=True)
        hub.publish("question", {"number": 1}, again=True)
        assert await first.take(0.0) == b'event: question\ndata: {"number": 1}\n\n'
        second = hub.join()
        assert b'"turn": "image"' in await second.take(0.0)
        with pytest.raises(Refused) as refused:
            hub.join()
        assert refused.value.reason == "viewers"
        hub.leave(first)
        hub.join()

    asyncio.run(watch())
