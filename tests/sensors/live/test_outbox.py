import numpy as np
import pytest

from sensors.core.resend_window import RESEND_AFTER
from sensors.live.outbox import AWAY, UNDER_WAY, Delivery, Outbox
from tests.sensors.batches import batch


def percept(count: int = 2, captured: float = 0.0, receipt: object = None) -> Delivery:
    return Delivery(batch("audio", count), captured, receipt)


def send(outbox: Outbox[Delivery], now: float) -> list[Delivery]:
    due = outbox.due(now)
    for item in due:
        outbox.sent(item, now)
    return due


def balanced(outbox: Outbox[Delivery]) -> bool:
    counts = outbox.counts
    return counts["offered"] == counts["stored"] + counts["repeated"] + sum(outbox.dropped.values()) + outbox.events


def test_events_go_in_their_order_a_few_at_a_time() -> None:
    outbox = Outbox[Delivery](100, 2**30)
    given = [percept() for _ in range(UNDER_WAY + 3)]
    for item in given:
        outbox.add(item)
    first = send(outbox, 0.0)
    assert first == given[:UNDER_WAY]
    assert send(outbox, 0.1) == []
    for item in first:
        assert outbox.answered(item, 2, 0, 0.0, 0.2)
    assert send(outbox, 0.2) == given[UNDER_WAY:]
    assert balanced(outbox)


@pytest.mark.parametrize("reason", ["throttled", "unanswered", "overflow"])
def test_without_room_the_oldest_goes_and_is_counted_by_reason(reason: str) -> None:
    outbox = Outbox[Delivery](3, 2**30)
    given = [percept(count=n) for n in (1, 2, 4, 8, 16)]
    outbox.add(given[0])
    if reason != "overflow":
        assert send(outbox, 0.0) == given[:1]
    if reason == "throttled":
        assert not outbox.answered(given[0], 0, 0, 50.0, 0.0)
    if reason == "unanswered":
        outbox.unanswered(given[0], 0.0)
    for item in given[1:]:
        outbox.add(item)
    assert outbox.dropped == dict.fromkeys(outbox.dropped, 0) | {reason: 3}
    assert send(outbox, 1.0) == given[2:]
    assert balanced(outbox)


def test_too_many_bytes_are_too_many() -> None:
    size = percept(1).batch.nbytes
    outbox = Outbox[Delivery](100, 2 * size)
    for _ in range(3):
        outbox.add(percept(1))
    assert len(outbox) == 2 and outbox.dropped["overflow"] == 1


def test_what_replay_turned_away_holds_up_the_later_ones_and_goes_first() -> None:
    outbox = Outbox[Delivery](100, 2**30)
    first, second = percept(), percept()
    outbox.add(first)
    send(outbox, 0.0)
    outbox.answered(first, 0, 0, 200.0, 0.0)
    outbox.add(second)
    assert send(outbox, 0.1) == []
    assert send(outbox, 0.21) == [first, second]
    outbox.unanswered(first, 0.3)
    assert send(outbox, 0.3 + AWAY / 2) == []
    assert send(outbox, 0.31 + AWAY) == [first]


def test_silence_is_answered_with_the_same_batch_again() -> None:
    outbox = Outbox[Delivery](100, 2**30)
    item = percept()
    outbox.add(item)
    send(outbox, 0.0)
    assert send(outbox, RESEND_AFTER / 2) == []
    assert send(outbox, RESEND_AFTER) == [item]
    assert outbox.answered(item, 0, 2, 0.0, RESEND_AFTER + 1)
    # The first sending's answer comes after all.
    assert outbox.answered(item, 2, 0, 0.0, RESEND_AFTER + 2)
    assert outbox.counts["repeated"] == 2 and outbox.counts["lost"] == 1 and balanced(outbox)


