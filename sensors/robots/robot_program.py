"""What `sensors.remote` does: a robot's options and settings, and its work from the first look to the last event."""

import argparse
import json
import platform
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from sensors.core.config import parse
from sensors.core.errors import ConfigError, UserError
from sensors.core.event import MAX_NAME
from sensors.core.retired import without_retired
from sensors.cutters.seeing import view_finders
from sensors.files.ros.recorder import check_libraries, free_place, make_recorder
from sensors.perception.perception import Perception, StreamConfig
from sensors.perception.streams import AnySource, devices, played, sense_defaults, streams
from sensors.plugins import load_plugins
from sensors.robots.keys import check_name, make_keys, robot_name
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import MIB
from sensors.robots.robot import Robot
from sensors.robots.robot_config import RobotConfig
from sensors.robots.robot_journal import RobotJournal, journal_directory
from sensors.senses import configure
from sensors.sources.devices import list_devices
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recorder import Recorder
from sensors.sources.source import Change
from sensors.system.address import file_of, redact_text
from sensors.system.interrupts import heard
from sensors.system.output import failure, go_on_without
from sensors.system.paths import check_writable, place, recording_folder
from sensors.system.places import check_link
from sensors.system.program import hide_passwords, program

FLUSH = 5.0
"""Seconds for which a robot that ends waits for its host."""
STEP = 0.02
"""Seconds between two looks at the sources."""
FIGURES = 10.0
"""Seconds between two lines of figures."""
NONE = ("none", "")
"""What says that there is no such device, or no journal."""
_JOURNAL = "folder for batches that the host has not stored; auto: one in ~/.local/state/reciprocal/robots"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (--help lists the options)")


def run_robot(arguments: Sequence[str], page: str) -> int:
    """Do what the command line asks; returns the exit code.

    Args:
        arguments: of the command line.
        page: what --help says besides the options: a paragraph above them, the others below.
    """
    known = list(arguments)
    try:
        if why := hide_passwords():
            _complain(why)
        given = make_parser(page).parse_args(arguments)
        if given.list_devices:
            print(*(line for devices in list_devices() for line in devices.lines()), sep="\n")
            return _page_is_out()
        if given.make_keys is not None:
            host, robot = make_keys(_placed("--make-keys", given.make_keys), given.name or "robot")
            print(f"{host}: the host's keys, which stay there\n{robot}: copy to the robot, and give it as --keys")
            return _page_is_out()
        load_plugins(given.plugin)
        config = _config(given)
        configure(config.senses.to_dict())
        known.append(config.sensors.camera or "")
        return _run(given, config)
    except UserError as error:
        print(redact_text(str(error), known), file=sys.stderr)
        return 2
    except SystemExit as page:  # --help
        return _page_is_out() or int(page.code or 0)


def _page_is_out() -> int:
    """The exit code of what only prints: whether all of it was written."""
    if why := failure():
        print(why, file=sys.stderr)
        return 1
    return 0


def make_parser(page: str = "") -> argparse.ArgumentParser:
    """All options of a robot.

    Args:
        page: as `run_robot` takes it.
    """
    about = page.partition("\n\n")
    parser = _Parser(
        prog=program(),
        description=about[0],
        epilog=about[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--to", metavar="ADDRESS", help="address of the host, tcp://host:port [tcp://127.0.0.1:5570]")
    parser.add_argument(
        "--microphone", metavar="NAME", help="microphone: index or part of its name; none: no sound [default]"
    )
    parser.add_argument(
        "--camera", metavar="NAME", help="camera: index, file, image sequence or URL; none: no pictures [0]"
    )
    parser.add_argument("--view", metavar="NAME", help=f"what is seen in pictures: {', '.join(view_finders())} [auto]")
    parser.add_argument("--play", metavar="PATH", help="a recorded session, or a film or folder, instead of devices")
    parser.add_argument(
        "--keys", metavar="DIR", help="this robot's folder of keys; required where the host is another machine"
    )
    parser.add_argument("--journal", metavar="DIR", help=f"{_JOURNAL}; none: in memory only [auto]")
    parser.add_argument(
        "--record",
        metavar="DIR",
        help="record all that the sources give, or FILE.mcap as ROS 2 messages; DIR-2, … after a restart",
    )
    parser.add_argument("--name", help="name of this robot [that of its key, or of this machine]")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="seconds after which the robot ends [none: until Ctrl-C]"
    )
    parser.add_argument(
        "--config", metavar="FILE", help='JSON of settings, as in {"sensors": {"fps": 10}, "image": {"size": 96}}'
    )
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE.py", help="load a file that adds senses; repeatable"
    )
    parser.add_argument("--list-devices", action="store_true", help="show microphones and cameras, and end")
    parser.add_argument("--make-keys", metavar="DIR", help="make keys for the robot --name, and end")
    return parser


