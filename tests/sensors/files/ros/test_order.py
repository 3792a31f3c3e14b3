import numpy as np

from sensors.files.ros.order import LARGEST, Order


def ordered(times: list[float], size: int = 1) -> tuple[list[float], int]:
    dropped: list[None] = []
    order: Order[float] = Order(lambda: dropped.append(None))
    found = [time for at in times for time, _ in order.put(at, at, size)] + [time for time, _ in order.flush()]
    return found, len(dropped)


def test_what_comes_within_half_a_second_is_put_in_order() -> None:
    rng = np.random.default_rng(0)
    times = [float(t) for t in np.arange(500) / 30 + rng.uniform(-0.2, 0.2, 500)]
    assert ordered(times) == (sorted(times), 0)


def test_what_comes_later_is_dropped_and_counted() -> None:
    times = [0.0, 0.1, 0.2, 1.0, 1.6, 0.15, 1.7]
    assert ordered(times) == ([0.0, 0.1, 0.2, 1.0, 1.6, 1.7], 1)


def test_equal_times_keep_their_order() -> None:
    order: Order[str] = Order(lambda: None)
    found = [m for t, m in [(1.0, "a"), (1.0, "b"), (0.9, "c")] for _, m in order.put(t, m, 1)]
    assert found + [m for _, m in order.flush()] == ["c", "a", "b"]


def test_large_messages_do_not_wait_for_earlier_ones() -> None:
    order: Order[int] = Order(lambda: None)
    assert list(order.put(0.0, 0, LARGEST)) == []
    assert list(order.put(0.1, 1, LARGEST)) == [(0.0, 0)]
    # One is always allowed, whatever its size.
    assert list(order.put(0.2, 2, 3 * LARGEST)) == [(0.1, 1)]
