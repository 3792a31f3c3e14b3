import threading

import pytest

from page.access.refusals import Refused
from page.commands import MOST, Commands


def test_commands_are_taken_in_their_order_and_once() -> None:
    commands = Commands()
    assert [commands.put(name).number for name in ("pause", "resume")] == [1, 2]
    assert [(c.number, c.name) for c in commands.take(0.0)] == [(1, "pause"), (2, "resume")]
    assert commands.take(0.0) == []


def test_a_command_is_taken_as_soon_as_it_is_given() -> None:
    commands = Commands()
    taken: list[str] = []
    thread = threading.Thread(target=lambda: taken.extend(c.name for c in commands.take(30.0)))
    thread.start()
    commands.put("stop")
    thread.join(20.0)
    assert taken == ["stop"]


def test_what_waits_is_bounded_and_unknown_ones_are_refused() -> None:
    commands = Commands()
    for _ in range(MOST):
        commands.put("checkpoint")
    with pytest.raises(Refused) as refused:
        commands.put("checkpoint")
    assert refused.value.reason == "busy" and len(commands) == MOST
    with pytest.raises(Refused) as refused:
        commands.put("shutdown")
    assert refused.value.reason == "bad_request"


def test_nobody_waits_for_commands_of_a_closed_page() -> None:
    commands = Commands()
    commands.close()
    assert commands.take(60.0) == []
