"""Routes to ask: what a picture, a sound or a stored sample evokes, and the questions that were asked."""

import base64
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from page.access.refusals import Refused
from page.context import PageContext
from page.inference.codes import Near
from page.inference.lip_reader import letter_of
from page.routes.responses import flag_of, json_answer, text_of
from page.routes.watch import BODY_READER, CONTEXT, HUB, in_pool, infer
from page.samples.formats import FORMATS, can_be_heard, encoded
from page.samples.questions import ASKED, REMEMBERED
from page.samples.uploads import NothingTold, read_upload
from sensors.core.modalities import labelled
from sensors.given import Given

SIDE = 96
"""Rows and columns of pictures in answers, pixels."""


class Answered(NamedTuple):
    """What was computed of a question.

    Attributes:
        step: of the weights.
        evoked: by sense, (B, *shape).
        nearest: by sense, the known samples that are nearest to the question, or to what it evokes in that sense; of a
            question of one sample.
        names: of the concepts of known samples.
    """

    step: int
    evoked: dict[str, NDArray[Any]]
    nearest: Mapping[str, Sequence[Near]]
    names: Sequence[str]


@dataclass(frozen=True)
class Wanted:
    """What an answer is to hold.

    Attributes:
        targets: senses that are to be evoked; empty: all.
        data: forms that the answer holds as base64.
        keep: whether the question is kept.
        again: number of the question that is asked again; None: it is new.
    """

    targets: tuple[str, ...]
    data: tuple[str, ...] = ()
    keep: bool = True
    again: int | None = None


def add_routes(app: web.Application) -> None:
    """Add them to the application."""
    app.router.add_post("/v1/evoke", _evoke)
    app.router.add_get("/v1/questions", _questions)
    app.router.add_post("/v1/questions/{number:[0-9]{1,18}}/again", _again)


