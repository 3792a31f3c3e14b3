"""Routes to look into what is known: cards of concepts, the map of the latent space, the confusion table."""

import itertools
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from page.access.refusals import Refused
from page.context import PageContext
from page.inference.codes import SHOWN, Codes, clusters_of, map_of
from page.routes.responses import json_answer, number_of
from page.routes.watch import CONTEXT, in_pool
from page.samples.exam_results import ExaminedSubject, JudgedRows
from page.samples.sample_lookup import evoked_id, exam_id

MOST_CONCEPTS = 256
"""Concepts up to which a confusion table is told."""
NOT_YET = "the codes of known samples are being made; look again in a moment"
NOTHING = "nothing is learned yet, or nothing was perceived"


def add_routes(app: web.Application) -> None:
    """Add them to the application."""
    app.router.add_get("/v1/concepts", _concepts)
    app.router.add_get("/v1/latents", _latents)
    app.router.add_get("/v1/confusion", _confusion)


async def _concepts(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    number = number_of(request, "subject", 0, 0, 9999)
    first, count = number_of(request, "first", 0, 0, 9999), number_of(request, "count", 24, 1, 200)
    subject = context.samples.subject(number)
    if subject is not None:
        return json_answer(await in_pool(context, _labelled, context, number, subject, first, count))
    return json_answer(await in_pool(context, _clustered, context, first, count))


async def _latents(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    return json_answer(await in_pool(context, _map, context, request.query.get("sense")))


async def _confusion(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    number = number_of(request, "subject", 0, 0, 9999)
    return json_answer(await in_pool(context, _tables, number, context.samples.subject(number)))


def _labelled(context: PageContext, number: int, subject: ExaminedSubject, first: int, count: int) -> dict[str, Any]:
    """Cards of an exam's concepts."""
    names, parts = subject.exam.concepts, subject.exam.parts
    by_label = {sense: _first_rows(part.labels, len(names)) for sense, part in parts.items()}
    concepts = []
    for concept in range(first, min(first + count, len(names))):
        rows = {sense: by_label[sense][concept] for sense in parts}
        evokes = [
            {
                "from": source,
                "to": target,
                "id": evoked_id(exam_id(number, source, int(rows[source][0])), target),
                "right": _right(subject.verdicts.get((source, target)), int(rows[source][0]), concept),
                "accuracy": _accuracy(subject.verdicts.get((source, target)), parts[source].labels, concept),
            }
            for source in parts
            for target in parts
            if len(rows[source])
        ]
        samples = {sense: [exam_id(number, sense, int(row)) for row in own[:SHOWN]] for sense, own in rows.items()}
        concepts.append({"number": concept, "name": names[concept], "samples": samples, "evokes": evokes, "size": None})
    return _cards(context, number, True, len(names), first, concepts, "")


def _clustered(context: PageContext, first: int, count: int) -> dict[str, Any]:
    """Cards of clusters of the newest events."""
    codes = context.model.codes()
    found = [] if codes is None else clusters_of(codes)
    concepts = [
        {
            "number": number,
            "name": f"cluster {number + 1}",
            "samples": dict(cluster.ids),
            "evokes": [
                {"from": source, "to": target, "id": evoked_id(ids[0], target), "right": None, "accuracy": None}
                for source, ids in cluster.ids.items()
                for target in cluster.ids
                if ids
            ],
            "size": cluster.size,
        }
        for number, cluster in enumerate(found)
    ]
    why = "" if found else _why_no_codes(context, codes)
    return _cards(context, 0, False, len(found), first, concepts[first : first + count], why)


def _cards(
    context: PageContext, subject: int, labelled: bool, total: int, first: int, concepts: list[dict[str, Any]], why: str
) -> dict[str, Any]:
    subjects = [
        {
            "number": number,
            "name": one.name or ", ".join(context.facts.subjects),
            "senses": list(one.exam.parts),
            "concepts": len(one.exam.concepts),
        }
        for number, one in enumerate(context.samples.subjects)
    ]
    return {
        "labelled": labelled,
        "step": context.model.step,
        "subjects": subjects,
        "subject": subject,
        "total": total,
        "first": first,
        "why": why,
        "concepts": concepts,
    }


def _map(context: PageContext, sense: str | None) -> dict[str, Any]:
    """The map of one sense's latent space."""
    codes = context.model.codes()
    empty: dict[str, Any] = {
        "step": None, "sense": sense, "labelled": False, "names": [], "explained": [], "why": "", "points": []
    }  # fmt: skip
    if codes is None or not codes.known:
        return empty | {"why": _why_no_codes(context, codes)}
    sense = next(iter(codes.known)) if sense is None else sense
    if sense not in codes.known:
        raise Refused("bad_request", f"sense={sense[:40]}: there are codes of {', '.join(codes.known)}")
    found = map_of(codes, sense)
    points = []
    for x, y, (own, row) in zip(found.x.tolist(), found.y.tolist(), found.rows, strict=True):
        known = codes.known[own]
        concept = None if known.concepts is None else int(known.concepts[row])
        points.append({"x": round(x, 4), "y": round(y, 4), "id": known.ids[row], "sense": own, "concept": concept})
    labelled = bool(codes.names)
    return {
        "step": codes.networks.step,
        "sense": sense,
        "labelled": labelled,
        "names": list(codes.names),
        "explained": list(found.explained),
        "why": "",
        "points": points,
    }


def _tables(number: int, subject: ExaminedSubject | None) -> dict[str, Any]:
    """The confusion tables of an exam, each cell with samples behind it."""
    found: dict[str, Any] = {"step": None, "subject": number, "names": [], "why": "", "paths": []}
    if subject is None:
        return found | {"why": "this run has no exam with labels"}
    names = subject.exam.concepts
    found["names"] = list(names)
    if len(names) > MOST_CONCEPTS:
        return found | {"why": f"{len(names):,} concepts are too many for a table; at most {MOST_CONCEPTS} are shown"}
    if not subject.verdicts:
        return found | {"why": "no exam was held yet: judges are trained first"}
    paths = []
    for (source, target), verdicts in subject.verdicts.items():
        true = subject.exam.parts[source].labels[verdicts.rows]
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (true, verdicts.judged), 1)
        cells = []
        for row, column in np.argwhere(counts).tolist():
            behind = verdicts.rows[(true == row) & (verdicts.judged == column)][:SHOWN]
            ids = [exam_id(number, source, int(one)) for one in behind]
            cells.append({"true": row, "judged": column, "ids": ids})
        accuracy = float((true == verdicts.judged).mean()) if len(true) else None
        paths.append(
            {
                "from": source,
                "to": target,
                "accuracy": accuracy,
                "judge": subject.judges.get(target),
                "counts": counts.tolist(),
                "cells": cells,
            }
        )
    return found | {"step": subject.step, "paths": paths}


def _first_rows(labels: NDArray[np.int64], concepts: int) -> list[NDArray[np.int64]]:
    """The first rows of each concept, up to `SHOWN`."""
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(concepts + 1))
    return [order[low : min(high, low + SHOWN)] for low, high in itertools.pairwise(bounds)]


def _right(verdicts: JudgedRows | None, row: int, concept: int) -> bool | None:
    """Whether the judge named the concept; None where it has not judged this sample."""
    if verdicts is None:
        return None
    found = np.flatnonzero(verdicts.rows == row)
    return bool(verdicts.judged[found[0]] == concept) if len(found) else None


def _accuracy(verdicts: JudgedRows | None, labels: NDArray[np.int64], concept: int) -> float | None:
    """Share of a concept's samples that the judge recognised; None where it judged none."""
    if verdicts is None:
        return None
    judged = verdicts.judged[labels[verdicts.rows] == concept]
    return float((judged == concept).mean()) if len(judged) else None


def _why_no_codes(context: PageContext, codes: Codes | None) -> str:
    return NOTHING if context.model.step is None or codes is not None else NOT_YET
