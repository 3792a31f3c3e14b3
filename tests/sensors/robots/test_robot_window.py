"""What a robot keeps: bounded, in order, and every event accounted for."""

import numpy as np

from sensors.core.resend_window import RESEND_AFTER
from sensors.robots.robot_window import RobotParcel, RobotWindow


def filled(count: int, batches: int = 8, nbytes: int = 10_000, size: int = 100) -> RobotWindow:
    window = RobotWindow(batches, nbytes)
    for _ in range(count):
        window.add(2, [bytes(size)])
    return window


def send(window: RobotWindow, now: float = 1.0, batches: int = 4, nbytes: int = 10_000) -> list[int]:
    """Serials sent now."""
    serials = []
    for parcel in window.due(now, batches, nbytes):
        window.sent(parcel, now)
        serials.append(parcel.serial)
    return serials


def accounted(window: RobotWindow) -> bool:
    rest = sum(count for name, count in window.counts.items() if name != "published")
    return window.counts["published"] == rest + window.events


def test_so_many_are_under_way_and_no_more() -> None:
    window = filled(6)
    assert send(window) == [1, 2, 3, 4]
    assert send(window) == []
    window.settle(2, "acknowledged")
    assert send(window) == [5]
    assert accounted(window)


def test_so_many_bytes_are_under_way_but_one_parcel_always() -> None:
    window = filled(5)
    assert send(window, nbytes=250) == [1, 2]
    window.settle(1, "acknowledged")
    assert send(window, nbytes=250) == [3]
    large = filled(2, size=400)
    assert send(large, nbytes=250) == [1]
    assert send(large, nbytes=250) == []


def test_the_oldest_that_is_not_under_way_makes_room() -> None:
    window = filled(8)
    assert send(window) == [1, 2, 3, 4]
    for _ in range(3):
        window.add(2, [bytes(100)])
    assert len(window) == 8
    assert window.counts["dropped_overflow"] == 6
    for serial in (1, 2, 3, 4):
        window.settle(serial, "acknowledged")
    assert send(window) == [8, 9, 10, 11]
    assert accounted(window)


def test_what_comes_goes_when_all_others_are_under_way() -> None:
    window = filled(8)
    assert len(send(window, batches=100)) == 8
    window.add(2, [bytes(100)])
    assert window.counts["dropped_overflow"] == 2
    assert len(window) == 8


def test_bytes_are_bounded_too() -> None:
    window = filled(3, nbytes=1000)
    window.add(1, [bytes(500), bytes(450)])
    assert window.counts["dropped_overflow"] == 6
    window.add(1, [bytes(2000)])
    assert len(window) == 0
    assert accounted(window)


def test_a_recalled_one_is_sent_again_first_and_not_too_early() -> None:
    window = filled(6)
    send(window)
    window.recall(2, not_before=5.0)
    assert send(window, now=4.0) == []
    assert send(window, now=5.0) == [2]


def test_all_are_sent_again_to_a_host_that_was_started_anew() -> None:
    window = filled(3)
    window.add(7, [bytes(900)])
    assert send(window) == [1, 2, 3, 4]
    window.recall_all(largest=500)
    assert window.counts["dropped_oversized"] == 7
    assert send(window) == [1, 2, 3]
    window.add(7, [bytes(900)])
    assert window.counts["dropped_oversized"] == 14
    assert accounted(window)


def test_without_an_answer_it_is_sent_again() -> None:
    window = filled(2)
    assert send(window, now=1.0) == [1, 2]
    assert send(window, now=1.0 + RESEND_AFTER / 2) == []
    assert send(window, now=1.0 + RESEND_AFTER) == [1, 2]


def test_settling_again_or_something_unknown_changes_nothing() -> None:
    window = filled(2)
    window.settle(1, "acknowledged")
    window.settle(1, "acknowledged")
    window.settle(99, "acknowledged")
    window.recall(99)
    assert window.counts["acknowledged"] == 2
    assert accounted(window)


def test_any_history_is_accounted_for() -> None:
    rng = np.random.default_rng(0)
    window = RobotWindow(10, 2000)
    now = 0.0
    for _ in range(3000):
        now += float(rng.exponential(0.2))
        match rng.integers(6):
            case 0 | 1 | 2:
                window.add(int(rng.integers(1, 5)), [bytes(int(rng.integers(1, 600)))])
            case 3:
                send(window, now, batches=4, nbytes=900)
            case 4:
                window.settle(int(rng.integers(1, 2000)), str(rng.choice(["acknowledged", "refused_damaged"])))
            case _:
                window.recall_all(500)
        assert len(window) <= 10
        assert accounted(window)
    kept: list[RobotParcel] = list(window.due(now + 1e9, 10**6, 10**9))
    assert sum(parcel.events for parcel in kept) == window.events
    assert window.counts["acknowledged"] > 0
    assert window.counts["dropped_overflow"] > 0
