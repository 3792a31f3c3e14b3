"""Addresses and CURVE keys of robots and their host: which connections are allowed, and the key files.

    DIR/host/host.secret           the host's own key; stays on the host
    DIR/host/robots/NAME.public    each robot that the host knows
    DIR/NAME/robot.secret          a robot's own key; DIR/NAME is copied to the robot, and nothing else is
    DIR/NAME/host.public           public key of the trusted host

A robot's name is its key's: with keys nobody can speak in another's name. Secret files can be read by their owner
alone, or they are refused.
"""

import ipaddress
import os
import re
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils import z85

from sensors.core.errors import LinkError
from sensors.core.event import MAX_NAME

HOST = "host"
"""Folder of the host's keys; no robot can have this name."""
KEY_LENGTH = 40
"""Characters of a key, in ZeroMQ's Z85."""
_ADDRESS = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5}|\*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOTE = "# CURVE {kind} key of {name}\n"


@dataclass(frozen=True)
class KeyPair:
    """A key and its public half, both in Z85."""

    public: bytes
    secret: bytes


@dataclass(frozen=True)
class RobotKeys:
    """What a robot needs: its own pair and the public key of its host."""

    own: KeyPair
    host: bytes


def check_address(address: str, keys: str | Path | None, listens: bool) -> None:
    """Refuse an address that is malformed, or that is another machine's and has no keys.

    Args:
        address: `tcp://host:port`; a listener may say `*` for every interface, and port 0 or `*` for a free one.
        keys: the folder of keys, or None.
        listens: the address is bound, not connected to.

    Raises:
        LinkError: names the address and the fix.
    """
    found = _ADDRESS.fullmatch(address)
    port = found["port"] if found else ""
    if found is None or (port != "*" and int(port) > 65535) or (not listens and port in ("*", "0")):
        raise LinkError(f"{address}: expected tcp://host:port, as in tcp://127.0.0.1:5570")
    if found["host"] == "*" and not listens:
        raise LinkError(f"{address}: '*' is for listening; name the host to connect to")
    if keys is None and not is_loopback(found["host"]):
        raise LinkError(
            f"{address}: without keys only this machine's own address (127.0.0.1) is allowed; "
            "make keys with python -m sensors.remote --make-keys DIR and give --keys"
        )


def is_loopback(host: str) -> bool:
    """Whether this name or IP address can only be this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        # Other names depend on a resolver, which others may run.
        return host == "localhost"


def check_name(name: str) -> str:
    """The name, if a robot may have it.

    Raises:
        LinkError: says what a name may be.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME or name == HOST:
        raise LinkError(
            f"robot name {name!r:.80}: use 1…{MAX_NAME} letters, digits, '.', '_' or '-', beginning with a letter or "
            f"digit, and not {HOST!r}"
        )
    return name


def make_keys(directory: str | Path, name: str) -> tuple[Path, Path]:
    """Make a robot's keys, and the host's where there are none yet.

    Returns:
        The host's folder and the robot's; the latter is to be copied to the robot.

    Raises:
        LinkError: the name is no name, the robot has keys already, or the folder cannot be written.
    """
    check_name(name)
    host, robot = Path(directory) / HOST, Path(directory) / name
    if robot.exists() or _public(host, name).exists():
        raise LinkError(f"{robot}: {name} has keys already; choose another --name, or remove them first")
    try:
        for folder in (host, robot):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (host / "host.secret").exists():
            _write(host / "host.secret", "secret", HOST, zmq.curve_keypair()[1])
        public, secret = zmq.curve_keypair()
        _write(robot / "robot.secret", "secret", name, secret)
        _write(robot / "host.public", "public", HOST, load_host_keys(host).public)
        # Last: the host knows a robot only once its folder is complete.
        _public(host, name).parent.mkdir(mode=0o700, exist_ok=True)
        _write(_public(host, name), "public", name, public)
    except OSError as error:
        raise LinkError(f"{error.filename}: cannot write keys ({error.strerror})") from None
    return host, robot


def load_host_keys(directory: str | Path) -> KeyPair:
    """The host's own keys.

    Raises:
        LinkError: they are missing, damaged, or others can read them.
    """
    return _pair(Path(directory) / "host.secret")


def load_robot_keys(directory: str | Path) -> RobotKeys:
    """A robot's own keys and its host's public one.

    Raises:
        LinkError: they are missing, damaged, or others can read them.
    """
    return RobotKeys(_pair(Path(directory) / "robot.secret"), _read(Path(directory) / "host.public"))


def robot_name(directory: str | Path) -> str:
    """The name of the robot whose folder of keys this is: what the note in its secret says.

    Raises:
        LinkError: it has no note.
    """
    path = Path(directory) / "robot.secret"
    _read(path)
    found = re.match(_NOTE.format(kind="secret", name=r"(?P<name>\S+)"), path.read_text())
    if found is None:
        raise LinkError(f"{path}: does not say whose it is; give --name")
    return check_name(found["name"])


def known_robots(directory: str | Path) -> dict[bytes, str]:
    """Robots that the host knows: raw public key (32 bytes) -> name; files that hold no key are passed over."""
    known: dict[bytes, str] = {}
    for path in sorted((Path(directory) / "robots").glob("*.public")):
        try:
            known[z85.decode(_read(path))] = check_name(path.stem)
        except LinkError:
            continue
    return known


def _public(host: Path, name: str) -> Path:
    return host / "robots" / f"{name}.public"


def _write(path: Path, kind: str, name: str, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_NOTE.format(kind=kind, name=name).encode() + key + b"\n")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(1024)
    except OSError as error:
        raise LinkError(
            f"{path}: no key ({error.strerror}); make keys with python -m sensors.remote --make-keys DIR"
        ) from None
    # No key begins with '#', Z85's digit 84: the first of five digits is 82 at most.
    lines = [line.strip() for line in text.splitlines() if not line.startswith(b"#")]
    if len(lines) != 1 or len(lines[0]) != KEY_LENGTH or not _is_z85(lines[0]):
        raise LinkError(f"{path}: holds no key of {KEY_LENGTH} characters; make keys anew with --make-keys DIR")
    return lines[0]


def _is_z85(text: bytes) -> bool:
    try:
        # Groups beyond 32 bits and characters outside the alphabet are no Z85.
        return bytes(z85.encode(z85.decode(text))) == text
    except (KeyError, ValueError, struct.error):
        return False


def _pair(path: Path) -> KeyPair:
    secret = _read(path)
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        raise LinkError(f"{path}: others can read this secret (mode {mode:03o}); run chmod 600 {path}")
    return KeyPair(zmq.curve_public(secret), secret)
