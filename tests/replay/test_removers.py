"""Which events stay."""

import numpy as np
import pytest

from replay.removers import DROPPED, Fifo, Reservoir, make_remover
from sensors.core.errors import ConfigError, StateError


def stream(remover: Reservoir | Fifo, total: int, capacity: int, step: int) -> dict[int, int]:
    stored: dict[int, int] = {}
    live = np.zeros(capacity, np.bool_)
    for first in range(1, total + 1, step):
        serial = np.arange(first, min(first + step, total + 1))
        for number, slot in zip(serial.tolist(), remover.place(serial, live).tolist(), strict=True):
            if slot != DROPPED:
                stored[slot] = number
                live[slot] = True
    return stored


def test_fifo_keeps_the_newest() -> None:
    assert sorted(stream(Fifo(), 1_000, 64, 37).values()) == list(range(937, 1_001))


def test_reservoir_includes_every_decile_of_the_stream_alike() -> None:
    counts = np.zeros(10)
    for seed in range(200):
        kept = np.array(list(stream(Reservoir(seed), 10_000, 500, 5_000).values()))
        assert len(kept) == 500
        counts += np.bincount((kept - 1) // 1_000, minlength=10)
    assert np.abs(counts / (200 * 1_000) - 0.05).max() < 0.003


def test_reservoir_does_not_depend_on_how_the_stream_is_cut() -> None:
    expected = stream(Reservoir(7), 3_000, 100, 1)
    for step in (3, 64, 1_000):
        assert stream(Reservoir(7), 3_000, 100, step) == expected
    assert stream(Reservoir(8), 3_000, 100, 64) != expected


def test_reservoir_fills_emptied_slots_before_it_gives_anything_up() -> None:
    live = np.ones(100, np.bool_)
    live[[3, 50]] = False
    serial = np.arange(101, 401)
    slots = Reservoir(1).place(serial, live)
    kept = slots[slots != DROPPED]
    assert {3, 50} <= set(kept.tolist())


def test_state_round_trip_and_refusals() -> None:
    saved = Reservoir(5)
    other = Reservoir(6)
    other.load_state_dict(saved.state_dict())
    assert stream(other, 2_000, 50, 64) == stream(Reservoir(5), 2_000, 50, 64)
    with pytest.raises(StateError, match="fifo"):
        other.load_state_dict(Fifo().state_dict() | {"seed": 1})
    with pytest.raises(StateError, match="seed"):
        other.load_state_dict({"version": 1, "name": "reservoir"})
    Fifo().load_state_dict(Fifo().state_dict())
    with pytest.raises(ConfigError, match="lifo"):
        make_remover("lifo", 0)