async def _evoke(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    began = time.monotonic()
    wanted = Wanted(_list(request, "target"), _list(request, "data"), flag_of(request, "keep", True))
    if unknown := [form for form in wanted.data if form not in FORMATS]:
        raise Refused("bad_request", f"data={unknown[0][:20]}: expected {', '.join(FORMATS)}")
    alone = _form_alone(request)
    if alone and len(wanted.targets) != 1:
        raise Refused("bad_request", "name one sense with ?target= to get its sample alone")
    body = await request.app[BODY_READER].read(request, context.config.upload_mib << 20)
    known = (*context.model.senses, *context.lip_reader.targets)
    given = (request.content_type, known, request.query.get("sense"))
    prepare, cut = text_of(request, "prepare", context.facts.prepares), text_of(request, "cut", "auto")
    try:
        upload: Given = await in_pool(context, read_upload, body, *given, prepare, cut)
    except NothingTold as nothing:
        return _untold(nothing.reason, str(nothing), alone, began)
    try:
        answered: Answered = await infer(context, _answer, context, upload, wanted.targets)
    except Refused as refused:
        if refused.reason != "not_ready" or alone:
            raise
        return _untold("not_ready", str(refused), alone, began)
    if alone:
        sample = answered.evoked[wanted.targets[0]]
        return await _sample_alone(context, wanted.targets[0], sample, alone, answered.step)
    if len(upload.samples) > 1:
        return json_answer(await in_pool(context, _batch, upload, answered, wanted))
    told = await in_pool(context, _told, context, upload, answered, wanted, began)
    _publish(request, told, wanted)
    return json_answer(told)


async def _questions(request: web.Request) -> web.StreamResponse:
    return json_answer({"questions": request.app[CONTEXT].questions.all()})


async def _again(request: web.Request) -> web.StreamResponse:
    """Ask a question that was asked before once more, by the newest weights."""
    context = request.app[CONTEXT]
    began = time.monotonic()
    number = int(request.match_info["number"])
    sense, sample = context.questions.sample(number, ASKED)
    upload = Given(sense, sample[None])
    wanted = Wanted((), again=number)
    answered: Answered = await infer(context, _answer, context, upload, wanted.targets)
    told = await in_pool(context, _told, context, upload, answered, wanted, began)
    _publish(request, told, wanted)
    return json_answer(told)


def _answer(context: PageContext, upload: Given, targets: tuple[str, ...]) -> Answered:
    """What the samples evoke, and what is near to the first of them."""
    if upload.sense in context.lip_reader.targets:
        return Answered(*context.lip_reader.evoke(upload.sense, upload.samples, targets), {}, ())
    step, evoked = context.model.evoke(upload.sense, upload.samples, targets)
    near, names = context.model.nearest(upload.sense, upload.samples[0]) if len(upload.samples) == 1 else ({}, ())
    context.model.codes()
    return Answered(step, evoked, near, names)


def _told(context: PageContext, upload: Given, answered: Answered, wanted: Wanted, began: float) -> dict[str, Any]:
    """The answer to one sample, JSON-ready; it is kept where that is wanted."""
    near, names = answered.nearest.get(upload.sense, ()), answered.names
    number = context.questions.next() if wanted.keep else None
    samples = {ASKED: (upload.sense, upload.samples[0])}
    for sense, rows in answered.evoked.items():
        samples[REMEMBERED if sense == upload.sense else sense] = (sense, rows[0])

    def shown(name: str) -> dict[str, Any]:
        sense, sample = samples[name]
        about: dict[str, Any] = {
            "id": None if number is None else f"question.{number}.{name}",
            "sense": sense,
            "shape": list(sample.shape),
            "dtype": str(sample.dtype),
            "heard": can_be_heard(sense),
        }
        if wanted.data:
            about["data"] = {form: _data(sense, sample, form, context.config.longest) for form in wanted.data}
        return about

    heard = None if upload.heard is None else {"start_s": upload.heard[0], "end_s": upload.heard[1]}
    told: dict[str, Any] = {
        "told": True,
        "why": "",
        "reason": "",
        "number": number,
        "again": wanted.again,
        "step": answered.step,
        "time_s": context.report.overview.get("time_s"),
        "at": round(time.time(), 3),
        "asked": {**shown(ASKED), "heard": can_be_heard(upload.sense), "part": heard},
        "evoked": {
            sense: {**shown(sense), "says": _word(sense, rows[0], answered)}
            for sense, rows in answered.evoked.items()
            if sense != upload.sense
        },
        "remembered": shown(REMEMBERED) if REMEMBERED in samples else None,
        "nearest": [
            {
                "id": one.id,
                "sense": upload.sense,
                "name": None if one.concept is None else names[one.concept],
                "distance": one.distance,
                "near": one.near,
            }
            for one in near
        ],
        "says": _says(near, names),
    }
    told["took_ms"] = round(1000 * (time.monotonic() - began), 2)
    if number is not None:
        context.questions.add(_without_data(told), samples)
    return told


def _batch(upload: Given, answered: Answered, wanted: Wanted) -> dict[str, Any]:
    """The answer to several samples, JSON-ready."""
    evoked: dict[str, dict[str, Any]] = {}
    for sense, rows in answered.evoked.items():
        evoked[sense] = {"sense": sense, "shape": list(rows.shape), "dtype": str(rows.dtype)}
        if "npy" in wanted.data:
            evoked[sense]["data"] = {"npy": base64.b64encode(encoded(sense, rows, "npy", SIDE, 0.0)).decode()}
    return {"told": True, "why": "", "step": answered.step, "asked": _count(upload), "evoked": evoked}


def _count(upload: Given) -> dict[str, Any]:
    return {"sense": upload.sense, "count": len(upload.samples)}


def _untold(reason: str, why: str, alone: str, began: float) -> web.Response:
    """The answer where nothing can be told."""
    told = {
        "told": False,
        "why": why,
        "reason": reason,
        "number": None,
        "again": None,
        "step": None,
        "evoked": {},
        "remembered": None,
        "nearest": [],
        "says": None,
        "took_ms": round(1000 * (time.monotonic() - began), 2),
    }
    answer = json_answer(told, 422 if alone else 200)
    if alone:
        answer.headers["X-Why"] = reason
    return answer


async def _sample_alone(context: PageContext, sense: str, rows: NDArray[Any], form: str, step: int) -> web.Response:
    if len(rows) > 1 and form != "npy":
        raise Refused("bad_request", "several samples are answered as npy or JSON alone")
    sample = rows if len(rows) > 1 else rows[0]
    data = await in_pool(context, encoded, sense, sample, form, SIDE, context.config.longest)
    headers = {"X-Step": str(step), "X-Sense": sense, "Cache-Control": "no-store"}
    if not data:
        return web.Response(status=204, headers=headers)
    return web.Response(body=data, content_type=FORMATS[form], headers=headers)


def _publish(request: web.Request, told: Mapping[str, Any], wanted: Wanted) -> None:
    if wanted.keep:
        request.app[HUB].publish("question", _without_data(told), again=True)


def _without_data(told: Mapping[str, Any]) -> dict[str, Any]:
    """An answer without the samples' own values."""

    def bare(one: Any) -> Any:
        if isinstance(one, Mapping):
            return {name: bare(value) for name, value in one.items() if name != "data"}
        return one

    found: dict[str, Any] = bare(told)
    return found


def _data(sense: str, sample: NDArray[Any], form: str, longest: float) -> str | None:
    if form == "wav" and not can_be_heard(sense):
        return None
    return base64.b64encode(encoded(sense, np.asarray(sample), form, SIDE, longest)).decode() or None


def _says(near: Sequence[Near], names: Sequence[str]) -> str | None:
    """The name that most of the nearest known samples have; the nearer one's where two are as frequent."""
    found = Counter(one.concept for one in near if one.concept is not None)
    return names[found.most_common(1)[0][0]] if found else None


def _word(sense: str, sample: NDArray[Any], answered: Answered) -> str | None:
    """What an evoked sample (*shape) says: a label's own name, or that of the known samples nearest to it."""
    return letter_of(sample) if labelled(sense) else _says(answered.nearest.get(sense, ()), answered.names)


def _form_alone(request: web.Request) -> str:
    """The form of an answer that is a sample alone; empty: JSON."""
    wanted = request.query.get("as")
    if wanted is not None:
        if wanted not in FORMATS:
            raise Refused("bad_request", f"as={wanted[:20]}: expected one of {', '.join(FORMATS)}")
        return wanted
    accepted = request.headers.get("Accept", "").partition(",")[0].partition(";")[0].strip()
    return next((form for form, media in FORMATS.items() if media == accepted), "")


def _list(request: web.Request, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in request.query.get(name, "").split(",") if part))
