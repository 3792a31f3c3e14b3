"""Peers that want to fill this machine's memory: cut off in time and counted, and the others do not notice."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from sensors.robots import link
from sensors.robots.ingest import RemoteIngest
from sensors.robots.keys import make_keys
from sensors.robots.link import Hello
from sensors.robots.remote_config import IngestConfig
from tests.patience import PATIENCE, quickest, took, wait_for
from tests.sensors.robot_rigs import host, made, robot, until
from tests.sensors.zmtp import frame, join, message

MIB = 1 << 20


def pour(peer: socket.socket, block: Callable[[], bytes], most: int, pause: float = 0.0) -> int:
    """Send until the other end has enough, `most` bytes at most; how many there were."""
    peer.settimeout(2.0)
    sent, end = 0, time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):
        while sent < most and time.monotonic() < end:
            part = block()
            peer.sendall(part)
            sent += len(part)
            time.sleep(pause)
    return sent


def welcomed(ingest: RemoteIngest, name: str = "hall") -> socket.socket:
    """A hostile robot that has introduced itself."""
    peer = join(ingest.address)
    peer.sendall(message(*map(bytes, link.pack_hello(Hello(name, 0)))))
    end = time.monotonic() + PATIENCE
    while name not in ingest.robots():
        assert time.monotonic() < end
        ingest.run(0.01)
    return peer


def attacked(ingest: RemoteIngest, attack: Callable[[], int], heard: bool = True) -> tuple[int, float]:
    """What an attack could send, and by how many MiB this process grew meanwhile; the host listens or does not."""
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(attack()))
    process = psutil.Process()
    before = most = process.memory_info().rss
    thread.start()
    while thread.is_alive():
        if heard:
            ingest.run(0.005)
        else:
            time.sleep(0.005)
        most = max(most, process.memory_info().rss)
    return sent[0], (most - before) / MIB


def test_a_message_without_end_is_cut_off_before_it_fills_memory() -> None:
    with host(batch_mib=1, window_mib=1) as ingest, robot(ingest.address) as kitchen:
        peer = welcomed(ingest)
        part = frame(bytes(MIB // 2), more=True)
        # Not faster than the meter is run where cores are short: it has a second for what takes a twentieth of one.
        sent, grown = attacked(ingest, lambda: pour(peer, lambda: part, 480 * MIB, pause=0.002))
        peer.close()
        # What fits into the kernel's buffers, and what came between two looks, is sent as well.
        assert sent < 240 * MIB and grown < 200
        assert ingest.counts["overfull"] == 1
        kitchen.publish(made(0))
        assert len(until(lambda: not kitchen.kept, ingest, kitchen)) == 1


@pytest.mark.parametrize("heard", [True, False])
def test_slow_and_tiny_parts_are_found_too(heard: bool) -> None:
    """Also while nobody asks the ingest for anything."""
    with host(batch_mib=1, window_mib=1) as ingest:
        peer = welcomed(ingest)
        part = frame(b"", more=True) * 8192
        sent, grown = attacked(ingest, lambda: pour(peer, lambda: part, 64 * MIB, pause=0.002), heard)
        peer.close()
        assert MIB <= sent < 24 * MIB
        assert grown < 400
        assert ingest.counts["overfull"] == 1


def test_a_stranger_may_send_next_to_nothing() -> None:
    with host() as ingest:
        peer = join(ingest.address)
        part = frame(bytes(1000), more=True)
        sent, _ = attacked(ingest, lambda: pour(peer, lambda: part, 64 * MIB, pause=0.001))
        peer.close()
        assert sent < 2 * MIB
        assert ingest.counts["overfull"] == 1


def test_a_complete_message_of_too_many_frames_costs_the_connection() -> None:
    with host(batch_mib=1) as ingest, robot(ingest.address) as kitchen:
        peer = welcomed(ingest)
        peer.sendall(message(*[b""] * 20_000))
        until(lambda: ingest.counts.get("frames") == 1 and ingest.counts.get("overfull") == 1, ingest, kitchen)
        peer.close()
        kitchen.publish(made(0))
        assert len(until(lambda: not kitchen.kept, ingest, kitchen)) == 1


def test_too_many_connections_are_turned_away() -> None:
    with host(robots=1) as ingest:
        port = int(ingest.address.rpartition(":")[2])
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        until(lambda: ingest.counts.get("crowded"), ingest)
        for peer in peers:
            peer.close()
        with robot(ingest.address) as kitchen:
            kitchen.publish(made(0))
            until(lambda: not kitchen.kept, ingest, kitchen)


@pytest.mark.parametrize("locked", [False, True])
def test_a_robot_that_sends_much_for_long_is_left_alone(locked: bool, tmp_path: Path) -> None:
    """Sixty windows, through a host that now and then does nothing for a while."""
    ours, own = make_keys(tmp_path, "kitchen") if locked else (None, None)
    with host(keys=ours, batch_mib=1, window_mib=1) as ingest, robot(ingest.address, keys=own) as kitchen:
        sent = 0
        end = time.monotonic() + 2 * PATIENCE
        while kitchen.counts.get("acknowledged", 0) < 60_000:
            assert time.monotonic() < end
            while kitchen.room > 480:
                kitchen.publish(made(sent, count=500))
                sent += 500
            kitchen.run(0.002)
            ingest.acknowledge(ingest.run(0.002))
            if sent % 20_000 == 0:
                time.sleep(0.1)
        assert not {"overfull", "disconnected", "oversized", "window"} & set(ingest.counts)
        meter = ingest._meter
        assert meter is not None
        (connection,) = meter._connections.values()
        # Nothing is under way but what is: the account does not drift.
        until(lambda: not kitchen.kept, ingest, kitchen)
        end = time.monotonic() + PATIENCE
        while connection.taken - connection.settled > 2048 and time.monotonic() < end:
            until(lambda: True, ingest, kitchen)
            kitchen.run(0.05)
            ingest.run(0.05)
        assert connection.taken - connection.settled <= 2048


def test_whatever_comes_by_a_raw_connection_is_harmless() -> None:
    rng = np.random.default_rng(0)
    with host(batch_mib=1, window_mib=1) as ingest, robot(ingest.address) as kitchen:
        end = time.monotonic() + 4
        for attempt in range(60):
            peer = join(ingest.address) if attempt % 2 else welcomed(ingest, f"hall-{attempt % 8}")
            with contextlib.suppress(OSError):
                for _ in range(int(rng.integers(1, 40))):
                    size = int(rng.choice([0, 1, 40, 300, 9000, 200_000]))
                    match rng.integers(4):
                        case 0:
                            peer.sendall(frame(rng.bytes(size), more=True))
                        case 1:
                            peer.sendall(frame(rng.bytes(size), more=False))
                        case 2:
                            peer.sendall(rng.bytes(int(rng.integers(1, 64))))
                        case _:
                            peer.sendall(b"\x03" + struct.pack(">Q", 2 ** int(rng.integers(1, 63))))
            ingest.run(0.0)
            peer.close()
            if time.monotonic() > end:
                break
        kitchen.publish(made(0))
        assert len([r for r in until(lambda: not kitchen.kept, ingest, kitchen) if r.robot == "kitchen"]) == 1


def test_closing_is_quick_and_leaves_no_thread(tmp_path: Path) -> None:
    def close() -> float:
        before = set(threading.enumerate())
        ingest = RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0"))
        peer = join(ingest.address)
        ingest.run(0.05)
        seconds = took(ingest.close)
        assert wait_for(lambda: set(threading.enumerate()) <= before)
        peer.close()
        return seconds

    assert quickest(close, 1.0) < 1.0
