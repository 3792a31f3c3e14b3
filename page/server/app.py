"""The web application: every request passes the guard, and every answer bears the same headers."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from page.access.connections import Connections
from page.access.guard import Asked, Guard
from page.access.refusals import Refused
from page.access.request_bodies import BodyReader
from page.context import PageContext
from page.feed.hub import Hub
from page.routes import ask, command, encode, know, share, watch
from page.routes.responses import HEADERS, refusal
from page.server.static_files import STATIC, StaticFiles

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)

GUARD = web.AppKey("guard", Guard)
CONNECTIONS = web.AppKey("connections", Connections)
PORT = web.AppKey("port", list[int])


def make_app(
    context: PageContext,
    guard: Guard,
    connections: Connections,
    static: Path = STATIC,
    bodies: BodyReader | None = None,
) -> web.Application:
    """The application of one run's page.

    Args:
        context: the run.
        guard: lets requests pass.
        connections: of the server.
        static: folder of the page's own files.
        bodies: reads what is sent.
    """
    app = web.Application(middlewares=[_finish, _admit], client_max_size=context.config.upload_mib << 20)
    app[watch.CONTEXT] = context
    app[watch.HUB] = Hub(context.config.viewers)
    app[watch.BODY_READER] = bodies or BodyReader()
    app[GUARD], app[CONNECTIONS], app[PORT] = guard, connections, [0]
    files = StaticFiles(static)
    app.router.add_get("/", _file(files, "index.html"))
    app.router.add_get("/favicon.ico", _file(files, "favicon.ico"))
    app.router.add_get("/static/{name:.+}", _static(files))
    for routes in (watch, ask, encode, know, command, share):
        routes.add_routes(app)
    app.cleanup_ctx.append(watch.publishing)
    return app


@web.middleware
async def _finish(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make an answer of whatever happens, and give it its headers."""
    connections, context = request.app[CONNECTIONS], request.app[watch.CONTEXT]
    connections.begun(request.protocol)
    last = True
    try:
        answer = await _answered(request, handler, context)
        if not answer.prepared:
            for name, value in HEADERS.items():
                answer.headers.setdefault(name, value)
        last = answer.keep_alive is False
        return answer
    finally:
        context.connections = len(connections)
        connections.ended(request.protocol, last)


async def _answered(request: web.Request, handler: Handler, context: PageContext) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        found = refused
    except web.HTTPException as error:
        if error.status < 400:
            raise
        reasons = {404: "not_found", 405: "method", 413: "too_large"}
        found = Refused(reasons.get(error.status, "bad_request"), error.reason)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception:
        # A fault of the page is none of the run: it is told, counted and logged.
        log.exception("page: %s %s", request.method, request.path)
        found = Refused("failed", "the page has a fault; the run goes on, and its output.log says more")
    context.refusals.count(found.reason)
    answer = refusal(found)
    if request.can_read_body and not request.content.at_eof():
        # What is still to come of a refused body is not read.
        answer.force_close()
    return answer


@web.middleware
async def _admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass the guard, and exchange the token in an address for a cookie."""
    guard = request.app[GUARD]
    name = cookie_name(request)
    given = request.query.get("token", "")
    guard.check(Asked(request.method, request.path, request.headers, request.cookies.get(name, ""), given))
    if (
        guard.token
        and request.path == "/"
        and hmac.compare_digest(given.encode(errors="replace"), guard.token.encode())
    ):
        # So that the token is neither kept in the browser's history nor told to others as the page that led there.
        moved = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
        moved.set_cookie(name, guard.token, httponly=True, secure=guard.scheme == "https", samesite="Lax", path="/")
        return moved
    return await handler(request)


def cookie_name(request: web.Request) -> str:
    """Name of the token's cookie: pages of several runs on one machine have several ports, and share their cookies."""
    return f"reciprocal_{request.app[PORT][0]}"


def _file(files: StaticFiles, name: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return files.answer(request, name)

    return answer


def _static(files: StaticFiles) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return files.answer(request, request.match_info["name"])

    return answer
