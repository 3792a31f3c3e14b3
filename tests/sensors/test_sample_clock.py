import numpy as np
import pytest

from sensors.sample_clock import SampleClock

RATE, BLOCK = 16_000, 320


def test_late_callbacks_leave_chunks_contiguous() -> None:
    rng = np.random.default_rng(0)
    clock = SampleClock(RATE)
    late = rng.exponential(0.01, 3000)
    got = [clock.stamp(10 + i * 0.02 + late[i], BLOCK) for i in range(3000)]
    starts = np.array([start for start, _ in got])
    assert not any(gap for _, gap in got)
    assert np.abs(np.diff(starts) - 0.02).max() < 0.001
    # Late by 10 ms on average: that is all that may be left.
    assert np.abs(starts[1000:] - (10 + 0.02 * np.arange(1000, 3000))).max() < 0.015


@pytest.mark.parametrize("drift", [100e-6, -300e-6])
def test_a_device_whose_clock_drifts_is_followed(drift: float) -> None:
    rng = np.random.default_rng(1)
    clock = SampleClock(RATE)
    worst = 0.0
    for i in range(30_000):
        true = 0.02 * i * (1 + drift)
        start, gap = clock.stamp(true + rng.uniform(0, 0.01), BLOCK)
        assert not gap
        worst = max(worst, abs(start - true)) if i > 1000 else worst
    assert worst < 0.012


def test_a_busy_moment_and_its_burst_are_no_loss() -> None:
    clock = SampleClock(RATE)
    seen = [0.02 * i for i in range(100)]
    # Callbacks of 0.4 s arrive together when the machine finds time again.
    seen[50:70] = [1.4 + 0.001 * i for i in range(20)]
    got = [clock.stamp(t, BLOCK) for t in seen]
    assert not any(gap for _, gap in got)
    assert max(abs(start - 0.02 * i) for i, (start, _) in enumerate(got)) < 0.03


def test_a_loss_that_the_device_reports_is_believed_at_once() -> None:
    clock = SampleClock(RATE)
    clock.stamp(0.0, BLOCK)
    assert clock.stamp(0.5, BLOCK, gap=True) == (0.5, True)
    start, gap = clock.stamp(0.52, BLOCK)
    assert start == pytest.approx(0.52) and not gap


def test_a_backlog_that_comes_at_once_never_lies_in_the_future() -> None:
    clock = SampleClock(RATE)
    # Two seconds of sound within 20 ms, then sound as it is heard.
    seen = [5 + 0.0002 * i for i in range(100)] + [5.02 + 0.02 * i for i in range(500)]
    got = [clock.stamp(t, BLOCK) for t in seen]
    assert not any(gap for _, gap in got)
    starts = np.array([start for start, _ in got])
    assert (starts <= np.array(seen) + 0.051).all() and (np.diff(starts) > 0).all()
    assert starts[-1] == pytest.approx(seen[-1], abs=0.01)


def test_a_loss_that_nobody_reports_is_noticed() -> None:
    jump = 1.0
    clock = SampleClock(RATE)
    gaps = []
    for i in range(200):
        seen = 0.02 * i + (jump if i >= 100 else 0)
        start, gap = clock.stamp(seen, BLOCK)
        gaps += [i] if gap else []
    assert len(gaps) == 1 and 100 < gaps[0] <= 130
    assert start == pytest.approx(seen, abs=1e-3)
