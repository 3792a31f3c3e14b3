"""Routes to watch a run: its status, events as they come, figures, settings, and single samples."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiohttp import web

from page.access.refusals import Refused
from page.access.request_bodies import BodyReader
from page.context import PageContext
from page.feed.hub import Hub, Viewer
from page.feed.run_report import drops_of, learner_of
from page.routes.openapi import description
from page.routes.responses import HEADERS, json_answer, number_of, seconds_of, text_of
from page.samples.formats import FORMATS, SIDES, encoded, format_of
from page.samples.sample_lookup import read_reference

CONTEXT = web.AppKey("context", PageContext)
HUB = web.AppKey("hub", Hub)
BODY_READER = web.AppKey("bodies", BodyReader)

LOOK_EVERY = 0.2
"""Seconds between two looks for new events, while somebody watches."""
STATUS_EVERY = 1.0
"""Seconds between two statuses for viewers."""
ALIVE_EVERY = 10.0
"""Seconds after which a comment shows a viewer that the connection is alive."""
SLOW = 30.0
"""Seconds in which a viewer must take something."""
ANSWER_WITHIN = 20.0
"""Seconds in which an answer must be computed."""


def add_routes(app: web.Application) -> None:
    """Add them to the application."""
    app.router.add_get("/v1/status", _status)
    app.router.add_get("/v1/events", _events)
    app.router.add_get("/v1/metrics", _metrics)
    app.router.add_get("/v1/settings", _settings)
    app.router.add_get("/v1/samples/{id}", _sample)
    app.router.add_get("/v1/openapi.json", _openapi)


async def publishing(app: web.Application) -> AsyncIterator[None]:
    """Look for what is new while anybody watches, for as long as the application runs."""
    task = asyncio.create_task(_publish(app))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def in_pool(context: PageContext, call: Any, *arguments: Any) -> Any:
    """Run a call that takes time beside the event loop.

    Raises:
        Refused: it takes too long.
    """
    work = asyncio.get_running_loop().run_in_executor(context.pool, partial(call, *arguments))
    try:
        return await asyncio.wait_for(work, ANSWER_WITHIN)
    except TimeoutError:
        raise Refused("busy", "the page is too busy; ask again in a moment") from None


async def infer(context: PageContext, call: Any, *arguments: Any) -> Any:
    """Run a call in the inference thread.

    Raises:
        Refused: too many questions wait, or it takes too long.
    """
    context.last_asked = time.monotonic()
    try:
        return await asyncio.wait_for(
            asyncio.wrap_future(context.inference_thread.ask(partial(call, *arguments))), ANSWER_WITHIN
        )
    except TimeoutError:
        raise Refused("busy", "the page is too busy; ask again in a moment") from None


async def _status(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    context.viewers = len(request.app[HUB])
    return json_answer(await in_pool(context, context.status))


async def _metrics(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    keys = [key for key in text_of(request, "keys").split(",") if key]
    points = number_of(request, "points", 400, 2, 2000)
    span = seconds_of(request, "from"), seconds_of(request, "to")
    return json_answer(await in_pool(context, context.figures.answer, keys, *span, points))


async def _settings(request: web.Request) -> web.StreamResponse:
    return json_answer(request.app[CONTEXT].settings())


async def _openapi(request: web.Request) -> web.StreamResponse:
    return json_answer(description(request.app[CONTEXT].facts.version))


async def _sample(request: web.Request) -> web.StreamResponse:
    """One sample by its reference."""
    context = request.app[CONTEXT]
    text = request.match_info["id"]
    form = format_of(request.query.get("as"), request.headers.get("Accept", ""))
    side = number_of(request, "size", 96, *SIDES)
    reference = read_reference(text)
    sense, sample = await in_pool(context, context.samples.find, reference.base)
    headers = {"Cache-Control": "private, max-age=3600, immutable"}
    if reference.target:
        step, sample = await infer(context, context.model.evoke_known, reference.base, sense, sample, reference.target)
        sense, headers = reference.target, {"Cache-Control": "no-store", "X-Step": str(step)}
    data = await in_pool(context, encoded, sense, sample, form, side, context.config.longest)
    headers["X-Sense"] = sense
    if not data:
        return web.Response(status=204, headers=headers)
    return web.Response(body=data, content_type=FORMATS[form], headers=headers)


async def _events(request: web.Request) -> web.StreamResponse:
    """Server-sent events."""
    context, hub = request.app[CONTEXT], request.app[HUB]
    viewer = hub.join()
    answer = web.StreamResponse(
        headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
    )
    try:
        await answer.prepare(request)
        await answer.write(b"retry: 2000\n\n")
        await _send(answer, viewer)
        return answer
    except TimeoutError:
        context.refusals.count("too_slow")
        # What it did not take is not waited for.
        if request.transport is not None:
            request.transport.abort()
        return answer
    except ConnectionError:
        # The viewer is gone.
        return answer
    finally:
        hub.leave(viewer)


async def _send(answer: web.StreamResponse, viewer: Viewer) -> None:
    while True:
        message = await viewer.take(ALIVE_EVERY) or b": alive\n\n"
        # In this task: one of its own would log that the viewer is gone where nobody waits for it any more.
        async with asyncio.timeout(SLOW):
            await answer.write(message)


async def _publish(app: web.Application) -> None:
    """Give viewers what is new."""
    context, hub = app[CONTEXT], app[HUB]
    next_status = 0.0
    weights: int | None = None
    while True:
        await asyncio.sleep(LOOK_EVERY)
        context.viewers = len(hub)
        if not len(hub):
            continue
        try:
            for name, data in await in_pool(context, _news, context):
                hub.publish(name, data)
            if (step := context.model.step) is not None and step != weights:
                weights = step
                hub.publish("weights", {"step": step})
            if time.monotonic() >= next_status:
                next_status = time.monotonic() + STATUS_EVERY
                hub.publish("status", await in_pool(context, context.status))
        except Refused:
            # The pool is busy: viewers learn it a little later.
            continue


def _news(context: PageContext) -> list[tuple[str, dict[str, Any]]]:
    """Events for viewers: newest samples, the turn, what was dropped."""
    found: list[tuple[str, dict[str, Any]]] = []
    newest = context.events.newest()
    samples: dict[str, dict[str, Any]] = {}
    for kind, one in sorted(newest.items(), key=lambda item: item[1].seen_at):
        for sense, reference in one.ids.items():
            samples[sense] = {"id": reference, "kind": kind, "serial": one.serial}
    if samples:
        found.append(("samples", {"newest": samples}))
    for name, several in (("pair", True), ("single", False)):
        of_kind = [one for one in newest.values() if (len(one.ids) > 1) == several]
        if of_kind:
            one = max(of_kind, key=lambda one: one.seen_at)
            found.append((name, {"kind": one.kind, "serial": one.serial, "ids": one.ids, "total": one.total}))
    overview = context.report.overview
    values = overview.get("values", {})
    learner = learner_of(values, context.facts.senses)
    sides = {name: learner[name] for name in ("turn", "learns", "guides")}
    if learner["turn"]:
        found.append(("turn", {**sides, "step": overview.get("step", 0)}))
    found.append(("dropped", drops_of(values)))
    return found
