"""Bodies of requests: read up to a size and within a time."""

import asyncio

from aiohttp import web

from page.refusals import Refused

WITHIN = 20.0
"""Seconds in which a body must arrive."""


async def read_body(request: web.Request, most: int, within: float = WITHIN) -> bytes:
    """The body of a request.

    Args:
        request: whose body it is.
        most: bytes.
        within: seconds.

    Raises:
        Refused: it is larger, comes too slowly, or is compressed.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused("unsupported", "send the body without Content-Encoding")
    if request.content_length is not None and request.content_length > most:
        raise Refused("too_large", f"the body has {request.content_length:,} bytes; at most {most:,} are taken")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within):
            async for part in request.content.iter_chunked(1 << 16):
                size += len(part)
                if size > most:
                    raise Refused("too_large", f"the body has more than {most:,} bytes")
                parts.append(part)
    except TimeoutError:
        raise Refused("too_slow", f"the body did not arrive within {within:g} s") from None
    return b"".join(parts)
