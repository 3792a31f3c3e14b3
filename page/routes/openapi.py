"""The interface as OpenAPI 3.1 tells it; `docs/reference/http.md` says the same for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from page.access.refusals import STATUS
from page.commands import COMMANDS
from page.samples.formats import FORMATS
from sensors.given import PREPARATIONS

SAMPLE_BODIES = ("image/png", "image/jpeg", "audio/wav", "application/x-npy")
"""Media types of samples that are sent."""


def description(version: str) -> dict[str, Any]:
    """The whole description, JSON-ready.

    Args:
        version: of the program.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reciprocal: the page's interface",
            "version": version,
            "description": "Watch a run, ask what a picture or a sound evokes, command it. See docs/api.md.",
        },
        "paths": {
            "/v1/status": _get("The run as it is now", _json("the status")),
            "/v1/events": _get("The run as it goes on, as server-sent events", _media("text/event-stream")),
            "/v1/metrics": _get(
                "Figures back to the run's start",
                _json("series of points: time_s, step, mean, low, high"),
                _query("keys", "names of figures, or beginnings that end in *, separated by commas"),
                _query("from", "seconds of the run", "number"),
                _query("to", "seconds of the run", "number"),
                _query("points", "of each series at most, 2…2000", "integer"),
            ),
            "/v1/settings": _get("All settings, and which differ from their defaults", _json("the settings")),
            "/v1/samples/{id}": _get(
                "One sample by its reference",
                _media(*FORMATS.values()),
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                _query("as", "form", "string", list(FORMATS)),
                _query("size", "rows and columns of a picture, 16…512", "integer"),
            ),
            "/v1/evoke": _post(
                "What a picture, a sound or a stored sample evokes",
                _SAMPLES,
                {
                    **_json("what it evokes, `evoked.SENSE.says` in a word, and what is near to it"),
                    **_media(*FORMATS.values()),
                },
                *_GIVEN,
                _query("target", "senses that are to be evoked, separated by commas; none: all"),
                _query("data", "forms that the answer holds as base64, separated by commas: png, wav, npy"),
                _query("as", "the answer is the sample of the one target alone", "string", list(FORMATS)),
                _query("keep", "whether the question is kept", "string", ["0", "1"]),
            ),
            "/v1/questions": _get("The last questions and their answers", _json("the questions")),
            "/v1/questions/{number}/again": _post(
                "Ask a kept question again, by the newest weights",
                {},
                _json("as of /v1/evoke"),
                {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}},
            ),
            "/v1/concepts": _get(
                "What is known of each concept",
                _json("a card for each concept, or for each cluster"),
                _query("subject", "number of the exam", "integer"),
                _query("first", "number of the first concept", "integer"),
                _query("count", "of concepts, 1…200", "integer"),
            ),
            "/v1/latents": {
                **_get(
                    "A map of the latent space",
                    _json("points with their samples"),
                    _query("sense", "whose space is shown"),
                ),
                **_post(
                    "The latents of samples, (B, L) float32",
                    _SAMPLES,
                    _media(FORMATS["npy"]),
                    *_GIVEN,
                    _query("target", "sense into whose space they are translated; none: their own"),
                ),
            },
            "/v1/nearest": _post(
                "The known samples that are nearest to one sample",
                _SAMPLES,
                _json("known samples, the nearest first"),
                *_GIVEN,
                _query("target", "sense of the known samples; none: that of the sample"),
                _query("count", "of known samples, 1…100", "integer"),
            ),
            "/v1/confusion": _get(
                "Which concept is taken for which",
                _json("a table for each path, and the samples behind each cell"),
                _query("subject", "number of the exam", "integer"),
            ),
            "/v1/command": _post(
                "Command the run",
                {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["command"],
                            "properties": {"command": {"type": "string", "enum": list(COMMANDS)}},
                        }
                    }
                },
                _json("the command and its number"),
                status="202",
            ),
            "/v1/openapi.json": _get("This description", _json("OpenAPI 3.1")),
        },
        "components": {
            "schemas": {
                "Refused": {
                    "type": "object",
                    "required": ["error", "reason"],
                    "properties": {
                        "error": {"type": "string", "description": "for people"},
                        "reason": {"type": "string", "enum": list(STATUS)},
                    },
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _get(summary: str, content: Mapping[str, Any], *parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"get": _operation(summary, content, parameters, "200")}


def _post(
    summary: str,
    body: Mapping[str, Any],
    content: Mapping[str, Any],
    *parameters: Mapping[str, Any],
    status: str = "200",
) -> dict[str, Any]:
    operation = _operation(summary, content, parameters, status)
    if body:
        operation["requestBody"] = {"required": True, "content": body}
    return {"post": operation}


def _operation(
    summary: str, content: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]], status: str
) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            status: {"description": "the answer", "content": dict(content)},
            "default": {"description": "refused, with the reason", "content": refused},
        },
    }


def _query(name: str, about: str, kind: str = "string", choices: Sequence[str] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind} | ({"enum": list(choices)} if choices else {})
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


def _json(about: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object", "description": about}}}


def _media(*kinds: str) -> dict[str, Any]:
    return {kind: {"schema": {"type": "string"}} for kind in kinds}


_SAMPLES = {media: {"schema": {"type": "string", "format": "binary"}} for media in SAMPLE_BODIES}
_GIVEN = (
    _query("sense", "of an npy body"),
    _query("prepare", "how a sample is made of a picture", "string", list(PREPARATIONS)),
    _query("cut", "which part of a sound is taken", "string", ["auto", "whole"]),
)