def test_a_robots_batches_are_never_dropped() -> None:
    outbox = Outbox[Delivery](1, 2**30)
    robots = [percept(receipt=n) for n in range(5)]
    for item in robots:
        outbox.add(item)
    own = [percept() for _ in range(3)]
    for item in own:
        outbox.add(item)
    assert outbox.dropped["overflow"] == 4
    assert send(outbox, 0.0) == [*robots, own[-1]]


def test_what_replay_refuses_is_gone_and_counted() -> None:
    outbox = Outbox[Delivery](10, 2**30)
    item = percept(3)
    outbox.add(item)
    send(outbox, 0.0)
    outbox.refused(item)
    assert outbox.dropped["refused"] == 3 and not len(outbox) and balanced(outbox)


def test_latencies_are_those_of_this_machines_events() -> None:
    outbox = Outbox[Delivery](1000, 2**30)
    assert outbox.latencies() == {}
    taken = np.linspace(0.01, 1.0, 100)
    for n, seconds in enumerate(taken):
        item = percept(captured=1000.0 + n)
        outbox.add(item)
        outbox.answered(item, 2, 0, 0.0, 1000.0 + n + float(seconds))
    foreign = percept(captured=0.0, receipt=1)
    outbox.add(foreign)
    outbox.answered(foreign, 2, 0, 0.0, 5000.0)
    found = outbox.latencies()
    assert found["latency_p50"] == pytest.approx(0.51, abs=0.02)
    assert found["latency_p99"] == pytest.approx(1.0, abs=0.02)
    assert found["lag_p99"] > found["lag_p50"] > 800


def test_without_resending_an_unstored_batch_is_dropped_with_its_reason() -> None:
    outbox = Outbox[Delivery](100, 2**30, resend=False)
    throttled, lost, late, taken = given = [percept(count=n, receipt=n % 2 or None) for n in (1, 2, 4, 8)]
    for item in given:
        outbox.add(item)
    assert send(outbox, 0.0) == given
    assert outbox.answered(throttled, 0, 0, 50.0, 0.1)
    assert outbox.unanswered(lost, 0.1)
    assert outbox.answered(taken, 7, 1, 0.0, 0.2)
    assert outbox.overdue(RESEND_AFTER / 2) == [] and balanced(outbox)
    assert outbox.overdue(RESEND_AFTER) == [late]
    assert outbox.dropped == {"throttled": 1, "unanswered": 6, "overflow": 0, "refused": 0, "stopped": 0}
    assert send(outbox, 2 * RESEND_AFTER) == [] and not len(outbox) and balanced(outbox)
    # The answer comes after all.
    assert outbox.answered(late, 4, 0, 0.0, 2 * RESEND_AFTER) and balanced(outbox)
    assert Outbox[Delivery](100, 2**30).overdue(RESEND_AFTER) == []


def test_batches_under_way_are_not_dropped_so_that_none_is_counted_twice() -> None:
    outbox = Outbox[Delivery](2, 2**30)
    given = [percept(count=n) for n in (1, 2, 4, 8)]
    for item in given[:2]:
        outbox.add(item)
    assert send(outbox, 0.0) == given[:2]
    for item in given[2:]:
        outbox.add(item)
    # Both places are taken by what may be stored by now: the new ones find none.
    assert outbox.dropped["overflow"] == 12 and len(outbox) == 2
    for item in given[:2]:
        assert outbox.answered(item, len(item.batch), 0, 0.0, 0.1)
    assert outbox.counts["stored"] == 3 and sum(outbox.dropped.values()) == 12
    assert balanced(outbox)


def test_batches_left_at_the_end_are_counted_except_those_that_robots_keep() -> None:
    outbox = Outbox[Delivery](10, 2**30)
    for item in (percept(1), percept(2), percept(4, receipt=object())):
        outbox.add(item)
    send(outbox, 0.0)
    outbox.stop()
    assert outbox.dropped["stopped"] == 3 and outbox.events == 4
    assert balanced(outbox)
