"""What every sender keeps until the receiver has stored it: bounded, in order, and every event accounted for."""

import numpy as np
import pytest

from sensors.core.resend_window import RESEND_AFTER, Parcel, ResendWindow


def parcel(events: int = 2, nbytes: int = 100, bounded: bool = True) -> Parcel:
    return Parcel(events=events, nbytes=nbytes, bounded=bounded)


def filled(count: int, batches: int = 8) -> tuple[ResendWindow[Parcel], list[Parcel]]:
    window, parcels = ResendWindow[Parcel](batches), [parcel() for _ in range(count)]
    for each in parcels:
        assert window.add(each, "offered", "overflow") == []
    return window, parcels


def send(window: ResendWindow[Parcel], now: float, batches: int = 4, resend: bool = True) -> list[Parcel]:
    due = window.due(now, batches, resend=resend)
    for each in due:
        window.sent(each, now)
    return due


def test_a_full_window_names_what_it_drops() -> None:
    window, parcels = filled(3, batches=3)
    assert send(window, 0.0, batches=1) == parcels[:1]
    new = parcel(events=5)
    assert window.add(new, "offered", "throttled") == [parcels[1]]
    assert list(window) == [parcels[0], parcels[2], new]
    assert dict(window.counts) == {"offered": 11, "throttled": 2} and window.events == 9


def test_a_parcel_beyond_the_bounds_is_kept_and_pushes_out_no_other() -> None:
    window, parcels = filled(2, batches=2)
    beyond = parcel(bounded=False)
    assert window.add(beyond, "offered", "overflow") == []
    assert list(window) == [*parcels, beyond]
    assert window.add(parcel(), "offered", "overflow") == parcels[:1]


def test_a_held_parcel_holds_up_those_behind_it_but_not_those_under_way() -> None:
    window, parcels = filled(4)
    assert send(window, 0.0, batches=3) == parcels[:3]
    window.postpone(parcels[1], not_before=RESEND_AFTER + 5)
    assert send(window, RESEND_AFTER) == parcels[:1]
    assert send(window, RESEND_AFTER + 5) == parcels[1:]


def test_without_resending_late_parcels_are_named_and_not_sent() -> None:
    window, parcels = filled(2)
    assert send(window, 0.0) == parcels
    assert window.overdue(RESEND_AFTER / 2) == []
    assert window.overdue(RESEND_AFTER) == parcels
    assert send(window, RESEND_AFTER, resend=False) == []


def test_a_parcel_is_settled_once() -> None:
    window, (first, second) = filled(2)
    assert window.settle(first, "stored") and not window.settle(first, "stored")
    assert window.remove(second) and not window.remove(second)
    assert window.counts["stored"] == 2 and window.events == 0 == len(window)


@pytest.mark.parametrize("seed", range(3))
def test_any_history_is_accounted_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window, now = ResendWindow[Parcel](6, 1000), 0.0
    for _ in range(2000):
        now += float(rng.exponential(2.0))
        kept = list(window)
        match rng.integers(5):
            case 0 | 1:
                sizes = int(rng.integers(1, 5)), int(rng.integers(1, 400))
                window.add(parcel(*sizes, bounded=bool(rng.random() < 0.9)), "offered", "overflow")
            case 2:
                send(window, now)
            case 3 if kept:
                window.settle(kept[rng.integers(len(kept))], "stored")
            case 4 if kept:
                window.postpone(kept[rng.integers(len(kept))], now + 1.0)
        counts, bounded = window.counts, [each for each in window if each.bounded]
        assert counts["offered"] == counts["stored"] + counts["overflow"] + window.events
        assert window.events == sum(each.events for each in window)
        assert len(bounded) <= 6 and sum(each.nbytes for each in bounded) <= 1000
        assert sum(each.sent_at is not None for each in window) <= 4
    assert window.counts["stored"] and window.counts["overflow"]
