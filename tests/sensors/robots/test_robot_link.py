"""What a robot says of its way to the host is true: whether the link was down, or the host was started anew."""

import time
from pathlib import Path

import pytest

from sensors.robots.keys import make_keys
from sensors.sources.source import Change
from tests.sensors.proxy import Link
from tests.sensors.robot_rigs import free_port, host, made, robot, until

CUT = 2.5
"""Seconds for which the link is cut: longer than the silence that either end bears."""


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize(("drop", "said"), [(True, "the link was down for"), (False, "the host was silent for")])
def test_a_link_that_was_down_is_no_new_host(drop: bool, said: str) -> None:
    changes: list[Change] = []
    with host() as ingest, Link(port_of(ingest.address)) as link, robot(link.address) as kitchen:
        kitchen.observe(changes.append)
        kitchen.publish(made(0))
        found = until(lambda: not kitchen.kept, ingest, kitchen)
        link.cut(drop)
        kitchen.publish(made(10))
        end = time.monotonic() + CUT
        found += until(lambda: time.monotonic() > end, ingest, kitchen)
        assert kitchen.state != "live" and kitchen.kept == 2
        assert ingest.robots()["kitchen"].state == "stalled"
        link.restore()
        found += until(lambda: not kitchen.kept, ingest, kitchen)
        down = time.monotonic() - end + CUT
    assert [int(item.batch.seq[0]) for item in found] == [0, 10]
    reasons = [change.reason for change in changes if change.after == "live"]
    assert len(reasons) == 2 and reasons[0] == "" and reasons[1].startswith(said)
    # From the last word before: the robot hears one every half second.
    assert CUT - 0.7 < float(reasons[1].split()[-2]) < down + 0.7
    assert not any(word in change.reason for change in changes for word in ("anew", "keys"))


def test_a_host_that_was_started_anew_is_called_so() -> None:
    changes: list[Change] = []
    with robot(f"tcp://127.0.0.1:{free_port()}") as kitchen:
        kitchen.observe(changes.append)
        for start in range(2):
            with host(kitchen.config.to) as ingest:
                kitchen.publish(made(10 * start))
                until(lambda: not kitchen.kept, ingest, kitchen)
    reasons = [change.reason for change in changes if change.after == "live"]
    assert reasons == ["", "the host was started anew"]


@pytest.mark.parametrize(("keys", "said"), [(False, "wants --keys"), (True, "do not have each other's keys")])
def test_an_address_that_ends_the_connection_is_said_to_do_so(keys: bool, said: str, tmp_path: Path) -> None:
    """A tunnel whose other end is not there accepts and closes, as a host of other keys does."""
    folder = make_keys(tmp_path / "keys", "kitchen")[1] if keys else None
    with Link(free_port()) as tunnel, robot(tunnel.address, keys=folder) as kitchen:
        changes: list[Change] = []
        kitchen.observe(changes.append)
        until(lambda: changes, None, kitchen)
    assert changes[0].after == "connecting"
    assert "ends the connection: no host is behind it, or" in changes[0].reason and said in changes[0].reason
