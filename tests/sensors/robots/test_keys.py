"""Addresses and keys: who may talk to whom, and files that only their owner reads."""

import stat
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from sensors.core.errors import LinkError
from sensors.robots.keys import check_address, check_name, known_robots, load_host_keys, load_robot_keys, make_keys


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:5570", "tcp://127.8.8.8:1", "tcp://localhost:80", "tcp://[::1]:9"]
)
def test_this_machine_needs_no_keys(address: str) -> None:
    check_address(address, None, listens=False)
    check_address(address, None, listens=True)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://0.0.0.0:5570",
        "tcp://192.168.1.9:5570",
        "tcp://robot.local:5570",
        "tcp://[::]:1",
        "tcp://localhost.evil:1",
    ],
)
def test_other_machines_do(address: str) -> None:
    with pytest.raises(LinkError, match="--make-keys"):
        check_address(address, None, listens=False)
    with pytest.raises(LinkError, match="--make-keys"):
        check_address(address, None, listens=True)
    check_address(address, "somewhere", listens=False)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:5570",
        "ipc:///tmp/x",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:99999",
        "tcp://a b:1",
        "tcp://:5",
        "tcp://::1:5",
    ],
)
def test_an_invalid_address_is_named(address: str) -> None:
    with pytest.raises(LinkError, match="expected tcp://host:port"):
        check_address(address, "keys", listens=True)


def test_free_ports_and_all_interfaces_are_for_listeners() -> None:
    for address in ("tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://*:5570"):
        check_address(address, "keys", listens=True)
        with pytest.raises(LinkError):
            check_address(address, "keys", listens=False)


@pytest.mark.parametrize("name", ["", "host", "../x", "a/b", ".x", "x" * 65, "kü", "a b"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(LinkError, match="robot name"):
        check_name(name)


def test_keys_go_together(tmp_path: Path) -> None:
    host, kitchen = make_keys(tmp_path / "keys", "kitchen")
    same, hall = make_keys(tmp_path / "keys", "hall")
    assert host == same
    ours = load_host_keys(host)
    robots = {name: load_robot_keys(folder) for name, folder in (("kitchen", kitchen), ("hall", hall))}
    assert {keys.host for keys in robots.values()} == {ours.public}
    assert known_robots(host) == {z85.decode(keys.own.public): name for name, keys in robots.items()}
    for pair in (ours, *(keys.own for keys in robots.values())):
        assert zmq.curve_public(pair.secret) == pair.public
    assert len({ours.secret, *(keys.own.secret for keys in robots.values())}) == 3


def test_only_the_owner_reads(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", "kitchen")
    files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").rglob("*") if path.is_dir()} == {0o700}


def test_the_robots_folder_holds_no_secret_of_the_hosts(tmp_path: Path) -> None:
    host, robot = make_keys(tmp_path, "kitchen")
    secret = load_host_keys(host).secret
    assert all(secret not in path.read_bytes() for path in robot.iterdir())


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    host, robot = make_keys(tmp_path, "kitchen")
    (host / "host.secret").chmod(0o640)
    (robot / "robot.secret").chmod(0o604)
    with pytest.raises(LinkError, match=r"mode 640.*chmod 600"):
        load_host_keys(host)
    with pytest.raises(LinkError, match=r"mode 604.*chmod 600"):
        load_robot_keys(robot)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    host, robot = make_keys(tmp_path, "kitchen")
    before = load_robot_keys(robot)
    with pytest.raises(LinkError, match="has keys already"):
        make_keys(tmp_path, "kitchen")
    assert load_robot_keys(robot) == before
    assert len(known_robots(host)) == 1


@pytest.mark.parametrize(
    "text", [b"", b"short\n", b"~" * 40, b"%nSc0" * 8 + b"\n" + b"%nSc0" * 8, b"#####" * 8, bytes(2000)]
)
def test_a_damaged_key_is_named(tmp_path: Path, text: bytes) -> None:
    host, robot = make_keys(tmp_path, "kitchen")
    (robot / "robot.secret").write_bytes(text)
    (host / "robots" / "kitchen.public").write_bytes(text)
    with pytest.raises(LinkError, match=r"robot\.secret: holds no key"):
        load_robot_keys(robot)
    assert known_robots(host) == {}


def test_missing_keys_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="--make-keys"):
        load_host_keys(tmp_path / "nowhere")
    assert known_robots(tmp_path / "nowhere") == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkError, match="cannot write keys"):
        make_keys(tmp_path / "file", "kitchen")
