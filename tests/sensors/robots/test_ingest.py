"""Robot and host over real sockets: nothing acknowledged is lost, keys are needed, hostile messages are harmless."""

import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from sensors.core import wire
from sensors.core.errors import LinkError
from sensors.robots import link
from sensors.robots.keys import load_host_keys, load_robot_keys, make_keys
from sensors.robots.link import BatchStamp, Hello
from sensors.sources.source import Change
from tests.patience import PATIENCE, quickest, took
from tests.sensors.batches import assert_same
from tests.sensors.robot_rigs import FREE, free_port, host, made, raw, robot, until


def test_batches_arrive_in_order_and_are_acknowledged() -> None:
    with host() as ingest, robot(ingest.address) as kitchen:
        sent = [made(10 * i) for i in range(20)]
        for batch in sent:
            kitchen.publish(batch)
        found = until(lambda: not kitchen.kept, ingest, kitchen)
        assert [item.serial for item in found] == list(range(1, 21))
        for item, batch in zip(found, sent, strict=True):
            np.testing.assert_array_equal(item.batch.seq, batch.seq)
            np.testing.assert_array_equal(item.batch.samples["image"], batch.samples["image"])
        assert kitchen.counts["acknowledged"] == 40
        assert ingest.counts == {}
        assert ingest.robots()["kitchen"].acknowledged == 20


def test_times_are_the_hosts_within_the_stated_error() -> None:
    """Here both clocks are one, so whatever the estimate adds is its error."""
    with host() as ingest, robot(ingest.address) as kitchen:
        now = time.monotonic()
        kitchen.publish(made(0, start=now))
        (item,) = until(lambda: not kitchen.kept, ingest, kitchen)
        assert abs(item.batch.start[0] - now) <= item.clock_error + 1e-6
        assert item.clock_error < 0.1


def test_several_robots_are_kept_apart() -> None:
    with host() as ingest, robot(ingest.address) as kitchen, robot(ingest.address, "hall") as hall:
        for i in range(5):
            kitchen.publish(made(10 * i))
            hall.publish(made(10 * i, "hall"))
        found = until(lambda: not kitchen.kept + hall.kept, ingest, kitchen, hall)
        for name in ("kitchen", "hall"):
            mine = [item for item in found if item.robot == name]
            assert [item.serial for item in mine] == [1, 2, 3, 4, 5]
            assert {item.batch.source for item in mine} == {name}
        assert set(ingest.robots()) == {"kitchen", "hall"}


def test_a_restarted_host_gets_what_was_not_acknowledged() -> None:
    changes: list[Change] = []
    with robot(f"tcp://127.0.0.1:{free_port()}") as kitchen:
        kitchen.observe(changes.append)
        for i in range(8):
            kitchen.publish(made(10 * i))
        first = host(kitchen.config.to)
        found = until(
            lambda: first.robots().get("kitchen") and first.robots()["kitchen"].batches == 8,
            first,
            kitchen,
            store=False,
        )
        first.acknowledge(found[:3])
        until(lambda: kitchen.kept == 10, None, kitchen)
        first.close()
        with host(kitchen.config.to) as second:
            again = until(lambda: not kitchen.kept, second, kitchen)
        stored = [int(item.batch.seq[0]) for item in found[:3] + again]
        assert stored == [10 * i for i in range(8)]
        assert kitchen.counts["acknowledged"] == 16
    lives = [change for change in changes if change.after in ("live", "closed")]
    assert [change.reason for change in lives] == ["", "the host was started anew", ""]


def test_a_restarted_robot_begins_with_its_own_ids() -> None:
    with host() as ingest:
        with robot(ingest.address) as kitchen:
            kitchen.publish(made(0))
            until(lambda: not kitchen.kept, ingest, kitchen)
        with robot(ingest.address, generation=4) as kitchen:
            kitchen.publish(made(0, generation=4))
            (item,) = until(lambda: not kitchen.kept, ingest, kitchen)
            assert (item.serial, item.batch.generation) == (1, 4)


