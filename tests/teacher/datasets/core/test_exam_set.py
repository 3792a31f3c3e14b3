from collections.abc import Mapping

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.core.exam_set import ExamPart, ExamSet

NAMES = tuple(f"thing {i}" for i in range(50))


def part(count: int, concepts: int = 50) -> ExamPart:
    labels = np.arange(count, dtype=np.int64) % concepts
    return ExamPart("made", labels[:, None].astype(np.uint8), labels)


def test_any_number_of_senses_and_concepts_crosses_a_process_boundary() -> None:
    exam = ExamSet({"image": part(100), "audio": part(60), "touch": part(50)}, NAMES)
    again = ExamSet.from_dict(exam.to_dict())
    assert again.concepts == NAMES and list(again.parts) == ["image", "audio", "touch"]
    for sense, known in exam.parts.items():
        assert np.array_equal(again.parts[sense].labels, known.labels)


def test_the_running_exam_is_spread_evenly_over_sorted_samples() -> None:
    labels = np.repeat(np.arange(50, dtype=np.int64), 20)
    exam = ExamSet({"image": ExamPart("sorted", labels, labels), "audio": part(60)}, NAMES)
    short = exam.shorten({"image": 100})
    assert len(short.parts["image"]) == 100 and set(short.parts["image"].labels.tolist()) == set(range(50))
    assert short.parts["audio"] is exam.parts["audio"]


@pytest.mark.parametrize(
    ("parts", "names", "match"),
    [
        ({"image": part(9)}, NAMES, "one sense"),
        ({"image": part(9), "audio": part(9)}, ("one",), "1 concepts"),
        ({"image": part(50), "audio": part(9)}, NAMES[:10], "label 49, there are 10"),
        ({"image": ExamPart("x", np.zeros(3), np.zeros(2, np.int64)), "audio": part(9)}, NAMES, "2 labels for 3"),
    ],
)
def test_an_exam_that_makes_no_sense_is_refused(
    parts: Mapping[str, ExamPart], names: tuple[str, ...], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        ExamSet(parts, names)
