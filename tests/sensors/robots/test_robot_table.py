"""The host's table of its robots: each apart, each bounded, and refusals counted and harmless."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.core import wire
from sensors.core.event import EventBatch
from sensors.robots import link
from sensors.robots.link import BatchStamp, Hello, Welcome
from sensors.robots.robot_table import FORGET, REMEMBERED, SILENT, Received, RobotTable
from tests.sensors.batches import assert_same, batch, fields

TERMS = Welcome(session=1, window=4, window_bytes=200_000, max_bytes=100_000)
WELCOME = bytes(link.pack_welcome(TERMS)[1])
Message = list[Any]


def robot_table(robots: int = 3) -> RobotTable:
    return RobotTable(TERMS, robots)


def say(table: RobotTable, peer: bytes, frames: Message, now: float = 0.0, user: str | None = None) -> Any:
    """Its only answer's frames as bytes, or the batch that was taken in, or None."""
    received, answers = table.observe(peer, user, frames, now)
    assert len(answers) + (received is not None) <= 1
    if received is not None:
        return received
    if not answers:
        return None
    assert answers[0][0] == peer
    return [bytes(frame) for frame in answers[0][1]]


def hello(name: str = "kitchen", generation: int = 0, **more: Any) -> Message:
    return link.pack_hello(Hello(name, generation, **more))


def events(
    serial: int, name: str = "kitchen", generation: int = 0, offset: float = 0.0, count: int = 2, kind: str = "image"
) -> Message:
    f = fields(kind, count, serial) | {"source": name, "generation": generation}
    f["seq"] = np.arange(count) + 100 * serial
    return [link.EVENTS, link.pack_stamp(BatchStamp(serial, offset, 0.001)), *wire.encode(EventBatch(**f))]


def greeted(robots: int = 3) -> RobotTable:
    table = robot_table(robots)
    assert say(table, b"k", hello()) == [link.WELCOME, WELCOME]
    return table


def test_a_batch_comes_in_once_and_is_acknowledged() -> None:
    table = greeted()
    message = events(1)
    received = say(table, b"k", message)
    assert isinstance(received, Received)
    assert (received.robot, received.serial) == ("kitchen", 1)
    assert_same(received.batch, wire.decode(message[2:]))
    assert say(table, b"k", message) is None
    assert table.acknowledge([received, received]) == [(b"k", link.pack_taken([1]))]
    assert table.acknowledge([received]) == []
    assert say(table, b"k", message) == [link.TAKEN, link.pack_taken([1])[1]]
    assert table.refused == {"replayed": 2}
    figures = table.robots(0.0)["kitchen"]
    assert (figures.batches, figures.events, figures.pending, figures.acknowledged) == (1, 2, 0, 1)


def test_times_are_corrected() -> None:
    table = greeted()
    message = events(1, offset=-5000.25)
    received = say(table, b"k", message)
    sent = wire.decode(message[2:])
    np.testing.assert_allclose(received.batch.start, sent.start - 5000.25)
    np.testing.assert_allclose(received.batch.end, sent.end - 5000.25)
    assert received.clock_error == 0.001
    assert table.robots(0.0)["kitchen"].clock_offset == -5000.25


def test_unknown_robots_are_asked_for_a_hello() -> None:
    table = robot_table()
    for message in (events(1), link.pack_time(1.0), [link.BYE], [b"what"]):
        assert say(table, b"x", message) == [link.WHO]
    assert table.refused == {"stranger": 4}
    assert table.robots(0.0) == {}


def test_robots_are_kept_apart_by_name() -> None:
    table = greeted()
    say(table, b"h", hello("hall", 5))
    kitchen, hall = say(table, b"k", events(1)), say(table, b"h", events(1, "hall", 5))
    assert (kitchen.batch.source, hall.batch.source) == ("kitchen", "hall")
    assert dict(table.acknowledge([kitchen, hall])) == {b"k": link.pack_taken([1]), b"h": link.pack_taken([1])}
    assert say(table, b"k", events(2, "hall", 5)) == [link.REFUSED, link.pack_refused(2, "")[1], b"foreign"]
    assert say(table, b"k", events(2, generation=1))[2] == b"foreign"
    assert table.robots(0.0)["kitchen"].refused == {"foreign": 2}
    assert table.robots(0.0)["hall"].refused == {}


def test_a_name_goes_with_its_key() -> None:
    table = robot_table()
    assert say(table, b"k", hello("hall"), user="kitchen")[0] == link.AWAY
    assert say(table, b"k", hello("kitchen"), user="kitchen")[0] == link.WELCOME
    assert say(table, b"k", hello("../x"))[0] == link.AWAY
    assert table.refused == {"name": 2}