def test_a_robot_that_vanished_is_taken_back_when_it_returns() -> None:
    """It neither says goodbye nor waits: the name is free once it has been silent for a while."""
    with host() as ingest:
        with raw(ingest.address) as gone:
            gone.send_multipart(link.pack_hello(Hello("kitchen", 2)))
            until(lambda: gone.poll(0), ingest)
        with robot(ingest.address) as kitchen:
            kitchen.publish(made(0))
            until(lambda: not kitchen.kept, ingest, kitchen)
        assert ingest.counts["taken"] >= 1


def test_without_a_host_the_newest_are_kept_and_the_rest_counted() -> None:
    with robot(f"tcp://127.0.0.1:{free_port()}", keep=4) as kitchen:
        for i in range(10):
            kitchen.publish(made(10 * i))
            kitchen.run(0.0)
        assert kitchen.counts["dropped_overflow"] == 12
        with host(kitchen.config.to) as ingest:
            found = until(lambda: not kitchen.kept, ingest, kitchen)
        assert [int(item.batch.seq[0]) for item in found] == [60, 70, 80, 90]
        counts = kitchen.counts
        assert counts["published"] == counts["acknowledged"] + counts["dropped_overflow"] == 20


def test_a_host_that_stores_nothing_holds_a_window_and_no_more() -> None:
    with host(window=3) as ingest, robot(ingest.address) as kitchen:
        for i in range(10):
            kitchen.publish(made(10 * i))
        found = until(
            lambda: ingest.robots().get("kitchen") and ingest.robots()["kitchen"].pending == 3,
            ingest,
            kitchen,
            store=False,
        )
        end = time.monotonic() + 0.3
        found += until(lambda: time.monotonic() > end, ingest, kitchen, store=False)
        assert len(found) == 3
        assert kitchen.kept == 20
        ingest.acknowledge(found)
        assert len(until(lambda: not kitchen.kept, ingest, kitchen)) == 7
        assert ingest.counts == {}


def test_a_silent_host_is_noticed_and_its_return_too() -> None:
    changes: list[Change] = []
    with host() as ingest, robot(ingest.address) as kitchen:
        kitchen.observe(changes.append)
        until(lambda: kitchen.state == "live", ingest, kitchen)

        def fall_silent() -> float:
            noticed = took(lambda: until(lambda: kitchen.state == "stalled", None, kitchen))
            until(lambda: kitchen.state == "live", ingest, kitchen)
            return noticed

        assert quickest(fall_silent, 2.0) < 2.0
    told = [change.after for change in changes]
    silences = told.count("stalled")
    assert told == ["live", *silences * ["stalled", "live"], "closed"] and silences


def test_a_batch_larger_than_the_host_takes_is_dropped_and_counted() -> None:
    with host(batch_mib=1) as ingest, robot(ingest.address) as kitchen:
        kitchen.publish(made(0, count=1100))
        kitchen.publish(made(5000))
        found = until(lambda: not kitchen.kept, ingest, kitchen)
        kitchen.publish(made(7000, count=1100))
        assert [len(item.batch) for item in found] == [2]
        assert kitchen.counts["dropped_oversized"] == 2200


def test_a_robot_sends_its_own_batches_alone() -> None:
    with robot(FREE.replace(":0", ":1")) as kitchen:
        with pytest.raises(LinkError, match="expected kitchen"):
            kitchen.publish(made(0, "hall"))
        assert kitchen.counts == {}


def test_an_address_in_use_is_named() -> None:
    with host() as ingest, pytest.raises(LinkError, match=r"cannot listen .*choose another address"):
        host(ingest.address)


def test_both_ends_want_keys_for_other_machines() -> None:
    with pytest.raises(LinkError, match="--make-keys"):
        host("tcp://0.0.0.0:0")
    with pytest.raises(LinkError, match="--make-keys"):
        robot("tcp://192.0.2.1:5570")


