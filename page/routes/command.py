"""The route by which viewers command the run."""

import json

from aiohttp import web

from page.access.refusals import Refused
from page.routes.responses import json_answer
from page.routes.watch import BODY_READER, CONTEXT

LARGEST = 4096
"""Bytes of the largest body."""


def add_routes(app: web.Application) -> None:
    """Add it to the application."""
    app.router.add_post("/v1/command", _command)


async def _command(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    # A form of another site can send text, but no JSON, without asking first.
    if request.content_type != "application/json":
        raise Refused("unsupported", "send application/json")
    body = await request.app[BODY_READER].read(request, LARGEST)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("damaged", "the body is no JSON") from None
    name = told.get("command") if isinstance(told, dict) else None
    if not isinstance(name, str):
        raise Refused("bad_request", 'expected {"command": "checkpoint" | "pause" | "resume" | "stop"}')
    command = context.commands.put(name)
    return json_answer({"command": command.name, "number": command.number}, 202)