def test_another_protocol_is_turned_away() -> None:
    for protocol, older in ((0, b"robot"), (3, b"host")):
        answer = say(robot_table(), b"k", hello(protocol=protocol))
        assert answer == [link.AWAY, b"protocol: robot speaks %d, host speaks 2; update the %s" % (protocol, older)]


def test_a_robot_of_the_protocol_before_is_welcomed_in_its_own() -> None:
    kind, terms = say(robot_table(), b"k", hello(protocol=1))
    assert kind == link.WELCOME
    assert link.unpack_welcome([kind, terms]) == dataclasses.replace(TERMS, protocol=1)


def test_what_an_earlier_start_perceived_is_taken_and_what_a_later_one_did_is_not() -> None:
    table = robot_table()
    say(table, b"k", hello(generation=5))
    taken = say(table, b"k", events(1, generation=3))
    assert isinstance(taken, Received) and taken.batch.generation == 3
    assert table.acknowledge([taken]) == [(b"k", link.pack_taken([1]))]
    assert isinstance(say(table, b"k", events(2, generation=5)), Received)
    assert say(table, b"k", events(3, generation=6))[2] == b"foreign"
    assert say(table, b"k", events(4, "hall", generation=3))[2] == b"foreign"


def test_two_robots_of_one_name() -> None:
    table = greeted()
    assert say(table, b"j", hello(generation=1), now=SILENT / 2)[0] == link.AWAY
    assert table.refused == {"taken": 1}
    assert isinstance(say(table, b"k", events(1)), Received)
    # Silent for long enough, or gone: it was started anew.
    assert say(table, b"j", hello(generation=1), now=SILENT * 2)[0] == link.WELCOME
    assert say(table, b"k", link.pack_time(0.0)) == [link.WHO]
    say(table, b"j", [link.BYE], now=SILENT * 2)
    assert say(table, b"i", hello(generation=2), now=SILENT * 2)[0] == link.WELCOME


def test_a_new_connection_goes_on_where_the_last_one_was() -> None:
    table = greeted()
    first, second = say(table, b"k", events(1)), say(table, b"k", events(2))
    table.acknowledge([first])
    assert say(table, b"l", hello())[0] == link.WELCOME
    assert say(table, b"l", events(1))[0] == link.TAKEN
    assert say(table, b"l", events(2)) is None
    assert table.acknowledge([second]) == [(b"l", link.pack_taken([2]))]
    assert say(table, b"k", events(3)) == [link.WHO]


def test_a_robot_that_was_started_anew_begins_anew() -> None:
    table = greeted()
    old = say(table, b"k", events(1))
    say(table, b"k", [link.BYE])
    say(table, b"l", hello(generation=1))
    new = say(table, b"l", events(1, generation=1))
    assert isinstance(new, Received)
    assert table.acknowledge([old]) == []
    assert table.acknowledge([new]) == [(b"l", link.pack_taken([1]))]
    assert table.robots(0.0)["kitchen"].batches == 2


def test_the_window_bounds_the_batches_under_way() -> None:
    table = greeted()
    taken = [say(table, b"k", events(serial)) for serial in range(1, 5)]
    assert say(table, b"k", events(5))[2] == b"window"
    table.acknowledge(taken[:1])
    assert isinstance(say(table, b"k", events(5)), Received)
    many = greeted()
    large = [say(many, b"k", events(serial, count=80)) for serial in (1, 2)]
    assert say(many, b"k", events(3, count=80))[2] == b"window"
    many.acknowledge(large)
    assert isinstance(say(many, b"k", events(3, count=80)), Received)


def test_too_large_and_damaged_batches_are_refused() -> None:
    table = greeted()
    assert say(table, b"k", events(1, count=120))[2] == b"oversized"
    message = events(2)
    message[-1] = bytes(len(message[-1]))
    assert say(table, b"k", message)[2] == b"damaged"
    assert say(table, b"k", events(3)[:4])[2] == b"damaged"
    assert say(table, b"k", [link.EVENTS, link.pack_stamp(BatchStamp(4, 0.0, 0.0))])[2] == b"damaged"
    assert say(table, b"k", [link.EVENTS]) is None
    assert say(table, b"k", [link.EVENTS, b"x" * 28]) is None
    assert isinstance(say(table, b"k", events(6)), Received)
    assert table.refused["oversized"] == 1
    assert table.refused["damaged"] == 3
    assert table.refused["malformed"] == 2


def test_an_offset_beyond_all_numbers_is_refused() -> None:
    table = greeted()
    f = fields("image", 1) | {"source": "kitchen", "generation": 0}
    f |= {"start": np.array([1.7e308]), "end": np.array([1.7e308])}
    message = [link.EVENTS, link.pack_stamp(BatchStamp(1, 1.7e308, 0.0)), *wire.encode(EventBatch(**f))]
    assert say(table, b"k", message)[2] == b"damaged"


