"""The limiter: its ratio, its waits, its changes."""

import numpy as np
import pytest

from replay.config import ReplayConfig
from replay.limiter import Limiter
from sensors.core.errors import ConfigError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_ratio_and_deficit_hold_over_a_long_stream() -> None:
    rng = np.random.default_rng(3)
    clock = Clock()
    limiter = Limiter(4.0, 64, 16, clock)
    inserted, sampled, throttled = 0, 0, 0
    while inserted < 10_000:
        clock.now += float(rng.exponential(0.002))
        if rng.random() < 0.7:
            wait = limiter.wait_ms(inserted, sampled, min(inserted, 500), 8)
            assert wait == 0.0 or 5.0 <= wait <= 500.0
            throttled += wait > 0
            inserted += 0 if wait else 8
        elif inserted >= 16 and limiter.deficit(inserted, sampled) > 0:
            sampled += 32
        assert -32 < limiter.deficit(inserted, sampled) <= 64 * 4
    assert throttled > 100
    assert sampled / inserted == pytest.approx(4.0, abs=0.05)


def test_never_throttles_before_min_size_nor_without_a_limit() -> None:
    limiter = Limiter(8.0, 1, 256)
    assert limiter.wait_ms(10_000, 0, 255, 64) == 0.0
    assert limiter.wait_ms(10_000, 0, 256, 64) > 0.0
    assert Limiter(0.0, 1, 1).wait_ms(10**9, 0, 10**6, 4_096) == 0.0


def test_a_batch_larger_than_the_slack_comes_in_once_nothing_is_owed() -> None:
    limiter = Limiter(2.0, 4, 1)
    assert limiter.wait_ms(100, 199, 100, 64) > 0.0
    assert limiter.wait_ms(100, 200, 100, 64) == 0.0


def test_wait_follows_the_learner_s_rate() -> None:
    clock = Clock()
    limiter = Limiter(1.0, 100, 1, clock)
    sampled = 0
    for _ in range(50):
        limiter.wait_ms(1_000, sampled, 1_000, 10)
        clock.now += 0.1
        sampled += 10
    # Owed 1000 - 500 = 500 samples, 10 more offered, 100 allowed: 410 over at 100 samples a second.
    assert limiter.wait_ms(1_000, sampled, 1_000, 10) == 500.0
    assert limiter.wait_ms(605, sampled, 605, 10) == pytest.approx(150.0, rel=0.05)


def test_credit_for_drawing_ahead_lapses_beyond_the_slack() -> None:
    limiter = Limiter(2.0, 50, 1)
    assert limiter.wait_ms(1_000, 1_000_000, 1_000, 64) == 0.0
    assert limiter.deficit(1_000, 1_000_000) == -100.0


def test_a_change_of_the_ratio_keeps_the_owed_events() -> None:
    limiter = Limiter(8.0, 64, 1)
    inserted, sampled = 1_000, 7_600
    assert limiter.deficit(inserted, sampled) == 400.0
    limiter.change(inserted, sampled, samples_per_insert=4.0, slack=32, min_size=1)
    assert limiter.deficit(inserted, sampled) == pytest.approx(200.0)
    limiter.change(inserted, sampled, samples_per_insert=0.0, slack=32, min_size=1)
    assert limiter.wait_ms(inserted, sampled, 1_000, 4_096) == 0.0
    limiter.change(inserted + 500, sampled, samples_per_insert=2.0, slack=32, min_size=1)
    assert limiter.deficit(inserted + 500, sampled) == 0.0


def test_without_a_limit_tables_are_compared_by_what_was_drawn_for_each_event() -> None:
    many, few = Limiter(0.0, 64, 1), Limiter(0.0, 64, 1)
    sampled = [0, 0]
    for _ in range(1_000):
        owed = [many.deficit(300, sampled[0]), few.deficit(20, sampled[1])]
        sampled[owed.index(max(owed))] += 50
    assert sampled[1] / sum(sampled) == pytest.approx(20 / 320, abs=0.01)


@pytest.mark.parametrize("bad", [(-1.0, 1, 1), (float("nan"), 1, 1), (float("inf"), 1, 1), (1.0, 0, 1), (1.0, 1, 0)])
def test_bad_limits_are_refused_and_change_nothing(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError):
        Limiter(*bad)
    limiter = Limiter(4.0, 64, 16)
    with pytest.raises(ConfigError):
        limiter.change(100, 100, samples_per_insert=bad[0], slack=bad[1], min_size=bad[2])
    assert (limiter.samples_per_insert, limiter.slack, limiter.min_size) == (4.0, 64, 16)
    assert limiter.deficit(100, 100) == 300.0


def test_a_table_that_can_never_be_drawn_from_is_a_bad_config() -> None:
    with pytest.raises(ConfigError, match="capacity_single=100"):
        ReplayConfig(capacity_single=100)
    with pytest.raises(ConfigError, match="lifo"):
        ReplayConfig(remover="lifo")
    assert ReplayConfig(capacity=300).capacity_of("audio+image") == 300
    assert ReplayConfig(capacity_single=300).capacity_of("audio") == 300


def test_labelled_tables_are_small_and_owe_nothing() -> None:
    config = ReplayConfig(capacity=300, capacity_labelled=40)
    for kind in ("speech+letter", "speech+lips+letter"):
        assert config.capacity_of(kind) == 40 and config.capacity_name(kind) == "capacity_labelled"
        assert config.limits_of(kind)[0] == 0.0
    assert config.capacity_of("speech+lips") == 300 and config.capacity_name("speech+lips") == "capacity"
    assert config.limits_of("speech") == (config.samples_per_insert, config.limiter_slack, config.min_size)
