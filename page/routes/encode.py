"""Routes for programs that work with latents: those of samples, and which known samples are near to one."""

from typing import Any

import numpy as np
from aiohttp import web

from agent.answers.files import npy
from page.access.refusals import Refused
from page.context import PageContext
from page.inference.codes import MOST_NEAREST, NEAREST
from page.routes.responses import json_answer, number_of, text_of
from page.routes.watch import BODY_READER, CONTEXT, in_pool, infer
from page.samples.formats import FORMATS
from page.samples.uploads import NothingTold, read_upload
from sensors.given import Given


def add_routes(app: web.Application) -> None:
    """Add them to the application."""
    app.router.add_post("/v1/latents", _latents)
    app.router.add_post("/v1/nearest", _nearest)


async def _latents(request: web.Request) -> web.StreamResponse:
    """The latents of samples as npy, (B, L) float32."""
    context = request.app[CONTEXT]
    given = await _given(request, context)
    step, latents = await infer(context, context.model.encode, given.sense, given.samples, request.query.get("target"))
    headers = {"X-Step": str(step), "X-Sense": given.sense, "Cache-Control": "no-store"}
    return web.Response(body=npy(latents), content_type=FORMATS["npy"], headers=headers)


async def _nearest(request: web.Request) -> web.StreamResponse:
    """The known samples that are nearest to what one sample means."""
    context = request.app[CONTEXT]
    count = number_of(request, "count", NEAREST, 1, MOST_NEAREST)
    given = await _given(request, context)
    if len(given.samples) != 1:
        raise Refused("bad_request", f"{len(given.samples)} samples; send one")
    target = text_of(request, "target", given.sense)
    step, near, names = await infer(context, _near, context, given, target, count)
    told: list[dict[str, Any]] = [
        {
            "id": one.id,
            "sense": target,
            "name": None if one.concept is None else names[one.concept],
            "distance": one.distance,
            "near": one.near,
        }
        for one in near
    ]
    return json_answer({"told": True, "why": "", "reason": "", "step": step, "nearest": told})


def _near(context: PageContext, given: Given, target: str, count: int) -> Any:
    context.model.check((given.sense, target))
    # Begins to make the codes of known samples where there are none yet.
    codes = context.model.codes()
    if codes is None:
        raise Refused("not_ready", "the latents of known samples are being made; ask again in a moment")
    near = codes.nearest(given.sense, np.asarray(given.samples[0]), count).get(target, [])
    return codes.networks.step, near, codes.names


async def _given(request: web.Request, context: PageContext) -> Given:
    body = await request.app[BODY_READER].read(request, context.config.upload_mib << 20)
    about = (request.content_type, context.model.senses, request.query.get("sense"))
    prepare, cut = text_of(request, "prepare", context.facts.prepares), text_of(request, "cut", "auto")
    try:
        given: Given = await in_pool(context, read_upload, body, *about, prepare, cut)
    except NothingTold as nothing:
        raise Refused("damaged", str(nothing)) from None
    return given
