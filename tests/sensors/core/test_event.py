"""EventBatch: every field is checked, and the error names it."""

from typing import Any

import numpy as np
import pytest

from sensors.core.errors import EventError
from sensors.core.event import MAX_EVENTS, NO_LESSON, EventBatch, EventId
from tests.sensors.batches import fields

KINDS = ["audio", "image", "audio+image", "speech", "lips", "speech+lips"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_batch_of_each_kind(kind: str) -> None:
    f = fields(kind, count=4)
    f["samples"] = dict(reversed(f["samples"].items()))
    batch = EventBatch(**f)
    assert batch.kind == kind
    assert len(batch) == 4
    assert batch.nbytes == sum(c.nbytes for c in f["samples"].values())
    event = batch.event(2)
    assert event.id == EventId("teacher-0", 2, 9)
    assert event.start == f["start"][2] and event.end == f["end"][2] and event.lesson == f["lesson"][2]
    for name, sample in event.samples.items():
        np.testing.assert_array_equal(sample, f["samples"][name][2])


def changed(column: str, value: Any, at: int = 1) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = fields()[column].copy()
    array[at] = value
    return array


BAD: list[tuple[str, Any, str]] = [
    ("source", "", "1…64 bytes"),
    ("source", "x" * 65, "1…64 bytes"),
    ("source", "é" * 33, "1…64 bytes"),
    ("source", b"teacher", "1…64 bytes"),
    ("source", "\ud800", "printable"),
    ("source", "a\nb", "printable"),
    ("generation", -1, "0…2"),
    ("generation", 2**63, "0…2"),
    ("generation", True, "integer"),
    ("generation", 1.0, "integer"),
    ("seq", np.arange(3, dtype=np.int32), "int64"),
    ("seq", [0, 1, 2], "1…4096 events"),
    ("seq", np.empty(0, np.int64), "1…4096 events"),
    ("seq", np.zeros((3, 1), np.int64), "1…4096 events"),
    ("seq", np.arange(MAX_EVENTS + 1), "1…4096 events"),
    ("seq", changed("seq", -1), ">= 0"),
    ("seq", changed("seq", 7), "distinct"),
    ("start", np.zeros(2), r"shape \(3,\)"),
    ("start", np.zeros(3, np.float32), "float64"),
    ("start", changed("start", np.nan), "finite"),
    ("end", changed("end", np.inf), "finite"),
    ("end", changed("end", -1.0), "before it starts"),
    ("end", None, "array"),
    ("lesson", changed("lesson", NO_LESSON - 1), "-1 for none"),
    ("lesson", np.zeros(3), "int64"),
    ("samples", {}, "at least one"),
    ("samples", ["audio"], "mapping"),
    ("samples", {1: np.zeros(3)}, "mapping"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_names_the_bad_field(name: str, value: Any, message: str) -> None:
    f = fields() | {name: value}
    with pytest.raises(EventError, match=rf"^{name}: .*{message}"):
        EventBatch(**f)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.zeros((3, 24, 25), np.float32), r"shape \(3, 24, 26\)"),
        (np.zeros((2, 24, 26), np.float32), r"shape \(3, 24, 26\)"),
        (np.zeros((3, 24, 26)), "float32"),
        (np.full((3, 24, 26), np.nan, np.float32), "finite"),
        (np.full((3, 24, 26), 2e4, np.float32), "outside -10000.0…10000.0"),
        ([[0.0]], "array"),
    ],
)
def test_names_the_bad_modality(column: Any, message: str) -> None:
    f = fields("speech") | {"samples": {"speech": column}}
    with pytest.raises(EventError, match=rf"^samples\[speech\]: .*{message}"):
        EventBatch(**f)


def test_names_an_unknown_modality() -> None:
    f = fields()
    f["samples"]["smell"] = np.zeros(3)
    with pytest.raises(EventError, match="'smell'; registered: audio, image"):
        EventBatch(**f)
