"""A robot without Ray: microphone and camera here, the learner elsewhere.

    python -m sensors.remote --make-keys keys --name kitchen      # on the host; copy keys/kitchen to the robot
    python -m sensors.remote --camera 0 --microphone default --keys kitchen --to tcp://host:5570
    python -m sensors.remote --to tcp://127.0.0.1:5570            # on the host itself, without keys

What is perceived is published to the host, which says when it is stored. While the host is away the newest events are
kept. Ctrl-C ends it, once the host has what is left. Exit codes: 0, 1 (not all was stored), 2 (something to mend).
"""

import argparse
import json
import platform
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from sensors.address import redact_text
from sensors.cards import card_image
from sensors.config import Config
from sensors.devices import list_devices
from sensors.errors import ConfigError, UserError
from sensors.event import MAX_NAME
from sensors.keys import check_name, make_keys, robot_name
from sensors.live_config import SensorsConfig
from sensors.perception import Perception, PerceptionConfig
from sensors.publisher import Publisher
from sensors.remote_config import PublisherConfig
from sensors.robot import Robot
from sensors.source import Change, Chunk, Frame, Source

FLUSH = 5.0
"""Seconds for which a robot that ends waits for its host."""
STEP = 0.02
"""Seconds between two looks at the sources."""
FIGURES = 10.0
"""Seconds between two lines of figures."""
NONE = ("none", "")
"""What says that there is no such device."""


@dataclass(frozen=True)
class RobotConfig(Config):
    """All settings of a robot; `--config` names a JSON file of them."""

    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    publisher: PublisherConfig = field(default_factory=PublisherConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sensors.camera is not None:
            self.perception.views.check_rate(self.sensors.fps)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (--help lists the options)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a robot, or make its keys; returns the exit code."""
    try:
        given = _parser().parse_args(arguments)
        if given.list_devices:
            print(*(line for devices in list_devices() for line in devices.lines()), sep="\n")
            return 0
        if given.make_keys:
            host, robot = make_keys(given.make_keys, given.name or "robot")
            print(f"{host}: the host's keys, which stay there\n{robot}: copy to the robot, and give it as --keys")
            return 0
        return _run(given, _config(given))
    except UserError as error:
        print(redact_text(str(error)), file=sys.stderr)
        return 2


def _parser() -> _Parser:
    about = (__doc__ or "").partition("\n\n")
    parser = _Parser(
        prog="python -m sensors.remote",
        description=about[0],
        epilog=about[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--to", metavar="ADDRESS", help="the host, tcp://host:port [tcp://127.0.0.1:5570]")
    parser.add_argument("--microphone", metavar="NAME", help="index or part of the name; none: no sound [default]")
    parser.add_argument("--camera", metavar="NAME", help="index, file, sequence or URL; none: no pictures [0]")
    parser.add_argument("--play", type=Path, metavar="DIR", help="a recorded session instead of devices")
    parser.add_argument("--keys", metavar="DIR", help="this robot's folder of keys; needed for another machine")
    parser.add_argument("--name", help="of this robot [its key's, or this machine's]")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after so long [none: until Ctrl-C]")
    parser.add_argument("--config", type=Path, metavar="FILE", help='JSON of settings, as in {"sensors": {"fps": 10}}')
    parser.add_argument("--list-devices", action="store_true", help="show microphones and cameras, and end")
    parser.add_argument("--make-keys", type=Path, metavar="DIR", help="make keys for the robot --name, and end")
    return parser


def _config(given: argparse.Namespace) -> RobotConfig:
    """The settings of the file, changed by the options."""
    config = RobotConfig()
    if given.config:
        try:
            values = json.loads(given.config.read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{given.config}: no JSON of settings ({error})") from None
        if not isinstance(values, dict):
            raise ConfigError(f'{given.config}: expected an object, as in {{"sensors": {{"fps": 10}}}}')
        config = RobotConfig.from_dict(values)
    devices = {name: getattr(given, name) for name in ("microphone", "camera") if getattr(given, name) is not None}
    way = {name: getattr(given, name) for name in ("to", "keys") if getattr(given, name) is not None}
    return config.replace(
        sensors=config.sensors.replace(**{k: None if v in NONE else v for k, v in devices.items()}),
        publisher=config.publisher.replace(**way),
    )


def _name(given: argparse.Namespace, keys: str | None) -> str:
    """What the option says, the key's name, or this machine's."""
    if given.name:
        return check_name(given.name)
    if keys is not None:
        return robot_name(keys)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node()).lstrip("._-")[:MAX_NAME]
    return check_name(plain if plain not in ("", "host") else "robot")


def _sources(config: SensorsConfig, play: Path | None) -> list[Source[Chunk] | Source[Frame]]:
    if play is not None:
        from sensors.recording import Recording

        recording = Recording(play)
        return [*recording.sounds(), *recording.pictures()]
    sources: list[Source[Chunk] | Source[Frame]] = []
    if config.microphone is not None:
        from sensors.microphone import Microphone

        sources.append(Microphone.from_config(config))
    if config.camera is not None:
        from sensors.camera import Camera

        sources.append(Camera.from_config(config))
    return sources


def _run(given: argparse.Namespace, config: RobotConfig) -> int:
    name = _name(given, config.publisher.keys)
    # Never used twice, unless the machine's clock is set back.
    generation = time.time_ns() // 1_000_000
    perception = Perception(name, generation, config.perception, look=card_image)
    with Publisher(config.publisher, name, generation) as publisher:
        sources = _sources(config.sensors, given.play)
        publisher.observe(_tell)
        for source in sources:
            source.observe(_tell)
        robot = Robot(sources, perception, publisher)
        stopped = threading.Event()
        before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for missing, why in robot.start().items():
                print(f"{missing}: {why}", file=sys.stderr, flush=True)
            print(f"{name}: publishing to {config.publisher.to}; Ctrl-C ends", flush=True)
            _loop(robot, publisher, stopped, given.seconds)
        finally:
            stored = robot.close(FLUSH)
            for number, handler in before.items():
                signal.signal(number, handler)
        print(_figures(publisher), flush=True)
        if not stored:
            print(f"{publisher.kept} events are not stored: {config.publisher.to} did not answer", file=sys.stderr)
        return 0 if stored else 1


def _loop(robot: Robot, publisher: Publisher, stopped: threading.Event, seconds: float | None) -> None:
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    said = time.monotonic()
    while not stopped.is_set() and robot.step(STEP) and (now := time.monotonic()) < end:
        if now - said >= FIGURES:
            said = now
            print(_figures(publisher), flush=True)


def _figures(publisher: Publisher) -> str:
    counts = publisher.counts
    parts = [f"{counts.get('published', 0)} events", f"{counts.get('acknowledged', 0)} stored"]
    parts += [f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if name.startswith(("dropped", "refused"))]
    if publisher.clock.ready:
        error = publisher.clock.error(time.monotonic())
        parts.append(f"clock {publisher.clock.offset():+.3f} s ± {error * 1e3:.1f} ms")
    return f"{publisher.name}: {', '.join(parts)} ({publisher.state})"


def _tell(change: Change) -> None:
    print(change, flush=True)


if __name__ == "__main__":
    sys.exit(main())
