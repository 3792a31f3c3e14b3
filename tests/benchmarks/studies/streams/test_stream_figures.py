"""Forgetting and recovery, from exams written by hand."""

from typing import Any

import pytest

from benchmarks.studies.streams.stream_figures import GROUPS, retention


def exam(events: int, *groups: float) -> dict[str, Any]:
    return {"events": events, "path": [groups[c // 2] for c in range(10)]}


def forgetful() -> list[dict[str, Any]]:
    """Each phase of 100 events teaches its group to 0.9, and the group before falls to 0.3, those before to 0.1."""
    exams = []
    for phase in range(6):
        now = phase % 5
        for at, level in ((40, 0.5), (60, 0.88), (104, 0.9)):
            past = {(now - 1) % 5: 0.3} if phase else {}
            values = [past.get(k, 0.1 if k < phase else 0.0) for k in range(5)]
            values[now] = level
            exams.append(exam(phase * 100 + at, *values))
    return exams


def test_forgetting_is_the_accuracy_learned_minus_the_accuracy_left() -> None:
    found = retention(forgetful(), "path", 100)
    assert found["learned"] == pytest.approx(0.9)
    assert found["forgetting"] == pytest.approx(0.9 - (3 * 0.1 + 0.3) / 4)
    assert found["known"] == pytest.approx((3 * 0.1 + 0.3 + 0.9) / 5)


def test_recovery_counts_events_from_the_return_on() -> None:
    found = retention(forgetful(), "path", 100)
    assert found["before return"] == pytest.approx(0.1)
    assert found["returned"] == pytest.approx(0.9)
    assert (found["first events"], found["return events"]) == (60, 60)
    quick = forgetful()
    quick[15] = exam(540, 0.87, 0, 0, 0, 0)
    assert retention(quick, "path", 100)["return events"] == 40
    kept = forgetful()
    kept[14] = exam(504, 0.9, 0.1, 0.1, 0.3, 0.9)
    assert retention(kept, "path", 100)["return events"] == 4


def test_what_never_returns_has_no_figure() -> None:
    lost = [e if e["events"] < 500 else exam(e["events"], 0.5, 0, 0, 0, 0) for e in forgetful()]
    found = retention(lost, "path", 100)
    assert found["return events"] is None and found["first events"] == 60


def test_nothing_forgotten_is_no_forgetting() -> None:
    perfect = [exam(e["events"], 1, 1, 1, 1, 1) for e in forgetful()]
    assert retention(perfect, "path", 100)["forgetting"] == 0
    assert [list(g) for g in GROUPS] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