def _config(given: argparse.Namespace) -> RobotConfig:
    """The settings of the file, changed by the options."""
    values: dict[str, Any] = {}
    if given.config is not None:
        path = _placed("--config", given.config)
        try:
            values = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: no JSON of settings ({error})") from None
        if not isinstance(values, dict):
            raise ConfigError(f'{path}: expected an object, as in {{"sensors": {{"fps": 10}}}}')
    config = RobotConfig.from_dict(without_retired(values))
    devices = {n: getattr(given, n) for n in ("microphone", "camera", "view") if getattr(given, n) is not None}
    way = {name: getattr(given, name) for name in ("to", "keys", "journal") if getattr(given, name) is not None}
    if way.get("journal") in NONE:
        way["journal"] = None
    sensors = config.sensors.replace(**{k: None if v in NONE else v for k, v in devices.items()})
    if sensors.camera is not None and file_of(sensors.camera) == sensors.camera:
        sensors = sensors.replace(camera=str(_placed("--camera", sensors.camera)))
    publisher = config.publisher.replace(**way)
    if publisher.keys is not None:
        publisher = publisher.replace(keys=str(_placed("--keys", publisher.keys)))
    config = config.replace(sensors=sensors, publisher=publisher)
    # What the sensors see may want senses of another form, where the file does not say which.
    whole, kinds = config.to_dict(), {f.name: type(getattr(config.senses, f.name)) for f in fields(config.senses)}
    for key, text in sense_defaults(sensors).items():
        sense, name = key.split(".")
        if name not in values.get(sense, {}):
            whole[sense][name] = parse(kinds[sense], name, text)
    return RobotConfig.from_dict(whole)


def _placed(option: str, given: str) -> Path:
    """The path that an option or a setting means.

    Raises:
        ConfigError: no file can have it, or it leads through a broken link.
    """
    check_link(option, given)
    return place(given, option)


def _name(given: argparse.Namespace, keys: str | None) -> str:
    """What the option says, the key's name, or this machine's."""
    if given.name:
        return check_name(given.name)
    if keys is not None:
        return robot_name(keys)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node()).lstrip("._-")[:MAX_NAME]
    return check_name(plain if plain not in ("", "host") else "robot")


def _sources(config: SensorsConfig, play: Path | None) -> list[AnySource]:
    wanted = streams()
    return devices(wanted, config) if play is None else played(wanted, play)


def _run(given: argparse.Namespace, config: RobotConfig) -> int:
    name = _name(given, config.publisher.keys)
    record = None
    if given.record is not None:
        record = _placed("--record", given.record)
        check_writable(recording_folder(record), "--record")
        check_libraries(record)
    sources = _sources(config.sensors, None if given.play is None else _placed("--play", given.play))
    with ExitStack() as stack:
        journal = None
        if (folder := journal_directory(config.publisher.journal, name, _complain)) is not None:
            journal = RobotJournal(folder, name, config.publisher.journal_sync, _complain)
            stack.callback(journal.close)
        # Without a journal: never used twice, unless the machine's clock is set back.
        generation = time.time_ns() // 1_000_000 if journal is None else journal.generation
        publisher = stack.enter_context(Publisher(config.publisher, name, generation, journal))
        recorder = None
        if record is not None:
            record = free_place(record)
            recorder = stack.enter_context(
                make_recorder(record, config.sensors.record_mib * MIB, config.sensors.picture_rate)
            )
        publisher.observe(_tell)
        for source in sources:
            source.observe(_tell)
        perception = Perception(name, generation, StreamConfig.of(config.perception, config.sensors))
        robot = Robot(sources, perception, publisher, recorder)
        stopped = threading.Event()
        go_on_without(lambda why: None)
        before = {number: signal.signal(number, lambda *_: stopped.set()) for number in heard()}
        try:
            for missing, why in robot.start().items():
                _complain(f"{missing}: {why}")
            print(f"{name}: publishing to {config.publisher.to}; Ctrl-C ends", flush=True)
            if journal is not None:
                print(f"{name}: journal {folder}, {publisher.kept} events of earlier starts", flush=True)
            if recorder is not None:
                print(f"{name}: recording to {record}", flush=True)
            _loop(robot, publisher, stopped, given.seconds, recorder)
        finally:
            stored = robot.close(FLUSH)
            for number, handler in before.items():
                signal.signal(number, handler)
        if recorder is not None:
            recorder.close()
        print(_figures(publisher, recorder), flush=True)
        if not stored:
            _complain(f"{publisher.kept} events are not stored: {config.publisher.to} did not answer")
            if kept := publisher.kept - publisher.unjournaled if journal is not None else 0:
                _complain(f"{kept} of them are in {folder}, and sent after the next start")
        return 0 if stored else 1


def _loop(
    robot: Robot, publisher: Publisher, stopped: threading.Event, seconds: float | None, recorder: Recorder | None
) -> None:
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    said = time.monotonic()
    while not stopped.is_set() and robot.step(STEP) and (now := time.monotonic()) < end:
        if now - said >= FIGURES:
            said = now
            print(_figures(publisher, recorder), flush=True)


def _figures(publisher: Publisher, recorder: Recorder | None = None) -> str:
    """What became of all events, in a line: what it counts as perceived is stored, told otherwise, or kept."""
    counts = publisher.counts
    parts = [f"{counts.get('published', 0)} events", f"{counts.get('acknowledged', 0)} stored"]
    if restored := counts.get("restored", 0):
        parts.insert(1, f"{restored} of earlier starts")
    if kept := publisher.kept:
        alone = publisher.unjournaled
        parts.append(f"{kept} kept" + (f" ({alone} in memory alone)" if alone else ""))
    rooms = ("dropped", "refused", "journal")
    parts += [f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if name.startswith(rooms)]
    if recorder is not None:
        parts += [f"{n} samples not recorded ({reason})" for reason, n in recorder.dropped.items()]
    if publisher.clock.ready:
        error = publisher.clock.error(time.monotonic())
        parts.append(f"clock {publisher.clock.offset():+.3f} s ± {error * 1e3:.1f} ms")
    return f"{publisher.name}: {', '.join(parts)} ({publisher.state})"


def _complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _tell(change: Change) -> None:
    print(change, flush=True)
