"""The web application: every request passes the guard, and every answer bears the same headers."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from page.answers import HEADERS, refusal
from page.bodies import Bodies
from page.connections import Connections
from page.guard import Asked, Guard
from page.hosted import Hosted
from page.hub import Hub
from page.refusals import Refused
from page.routes import ask, command, encode, know, share, watch

STATIC = Path(__file__).parent / "static"
"""The page's own files."""
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain",
}
"""Endings of the files that are served, and their media types."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)

GUARD = web.AppKey("guard", Guard)
CONNECTIONS = web.AppKey("connections", Connections)
PORT = web.AppKey("port", list[int])


def make_app(
    hosted: Hosted, guard: Guard, connections: Connections, static: Path = STATIC, bodies: Bodies | None = None
) -> web.Application:
    """The application of one run's page.

    Args:
        hosted: the run.
        guard: lets requests pass.
        connections: of the server.
        static: folder of the page's own files.
        bodies: reads what is sent.
    """
    app = web.Application(middlewares=[_finish, _admit], client_max_size=hosted.config.upload_mib << 20)
    app[watch.HOSTED] = hosted
    app[watch.HUB] = Hub(hosted.config.viewers)
    app[watch.BODIES] = bodies or Bodies()
    app[GUARD], app[CONNECTIONS], app[PORT] = guard, connections, [0]
    app.router.add_get("/", _index(static))
    app.router.add_get("/favicon.ico", _file(static, "favicon.ico"))
    app.router.add_get("/static/{name:.+}", _static(static))
    for routes in (watch, ask, encode, know, command, share):
        routes.add_routes(app)
    app.cleanup_ctx.append(watch.publishing)
    return app


@web.middleware
async def _finish(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make an answer of whatever happens, and give it its headers."""
    connections, hosted = request.app[CONNECTIONS], request.app[watch.HOSTED]
    connections.begun(request.protocol)
    last = True
    try:
        answer = await _answered(request, handler, hosted)
        if not answer.prepared:
            for name, value in HEADERS.items():
                answer.headers.setdefault(name, value)
        last = answer.keep_alive is False
        return answer
    finally:
        hosted.connections = len(connections)
        connections.ended(request.protocol, last)


async def _answered(request: web.Request, handler: Handler, hosted: Hosted) -> web.StreamResponse:
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
    hosted.refusals.count(found.reason)
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


def _index(static: Path) -> Handler:
    return _file(static, "index.html")


def _file(static: Path, name: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return _served(static, name)

    return answer


def _static(static: Path) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return _served(static, request.match_info["name"])

    return answer


def _served(static: Path, name: str) -> web.StreamResponse:
    """One file of the page.

    Raises:
        Refused: there is none of this name.
    """
    path = (static / name).resolve() if "\0" not in name else static
    media = KINDS.get(path.suffix.lower())
    if media is None or not path.is_relative_to(static.resolve()) or not path.is_file():
        raise Refused("not_found", "no such file")
    answer = web.FileResponse(path, headers={"Cache-Control": "no-cache"})
    charset = "; charset=utf-8" if media.startswith("text/") or media.endswith("json") else ""
    answer.headers["Content-Type"] = media + charset
    return answer
