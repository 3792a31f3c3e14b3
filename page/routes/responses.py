"""HTTP answers: JSON, samples, and refusals; and the headers that all of them bear."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from page.access.refusals import Refused

POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"
"""Content-Security-Policy: nothing comes from elsewhere, and nothing in the page's text is a script or a style."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(self)",
    "Server": "reciprocal",
}
"""Headers of every answer."""


def json_answer(data: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON answer; not kept by browsers, as it changes all the time."""
    return web.Response(
        text=json.dumps(data, allow_nan=False),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def refusal(refused: Refused) -> web.Response:
    """What a request is told that is not answered."""
    answer = json_answer({"error": str(refused), "reason": refused.reason}, refused.status)
    if refused.reason == "token":
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refused.reason in ("busy", "viewers", "not_ready", "connections"):
        answer.headers["Retry-After"] = "2"
    return answer


def text_of(request: web.Request, name: str, default: str = "") -> str:
    """A query parameter."""
    return request.query.get(name, default)


def number_of(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """A query parameter that is a whole number.

    Raises:
        Refused: it is none, or outside the range.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise Refused("bad_request", f"{name}={text[:20]}: expected a whole number, {low}…{high}")
    return int(text)


def seconds_of(request: web.Request, name: str) -> float | None:
    """A query parameter in seconds; None without it.

    Raises:
        Refused: it is no number.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1e12 < value < 1e12:
        raise Refused("bad_request", f"{name}={text[:20]}: expected seconds")
    return value


def flag_of(request: web.Request, name: str, default: bool) -> bool:
    """A query parameter that is 0 or 1.

    Raises:
        Refused: it is neither.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if text not in ("0", "1"):
        raise Refused("bad_request", f"{name}={text[:20]}: expected 0 or 1")
    return text == "1"
