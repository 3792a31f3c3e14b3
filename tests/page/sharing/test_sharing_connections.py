"""Messages between browsers and sensors: bounded both ways, one exchange at a time, whatever the sensors do."""

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from page.access.refusals import Refused
from page.routes.share import BURST, RATE, MessageAllowance, clock_question
from page.sharing.forwarder import Forwarder
from page.sharing.sharing_connections import REPLIES, WAITING, SharedMessage, SharingConnections
from tests.patience import wait_for


class FakeSensors:
    """Answers every exchange with what it was given, unless it hangs or is dead."""

    def __init__(self) -> None:
        self.taken: list[SharedMessage] = []
        self.going, self.dead = threading.Event(), False
        self.going.set()
        self.asked = 0

    def ask(self, messages: Sequence[SharedMessage]) -> Any:
        if self.dead:
            raise ValueError("no such actor")
        self.asked += 1
        self.taken += messages
        return [(message.connection, "heard") for message in messages]

    def answer(self, pending: Any, seconds: float) -> tuple[bool, Any]:
        if self.dead:
            raise ConnectionError("died")
        return self.going.wait(seconds), pending


@pytest.fixture
def connections() -> SharingConnections:
    return SharingConnections(2)


@pytest.fixture
def sensors(connections: SharingConnections) -> Iterator[FakeSensors]:
    made = FakeSensors()
    sharing = Forwarder(connections, made, perceives=True)
    yield made
    made.going.set()
    sharing.close()


def test_messages_reach_the_sensors_and_their_answers_the_browser(
    connections: SharingConnections, sensors: FakeSensors
) -> None:
    connection = connections.open(lambda: None)
    connections.put(connection, True, b"hello")
    connections.put(connection, False, b"sound")
    assert wait_for(lambda: [message.data for message in sensors.taken] == [b"hello", b"sound"])
    assert wait_for(lambda: "heard" in connection.take_replies())
    connections.close(connection)
    assert wait_for(lambda: sensors.taken[-1].data is None and sensors.taken[-1].connection == connection.name)
    assert len(connections) == 0


def test_sensors_that_hang_are_asked_once_and_what_waits_is_bounded(
    connections: SharingConnections, sensors: FakeSensors
) -> None:
    connection = connections.open(lambda: None)
    sensors.going.clear()
    connections.put(connection, True, b"hello")
    assert wait_for(lambda: sensors.asked == 1)
    for _ in range(100):
        connections.put(connection, False, bytes(WAITING // 50))
    connections.put(connection, True, b"last")
    assert connection.nbytes <= WAITING and sensors.asked == 1
    assert connections.lost["overflow"] >= 50
    sensors.going.set()
    # Texts are not dropped for sound and pictures.
    assert wait_for(lambda: b"last" in [message.data for message in sensors.taken])


def test_sensors_that_are_gone_are_told_of_and_sought_again(
    connections: SharingConnections, sensors: FakeSensors
) -> None:
    woken = threading.Event()
    connection = connections.open(woken.set)
    sensors.dead = True
    connections.put(connection, False, b"sound")
    assert woken.wait(5)
    assert json.loads(connection.take_replies()[0])["type"] == "waiting"
    assert connections.lost["sensors"] >= 1
    sensors.dead = False
    connections.put(connection, False, b"again")
    assert wait_for(lambda: b"again" in [message.data for message in sensors.taken])


def test_a_run_that_does_not_perceive_says_so(connections: SharingConnections) -> None:
    woken = threading.Event()
    sharing = Forwarder(connections, FakeSensors(), perceives=False)
    connection = connections.open(woken.set)
    connections.put(connection, True, b"hello")
    assert woken.wait(5)
    told = json.loads(connection.take_replies()[0])
    assert told["type"] == "away" and "--sensors browser" in told["why"]
    sharing.close()


def test_replies_to_a_browser_that_takes_none_are_bounded(connections: SharingConnections) -> None:
    connection = connections.open(lambda: None)
    connections.give([(connection.name, str(i)) for i in range(REPLIES + 10)] + [("nobody", "x")])
    assert connection.take_replies() == [str(i) for i in range(10, REPLIES + 10)]


def test_there_is_a_bound_on_connections(connections: SharingConnections) -> None:
    first = connections.open(lambda: None)
    connections.open(lambda: None)
    with pytest.raises(Refused) as raised:
        connections.open(lambda: None)
    assert raised.value.reason == "viewers"
    connections.close(first)
    connections.open(lambda: None)


def test_a_flood_is_stopped_and_a_usual_browser_is_not() -> None:
    usual, flood = MessageAllowance(0.0), MessageAllowance(0.0)
    assert all(usual.take(30_000, i / 35) for i in range(35 * 600))
    assert not all(flood.take(10, 0.0) for _ in range(int(RATE * BURST) + 1))
    large = MessageAllowance(0.0)
    assert not all(large.take(2**20, i / 10) for i in range(1000))


def test_the_question_for_the_time_is_told_from_other_texts() -> None:
    assert clock_question(b'{"type": "time", "sent": 12.5}') == 12.5
    for other in (
        b'{"type":"hello"}',
        b'"time"',
        b'{"type":"time","sent":true}',
        b'{"type":"time","sent":NaN}',
        b"\xff",
    ):
        assert clock_question(other) is None
