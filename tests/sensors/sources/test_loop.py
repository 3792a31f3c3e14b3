"""The read loop over a device that does what the test says."""

import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import SourceError
from sensors.sources import loop
from sensors.sources.loop import LEFT_BEHIND, Driver, LoopSource
from sensors.sources.source import Change, Chunk, Ended
from tests.patience import PATIENCE, quickest, took, wait_for
from tests.sensors.fake_device import Device, source


def test_it_goes_live_gives_and_closes(device: Device) -> None:
    changes: list[Change] = []
    s = source(device, capacity=1000)
    s.observe(changes.append)
    with s:
        assert wait_for(lambda: s.state == "live")
        assert [int(s.read().samples[0]) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert wait_for(lambda: len(changes) == 3)
    assert [c.after for c in changes] == ["connecting", "live", "closed"]
    assert [c.before for c in changes] == ["closed", "connecting", "live"]
    assert device.opened == device.closed == 1
    assert device.users == {"microphone reader"}


def test_a_silent_device_stalls_is_opened_anew_and_its_sound_carries_a_gap(device: Device) -> None:
    changes: list[Change] = []
    s = source(device, capacity=1000, timeout=0.3, stall=0.2)
    s.observe(changes.append)

    def silence() -> float:
        assert wait_for(lambda: s.state == "live")
        device.silent = True
        noticed = took(lambda: wait_for(lambda: s.state == "stalled"))
        with suppress(TimeoutError):
            while True:
                s.read()
        device.silent = False
        assert wait_for(lambda: s.state == "live")
        # Numbers begin anew with each opening.
        first, second = s.read(), s.read()
        assert first.gap and first.samples[0] == 1
        assert second.gap == (second.samples[0] == 1)
        return noticed

    with s:
        assert quickest(silence, 0.2 + 0.6) < 0.2 + 0.6
    assert wait_for(lambda: changes[-1].after == "closed")
    assert s.counts.reconnects == [c.after for c in changes].count("live") - 1 >= 1
    assert "nothing for" in next(c.reason for c in changes if c.after == "stalled")


def test_an_unplugged_device_stalls_and_comes_back(device: Device) -> None:
    changes: list[Change] = []
    s = source(device)
    s.observe(changes.append)
    with s:
        assert wait_for(lambda: s.state == "live")
        device.there = False
        assert wait_for(lambda: s.state == "stalled")
        assert wait_for(lambda: device.tried >= 4)
        assert s.state == "stalled"
        device.there = True
        assert wait_for(lambda: s.state == "live")
    assert wait_for(lambda: device.opened == device.closed == 2)
    assert changes[2].reason == "the device is gone"


def pauses_tried() -> NDArray[np.float64]:
    """Seconds between the attempts of a source whose device is not there."""
    tried: list[float] = []

    def open_nothing() -> Driver[Chunk]:
        tried.append(time.monotonic())
        raise SourceError("microphone: none")

    s: LoopSource[Chunk] = LoopSource("microphone", open_nothing, capacity=8, pauses=(0.05, 0.2))
    s.connect(warmup=0)
    assert wait_for(lambda: len(tried) >= 6)
    s.disconnect()
    return np.diff(tried[:6])


def test_pauses_between_attempts_grow_to_their_bound() -> None:
    wanted = np.array([0.05, 0.1, 0.2, 0.2, 0.2])
    shortest = np.full(5, np.inf)

    def attempt() -> float:
        # A busy machine may make them longer, never shorter.
        pauses = pauses_tried()
        assert (pauses > 0.95 * wanted).all()
        np.minimum(shortest, pauses, out=shortest)
        return float((shortest - wanted).max())

    assert quickest(attempt, 0.09) < 0.09


def test_connect_says_why_there_is_no_device_and_leaves_nothing_running(device: Device) -> None:
    device.there = False
    s = source(device)
    with pytest.raises(SourceError, match="'fake': unplugged"):
        s.connect(warmup=PATIENCE)
    assert s.state == "closed"
    assert wait_for(lambda: not any(t.name.startswith("microphone") for t in threading.enumerate()))


def test_without_warmup_connect_returns_at_once_and_the_device_is_sought(device: Device) -> None:
    device.there = False
    device.openable.clear()
    s = source(device)

    def connect() -> float:
        s.disconnect()
        return took(lambda: s.connect(warmup=0))

    assert quickest(connect, 0.1) < 0.1
    device.openable.set()
    assert wait_for(lambda: s.state == "stalled")
    device.there = True
    assert wait_for(lambda: s.state == "live")
    assert not s.read().gap and s.counts.reconnects == 0
    s.disconnect()


@pytest.mark.parametrize("phase", ["open", "first sample"])
def test_a_device_that_starts_slowly_is_stalled_and_not_given_up(
    device: Device, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "FIRST", 2 * PATIENCE)  # what comes below may take longer on a busy machine
    changes: list[Change] = []
    s = source(device, stall=1.0)
    s.observe(changes.append)
    device.silent = phase != "open"
    if phase == "open":
        device.openable.clear()
    s.connect(warmup=0)
    assert wait_for(lambda: s.state == "stalled")
    time.sleep(0.3)
    assert device.opened == (phase != "open") and s.state == "stalled"
    device.silent = False
    device.openable.set()
    assert wait_for(lambda: s.state == "live")
    s.disconnect()
    assert device.opened == 1
    assert wait_for(lambda: changes[-1].after == "closed")
    assert [(c.after, c.opening) for c in changes] == [
        ("connecting", False),
        ("stalled", True),
        ("live", False),
        ("closed", False),
    ]


def test_why_a_slow_device_failed_in_the_end_is_told(device: Device) -> None:
    changes: list[Change] = []
    s = source(device, stall=0.2)
    s.observe(changes.append)
    device.there = False
    device.openable.clear()
    s.connect(warmup=0)
    assert wait_for(lambda: s.state == "stalled")
    device.openable.set()
    assert wait_for(lambda: len(changes) == 3)
    assert [c.opening for c in changes] == [False, True, False]
    assert "unplugged" in changes[-1].reason
    assert wait_for(lambda: device.tried >= 5)
    assert len(changes) == 3, "and not at every attempt"
    s.disconnect()


def test_a_device_that_stays_away_says_each_new_reason_once() -> None:
    reasons = ["401", "401", "nothing for 1.5 s", "nothing for 1.7 s", "404", "401", "401"]
    tried: list[str] = []

    def open_nothing() -> Driver[Chunk]:
        tried.append(reasons[min(len(tried), len(reasons) - 1)])
        raise SourceError(tried[-1])

    changes: list[Change] = []
    s: LoopSource[Chunk] = LoopSource("microphone", open_nothing, capacity=8, pauses=(0.01, 0.01))
    s.observe(changes.append)
    s.connect(warmup=0)
    assert wait_for(lambda: len(tried) >= len(reasons) + 2)
    stalled = [c for c in changes if c.after == "stalled"]
    assert [c.reason for c in stalled] == ["401", "nothing for 1.5 s", "404", "401"]
    assert [c.before for c in stalled] == ["connecting", "stalled", "stalled", "stalled"], "it stalls once"
    s.disconnect()


@pytest.mark.parametrize("phase", ["open", "read"])
def test_it_stops_while_the_device_is_blocked(phase: str) -> None:
    def stop() -> float:
        device = Device()
        s = source(device)
        if phase == "read":
            s.connect()
            device.readable.clear()
        else:
            device.openable.clear()
            s.connect(warmup=0.1)
        seconds = took(s.disconnect)
        assert wait_for(lambda: s.state == "closed")
        device.openable.set()
        device.readable.set()
        assert wait_for(lambda: device.closed == device.opened == 1)
        return seconds

    assert quickest(stop, 1.0) < 1.0


def test_what_a_given_up_device_brings_is_counted_and_not_used(device: Device) -> None:
    s = source(device, stall=0.2)
    with s:
        assert wait_for(lambda: s.state == "live")
        device.readable.clear()
        assert wait_for(lambda: s.state == "stalled")
        given = s.counts.given
        device.readable.set()
        assert wait_for(lambda: s.counts.dropped.get("stale", 0) >= 1)
        assert wait_for(lambda: s.counts.given > given)


def test_a_device_that_blocks_for_good_does_not_gather_threads(device: Device) -> None:
    changes: list[Change] = []
    s = source(device, stall=0.02, pauses=(0.001, 0.001))
    s.observe(changes.append)
    others = set(threading.enumerate())
    s.connect()
    device.readable.clear()
    assert wait_for(lambda: "4 attempts hang inside the device" in changes[-1].reason)
    assert changes[-1].before == changes[-1].after == "stalled"
    tried = device.tried
    time.sleep(0.5)
    readers = [t for t in set(threading.enumerate()) - others if t.name == "microphone reader"]
    # Those that hang; one that was given up before it was made to hang has closed the device.
    assert len(readers) == device.opened - device.closed == LEFT_BEHIND and device.tried == tried
    told = len(changes)
    device.readable.set()
    assert wait_for(lambda: "live" in [c.after for c in changes[told:]])
    s.disconnect()


def test_the_oldest_is_dropped_counted_and_marked_when_the_reader_is_late(device: Device) -> None:
    device.last = 20
    s = source(device)
    s.connect()
    assert wait_for(lambda: s.state == "closed")
    got = []
    with pytest.raises(Ended):
        while True:
            got.append(s.read())
    assert [int(c.samples[0]) for c in got] == list(range(13, 21))
    assert [c.gap for c in got] == [True] + 7 * [False]
    counts = s.counts
    assert (counts.given, counts.read, counts.dropped) == (20, 8, {"overflow": 12})


def test_async_read_gives_the_newest_unread_or_times_out(device: Device) -> None:
    device.last = 5
    s = source(device)
    s.connect()
    assert wait_for(lambda: s.state == "closed")
    newest = s.async_read()
    assert newest.samples[0] == 5 and newest.gap
    assert s.counts.dropped == {"superseded": 4}
    with pytest.raises(Ended):
        s.async_read()
    device.silent, device.last = True, None
    s.connect(warmup=0)

    def wait() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            s.async_read(timeout=0.1)
        return time.monotonic() - began

    assert 0.09 < quickest(wait, 0.3) < 0.3
    s.disconnect()


def test_read_latest_looks_without_taking(device: Device) -> None:
    s = source(device)
    with pytest.raises(TimeoutError, match="nothing has come yet"):
        s.read_latest()
    device.last = 3
    s.connect()
    assert wait_for(lambda: s.state == "closed")
    assert s.read_latest(PATIENCE).samples[0] == s.read_latest(PATIENCE).samples[0] == 3
    assert s.counts.read == 0
    time.sleep(0.06)
    with pytest.raises(TimeoutError, match=r"more than 0\.05 s"):
        s.read_latest(max_age=0.05)


def test_read_times_out_when_nothing_comes(device: Device) -> None:
    device.silent = True
    s = source(device, stall=None, timeout=0.3)
    s.connect(warmup=0)

    def wait() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            s.read()
        return time.monotonic() - began

    assert 0.25 < quickest(wait, 0.6) < 0.6
    s.disconnect()


def test_what_the_device_itself_lost_is_counted_and_marked(device: Device) -> None:
    device.loses = True
    s = source(device, capacity=1000)
    with s:
        assert s.read().gap and not s.read().gap
    assert s.counts.dropped["device"] == 1


def test_connect_and_disconnect_may_be_repeated(device: Device) -> None:
    s = source(device)
    s.disconnect()
    s.disconnect()
    for _ in range(3):
        s.connect()
        s.connect()
        s.disconnect()
        s.disconnect()
    assert wait_for(lambda: device.opened == device.closed == 3)
    assert wait_for(lambda: s.state == "closed")


def test_a_reader_waiting_in_another_thread_is_sent_home(device: Device) -> None:
    device.silent = True
    s = source(device, stall=None)
    s.connect(warmup=0)
    outcome: list[str] = []

    def wait() -> None:
        try:
            s.read()
        except Ended:
            outcome.append("ended")

    thread = threading.Thread(target=wait)
    thread.start()
    s.disconnect()
    thread.join(PATIENCE / 2)
    assert outcome == ["ended"]


def test_one_source_that_stalls_leaves_another_untouched() -> None:
    broken, sound = Device(), Device()
    a, b = source(broken, stall=0.2), source(sound)
    changes: list[Change] = []
    b.observe(changes.append)

    def twenty_samples() -> float:
        given = b.counts.given
        return took(lambda: wait_for(lambda: b.counts.given >= given + 20))

    with a, b:
        broken.readable.clear()
        assert wait_for(lambda: a.state == "stalled" and b.state == "live")
        assert quickest(twenty_samples, 0.8) < 0.8
        assert a.state == "stalled" and [c.after for c in changes] == ["connecting", "live"]
        broken.readable.set()