def test_closing_again_is_harmless_and_quick() -> None:
    def close() -> float:
        ingest = host()
        kitchen = robot(ingest.address)
        start = time.monotonic()
        for _ in range(2):
            kitchen.close()
            ingest.close()
        return time.monotonic() - start

    assert quickest(close, 1.0) < 1.0


def test_with_keys_known_robots_alone_come_in(tmp_path: Path) -> None:
    ours, kitchen_keys = make_keys(tmp_path / "keys", "kitchen")
    _, stranger_keys = make_keys(tmp_path / "other", "kitchen")
    (stranger_keys / "host.public").write_bytes((kitchen_keys / "host.public").read_bytes())
    with host(keys=ours) as ingest:
        with robot(ingest.address, keys=kitchen_keys) as kitchen:
            kitchen.publish(made(0))
            assert len(until(lambda: not kitchen.kept, ingest, kitchen)) == 1
        with robot(ingest.address, keys=stranger_keys) as stranger:
            changes: list[Change] = []
            stranger.observe(changes.append)
            stranger.publish(made(0))
            until(lambda: ingest.counts.get("unknown_key") and changes, ingest, stranger)
            assert "does not know this robot's key" in changes[0].reason
            assert stranger.kept == 2
        assert ingest.robots()["kitchen"].batches == 1
        # Keys are read at each handshake: a robot may be added while the host runs.
        _, hall_keys = make_keys(tmp_path / "keys", "hall")
        with robot(ingest.address, "hall", keys=hall_keys) as hall:
            hall.publish(made(0, "hall"))
            until(lambda: not hall.kept, ingest, hall)


def test_with_keys_a_name_cannot_be_borrowed(tmp_path: Path) -> None:
    ours, kitchen_keys = make_keys(tmp_path, "kitchen")
    with host(keys=ours) as ingest, robot(ingest.address, "hall", keys=kitchen_keys) as hall:
        hall.publish(made(0, "hall"))
        until(lambda: ingest.counts.get("name"), ingest, hall)
        assert ingest.robots() == {}


def test_without_keys_nobody_talks_to_a_host_that_has_them(tmp_path: Path) -> None:
    ours, kitchen_keys = make_keys(tmp_path, "kitchen")
    with host(keys=ours) as ingest, robot(ingest.address) as kitchen:
        kitchen.publish(made(0))
        until(lambda: ingest.counts.get("handshake") and kitchen.counts, ingest, kitchen)
        assert kitchen.state == "connecting"
        assert ingest.robots() == {}
    with host() as ingest, robot(ingest.address, keys=kitchen_keys) as kitchen:
        kitchen.publish(made(0))
        until(lambda: ingest.counts.get("handshake"), ingest, kitchen)
        assert kitchen.kept == 2


def test_batches_are_not_readable_on_the_way(tmp_path: Path) -> None:
    """A robot with keys talks to a listener that only writes down what it hears."""
    ours, kitchen_keys = make_keys(tmp_path, "kitchen")
    with host(keys=ours) as ingest, socket.create_server(("127.0.0.1", 0)) as tap:
        heard = bytearray()
        with robot(f"tcp://127.0.0.1:{tap.getsockname()[1]}", keys=kitchen_keys) as kitchen:
            kitchen.publish(made(0))
            tap.settimeout(PATIENCE)
            near, _ = tap.accept()
            with near, socket.create_connection(("127.0.0.1", int(ingest.address.rpartition(":")[2]))) as far:
                for end in (near, far):
                    end.setblocking(False)

                def passed_on() -> bool:
                    heard.extend(relay(near, far))
                    return not kitchen.kept

                until(passed_on, ingest, kitchen)
        assert len(heard) > 2048
        assert b"kitchen" not in heard
        assert load_robot_keys(kitchen_keys).own.secret not in heard
        assert load_host_keys(ours).secret not in heard