def test_the_time_is_told() -> None:
    table = greeted()
    answer = say(table, b"k", link.pack_time(3.5), now=70.0)
    assert link.unpack_time(answer, 3) == (3.5, 70.0, 70.0)
    assert say(table, b"k", [link.TIME, b"xx"]) is None
    assert table.refused == {"malformed": 1}


def test_states_of_a_robot() -> None:
    table = greeted()
    assert table.robots(SILENT / 2)["kitchen"].state == "live"
    assert table.robots(SILENT * 2)["kitchen"].state == "stalled"
    say(table, b"k", [link.BYE], now=1.0)
    assert table.robots(1.0)["kitchen"].state == "closed"


def test_so_many_robots_and_no_more() -> None:
    table = robot_table(2)
    for peer in (b"a", b"b"):
        say(table, peer, hello(peer.decode()))
    assert say(table, b"c", hello("c"), now=1.0)[0] == link.AWAY
    assert table.refused == {"full": 1}
    say(table, b"b", link.pack_time(0.0), now=FORGET)
    assert say(table, b"c", hello("c"), now=FORGET + 1)[0] == link.WELCOME
    assert set(table.robots(FORGET)) == {"b", "c"}
    assert say(table, b"a", link.pack_time(0.0)) == [link.WHO]


def test_a_batch_older_than_the_memory_is_stale() -> None:
    table = greeted()
    message = events(1)
    for serial in range(1, REMEMBERED + 3):
        message[1] = link.pack_stamp(BatchStamp(serial, 0.0, 0.0))
        table.acknowledge([say(table, b"k", message)])
    message[1] = link.pack_stamp(BatchStamp(2, 0.0, 0.0))
    assert say(table, b"k", message)[2] == b"stale"
    message[1] = link.pack_stamp(BatchStamp(3, 0.0, 0.0))
    assert say(table, b"k", message)[0] == link.TAKEN


@st.composite
def hostile(draw: st.DrawFn) -> tuple[bytes, Message]:
    """Messages that are near to right ones, from any of a few peers."""
    peer = draw(st.sampled_from([b"k", b"h", b"x"]))
    message = draw(
        st.one_of(
            st.builds(hello, st.text(max_size=70), st.integers(0, 2**63 - 1)),
            st.builds(hello, st.sampled_from(["kitchen", "hall"]), st.integers(0, 3)),
            st.builds(events, st.integers(1, 9), st.sampled_from(["kitchen", "hall"]), st.integers(0, 2)),
            st.just([link.BYE]),
            st.builds(link.pack_time, st.floats()),
            st.lists(st.binary(max_size=40), max_size=6),
        )
    )
    frames = [bytes(frame) for frame in message]
    for _ in range(draw(st.integers(0, 2))):
        if not frames:
            break
        f = draw(st.integers(0, len(frames) - 1))
        match draw(st.sampled_from(["cut", "drop", "repeat", "bytes"])):
            case "cut":
                frames[f] = frames[f][: draw(st.integers(0, len(frames[f])))]
            case "drop":
                del frames[f]
            case "repeat":
                frames.insert(f, frames[f])
            case _:
                at = draw(st.integers(0, len(frames[f])))
                frames[f] = frames[f][:at] + draw(st.binary(min_size=1, max_size=9)) + frames[f][at + 1 :]
    return peer, frames


@given(st.lists(hostile(), max_size=30))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_fuzz_a_sound_robot_is_served_beside_hostile_ones(messages: list[tuple[bytes, Message]]) -> None:
    table = robot_table(robots=4)
    say(table, b"sound", hello("sound", 7))
    known = {
        *("damaged", "malformed", "oversized", "replayed", "stale", "window", "foreign", "stranger"),
        *("name", "taken", "full", "protocol"),
    }
    for i, (peer, frames) in enumerate(messages):
        received, answers = table.observe(peer, None, frames, 0.0)
        assert received is None or received.robot != "sound"
        assert sum(sum(map(len, answer)) for _, answer in answers) < 1000
        mine = say(table, b"sound", events(i + 1, "sound", 7))
        assert isinstance(mine, Received)
        assert table.acknowledge([mine]) == [(b"sound", link.pack_taken([i + 1]))]
    assert set(table.refused) <= known
    figures = table.robots(0.0)
    assert len(figures) <= 4
    assert figures["sound"].refused == {}
    assert all(robot.pending <= TERMS.window for robot in figures.values())


@pytest.mark.parametrize("kind", ["audio", "audio+image", "speech+lips"])
def test_every_kind_passes(kind: str) -> None:
    table = RobotTable(dataclasses.replace(TERMS, max_bytes=2**20, window_bytes=2**20), 1)
    sent = batch(kind)
    say(table, b"t", hello(sent.source, sent.generation))
    received = say(table, b"t", [link.EVENTS, link.pack_stamp(BatchStamp(1, 0.0, 0.0)), *wire.encode(sent)])
    assert_same(received.batch, sent)
