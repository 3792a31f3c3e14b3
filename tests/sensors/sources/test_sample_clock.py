import numpy as np
import pytest

from sensors.sources.sample_clock import SampleClock

RATE, BLOCK = 16_000, 320


def test_late_callbacks_leave_chunks_contiguous() -> None:
    rng = np.random.default_rng(0)
    clock = SampleClock(RATE)
    late = rng.exponential(0.01, 3000)
    got = [clock.stamp(10 + i * 0.02 + late[i], BLOCK) for i in range(3000)]
    starts = np.array([stamp.start for stamp in got])
    assert not any(stamp.gap for stamp in got) and sum(stamp.unsure for stamp in got) < 30
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
        start, gap, unsure = clock.stamp(true + rng.uniform(0, 0.01), BLOCK)
        assert not gap and not unsure
        worst = max(worst, abs(start - true)) if i > 1000 else worst
    assert worst < 0.012


@pytest.mark.parametrize("late", [20, 70])
def test_a_busy_moment_and_its_burst_are_no_loss(late: int) -> None:
    clock = SampleClock(RATE)
    seen = [0.02 * i for i in range(200)]
    # Callbacks of 0.4 s, or 1.4 s, arrive together when the machine finds time again.
    seen[50 : 50 + late] = [1 + 0.02 * late + 0.0001 * i for i in range(late)]
    got = [clock.stamp(t, BLOCK) for t in seen]
    assert not any(stamp.gap for stamp in got)
    assert max(abs(stamp.start - 0.02 * i) for i, stamp in enumerate(got)) < 0.01
    # Whether it was one is not known before the burst has caught up.
    assert got[50].unsure and not got[50 + late].unsure


def test_a_loss_that_the_device_reports_is_believed_at_once() -> None:
    clock = SampleClock(RATE)
    clock.stamp(0.0, BLOCK)
    assert clock.stamp(0.5, BLOCK, gap=True) == (0.5, True, False)
    start, gap, unsure = clock.stamp(0.52, BLOCK)
    assert start == pytest.approx(0.52) and not gap and not unsure


def test_a_backlog_that_comes_at_once_never_lies_in_the_future() -> None:
    clock = SampleClock(RATE)
    # Two seconds of sound within 20 ms, then sound as it is heard.
    seen = [5 + 0.0002 * i for i in range(100)] + [5.02 + 0.02 * i for i in range(500)]
    got = [clock.stamp(t, BLOCK) for t in seen]
    assert not any(stamp.gap for stamp in got)
    starts = np.array([stamp.start for stamp in got])
    assert (starts <= np.array(seen) + 0.051).all() and (np.diff(starts) > 0).all()
    assert starts[-1] == pytest.approx(seen[-1], abs=0.01)


@pytest.mark.parametrize("jump", [0.08, 0.3, 1.0])
def test_a_loss_that_nobody_reports_is_noticed_and_suspected_at_once(jump: float) -> None:
    clock = SampleClock(RATE)
    got = []
    for i in range(200):
        seen = 0.02 * i + (jump if i >= 100 else 0)
        got.append(clock.stamp(seen, BLOCK))
    (found,) = (i for i, stamp in enumerate(got) if stamp.gap)
    assert 100 < found <= 130
    assert [i for i, stamp in enumerate(got) if stamp.unsure] == list(range(100, found))
    assert got[-1].start == pytest.approx(seen, abs=1e-3)


def test_times_never_go_back() -> None:
    """Not even where a device reports the age of its sound by turns, or a loss just after a backlog."""
    rng = np.random.default_rng(2)
    clock = SampleClock(RATE)
    seen = [5 + 0.0002 * i for i in range(20)] + [5 + 0.02 * i - 0.3 * (i % 7 == 0) for i in range(1, 400)]
    starts = [clock.stamp(t, BLOCK, bool(rng.random() < 0.05)).start for t in seen]
    assert (np.diff(starts) > 0).all()
