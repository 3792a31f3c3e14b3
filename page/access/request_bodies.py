"""Bodies of requests: read up to a size, within a time, and not too many at once."""

import asyncio

from aiohttp import web

from page.access.refusals import Refused

WITHIN = 20.0
"""Seconds in which a body must arrive."""
AT_ONCE = 8
"""Bodies that are read at one time; the others wait in the network."""


class BodyReader:
    """Reads the bodies of one server's requests; used in its event loop.

    Args:
        within: seconds in which a body must arrive, and for which one waits for its turn.
    """

    def __init__(self, within: float = WITHIN) -> None:
        self._within = within
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(self, request: web.Request, most: int) -> bytes:
        """The body of a request.

        Args:
            request: whose body it is.
            most: bytes.

        Raises:
            Refused: it is larger, comes too slowly, is compressed, or too many others come at the same time.
        """
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused("unsupported", "send the body without Content-Encoding")
        if request.content_length is not None and request.content_length > most:
            raise Refused("too_large", f"the body has {request.content_length:,} bytes; at most {most:,} are taken")
        try:
            await asyncio.wait_for(self._turns.acquire(), self._within)
        except TimeoutError:
            raise Refused("busy", "too many uploads at one time; try again in a moment") from None
        try:
            async with asyncio.timeout(self._within):
                return await _read(request, most)
        except TimeoutError:
            raise Refused("too_slow", f"the body did not arrive within {self._within:g} s") from None
        finally:
            self._turns.release()


async def _read(request: web.Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_chunked(1 << 16):
        size += len(part)
        if size > most:
            raise Refused("too_large", f"the body has more than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)
