"""The other machine's clock: the bound always holds, however the way's delays divide."""

import numpy as np
import pytest

from sensors.core.clock import FIRST, ClockEstimator


def ask(clock: ClockEstimator, now: float, lead: float, there: float, back: float, held: float = 0.0) -> float:
    """One exchange that begins at `now` with a clock that leads by `lead`; returns when it ended."""
    came = now + there
    clock.observe(now, came + lead, came + held + lead, came + held + back)
    return came + held + back


def test_nothing_is_known_at_first() -> None:
    clock = ClockEstimator()
    assert not clock.ready
    assert clock.offset() == 0
    assert clock.error(5.0) == float("inf")


def test_equal_delays_give_the_offset_itself() -> None:
    clock = ClockEstimator()
    for i in range(FIRST):
        ask(clock, float(i), 1234.5, 0.01, 0.01, held=0.3)
    assert clock.ready
    assert clock.offset() == pytest.approx(1234.5, abs=1e-6)
    assert clock.error(FIRST) == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("drift", [-100e-6, 0.0, 100e-6])
@pytest.mark.parametrize("one_way", [False, True])
def test_the_bound_holds_for_an_hour(drift: float, one_way: bool) -> None:
    rng = np.random.default_rng(0)
    clock = ClockEstimator()
    errors = []
    for i in range(7200):
        now = i * 0.5
        lead = -86_400.0 + drift * now
        there, back = rng.exponential(0.02, 2) + 0.0005
        returned = ask(clock, now, lead, float(there), 0.0005 if one_way else float(back), float(rng.exponential(0.01)))
        truth = -86_400.0 + drift * returned
        assert abs(clock.offset() - truth) <= clock.error(returned) + 1e-9
        errors.append(abs(clock.offset() - truth))
    assert clock.jumps == 0
    assert float(np.quantile(errors[100:], 0.99)) < 0.005


def test_many_exchanges_beat_the_best_single_one() -> None:
    """Delays that are short in one direction at a time narrow the interval from both sides."""
    clock = ClockEstimator(max_drift=0.0)
    ask(clock, 0.0, 7.0, there=0.001, back=0.2)
    ask(clock, 1.0, 7.0, there=0.2, back=0.001)
    assert clock.error(1.0) == pytest.approx(0.001)
    assert clock.offset() == pytest.approx(7.0, abs=1e-6)


def test_the_bound_grows_while_nothing_is_heard() -> None:
    clock = ClockEstimator(max_drift=1e-4)
    at = ask(clock, 0.0, 0.0, 0.001, 0.001)
    assert clock.error(at + 100) == pytest.approx(clock.error(at) + 0.01)


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    clock = ClockEstimator()
    for i in range(10):
        ask(clock, float(i), 5.0, 0.001, 0.001)
    ask(clock, 10.0, 900.0, 0.001, 0.001)
    assert clock.jumps == 1
    assert not clock.ready
    for i in range(FIRST):
        ask(clock, 11.0 + i, 900.0, 0.001, 0.001)
    assert clock.ready
    assert clock.offset() == pytest.approx(900.0, abs=1e-3)


@pytest.mark.parametrize(
    "times",
    [
        (0.0, float("nan"), 1.0, 1.0),
        (0.0, float("inf"), float("inf"), 1.0),
        (0.0, 5.0, 4.0, 1.0),  # answered before it came
        (1.0, 5.0, 5.0, 0.0),  # back before it was sent
        (0.0, 5.0, 9.0, 1.0),  # held for longer than it took
    ],
)
def test_nonsense_is_refused(times: tuple[float, float, float, float]) -> None:
    clock = ClockEstimator()
    clock.observe(*times)
    assert (clock.exchanges, clock.refused) == (0, 1)
    assert clock.offset() == 0


def test_reset_forgets() -> None:
    clock = ClockEstimator()
    for i in range(FIRST):
        ask(clock, float(i), 5.0, 0.001, 0.001)
    clock.reset()
    assert not clock.ready
    assert clock.offset() == 0