def relay(near: socket.socket, far: socket.socket) -> bytes:
    """Pass on what waits, both ways; what the robot said."""
    said = b""
    for source, target in ((near, far), (far, near)):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
                said += data if source is near else b""
        except BlockingIOError:
            pass
    return said


def test_hostile_messages_are_refused_counted_and_harmless() -> None:
    rng = np.random.default_rng(0)
    with host(batch_mib=1) as ingest, robot(ingest.address) as kitchen, raw(ingest.address) as hostile:
        hostile.send_multipart(link.pack_hello(Hello("hall", 0)))
        until(lambda: hostile.poll(0), ingest)
        frames = [bytes(frame) for frame in wire.encode(made(0, "hall", 0))]
        serial = 0
        for _ in range(300):
            serial += int(rng.integers(0, 2))
            message = [link.EVENTS, link.pack_stamp(BatchStamp(serial, 0.0, 0.0)), *frames]
            for _ in range(int(rng.integers(1, 3))):
                f = int(rng.integers(len(message)))
                match rng.integers(4):
                    case 0:
                        message[f] = message[f][: int(rng.integers(len(message[f]) + 1))]
                    case 1:
                        message[f] = rng.bytes(int(rng.integers(0, 64)))
                    case 2:
                        at = int(rng.integers(len(message[f]) + 1))
                        message[f] = message[f][:at] + rng.bytes(1) + message[f][at + 1 :]
                    case _:
                        message.insert(f, message[f])
            hostile.send_multipart(message)
        hostile.send_multipart([link.EVENTS, link.pack_stamp(BatchStamp(999, 0.0, 0.0)), bytes((1 << 20) + 1000)])
        for i in range(20):
            kitchen.publish(made(10 * i))
        found = until(lambda: not kitchen.kept and ingest.counts.get("oversized"), ingest, kitchen)
        assert [item.serial for item in found if item.robot == "kitchen"] == list(range(1, 21))
        for item in found:
            if item.robot == "hall":  # its alteration altered nothing
                assert_same(item.batch, made(0, "hall", 0))
        counts = ingest.counts
        assert sum(counts.values()) >= 280
        assert {"malformed", "damaged", "oversized"} <= set(counts)
        assert ingest.robots()["kitchen"].refused == {}


def test_a_message_beyond_all_bounds_costs_its_sender_the_connection() -> None:
    with host(batch_mib=1) as ingest, robot(ingest.address) as kitchen, raw(ingest.address) as hostile:
        hostile.send_multipart([link.EVENTS, bytes(5 << 20)])
        until(lambda: ingest.counts.get("disconnected"), ingest)
        kitchen.publish(made(0))
        assert len(until(lambda: not kitchen.kept, ingest, kitchen)) == 1


def test_bytes_that_are_not_zeromq_are_counted_and_harmless() -> None:
    with host() as ingest, robot(ingest.address) as kitchen:
        port = int(ingest.address.rpartition(":")[2])
        for text in (b"GET / HTTP/1.1\r\n\r\n", struct.pack(">Q", 2**63) * 20, b"\xff" + bytes(8) + b"\x7f" * 60):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(text)
        kitchen.publish(made(0))
        until(
            lambda: not kitchen.kept and ingest.counts.get("handshake", 0) + ingest.counts.get("disconnected", 0) >= 3,
            ingest,
            kitchen,
        )


def test_the_same_message_again_is_taken_once() -> None:
    with host() as ingest, raw(ingest.address) as again:
        again.send_multipart(link.pack_hello(Hello("kitchen", 3)))
        message = [link.EVENTS, link.pack_stamp(BatchStamp(1, 0.0, 0.0)), *wire.encode(made(0))]
        for _ in range(5):
            again.send_multipart(message)
        found = until(lambda: ingest.counts.get("replayed") == 4, ingest)
        assert len(found) == 1
        np.testing.assert_array_equal(found[0].batch.seq, [0, 1])
        assert_same(found[0].batch, made(0))
