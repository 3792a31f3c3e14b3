"""The command line, generated from the settings' own declarations."""

import argparse
import contextlib
import os
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.command.entry import entries
from runtime.command.parser import Help, Parser, PrintedText
from runtime.config.settings_list import Setting, settings
from runtime.config.teach import read_teach
from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import ConfigError
from sensors.plugins import SEPARATOR, load_plugins, replaced
from sensors.system.paths import place
from sensors.system.places import check_link
from sensors.system.program import program

OPTIONS = {
    "what is perceived": {
        "--sensors": "run.sensors",
        "--microphone": "sensors.microphone",
        "--camera": "sensors.camera",
        "--listen": "ingest.listen",
        "--keys": "ingest.keys",
        "--record": "live.record",
        "--speed": "live.speed",
        "--exam": "browsers.exam",
        "--respond": "answer.respond",
        "--judges": "monitor.judges",
    },
    "what is taught": {
        "--teach": "run.teach",
        "--style": "teacher.style",
        "--images": "data.images",
        "--speech": "data.speech",
        "--letters": "data.letters",
        "--data": "data.data",
        "--download": "data.download",
        "--teachers": "run.teachers",
    },
    "how it learns": {
        "--preset": "learner.preset",
        "--learn": "run.learn",
        "--device": "learner.device",
        "--seed": "run.seed",
        "--minutes": "run.minutes",
        "--steps": "run.steps",
    },
    "what is kept": {"--ack": "replay.ack"},
    "where it is seen": {
        "--page": "page.port",
        "--page-address": "page.address",
        "--page-cert": "page.cert",
        "--page-key": "page.key",
        "--rerun": "run.rerun",
    },
    "where it runs": {"--address": "run.address"},
}
"""Prominent options by group; each stands for one setting and takes its help, choices and default from it."""


def read_speed(text: str) -> dict[str, str]:
    """`--speed max` as settings: 0 stands for as fast as it is perceived."""
    return {"live.speed": "0" if text.strip().lower() == "max" else text}


READERS: dict[str, Callable[[str], dict[str, str]]] = {"--teach": read_teach, "--speed": read_speed}
"""Options whose text is not that of their setting: option -> the settings that the text stands for."""
DESCRIPTION = """\
Learn, without labels, what things look and sound like. Teachers show and say things,
replay stores these events, the learner turns images into sounds and back, and the monitor
examines it. Also learn to lip-read letters that were only heard, from labelled speech."""
EXAMPLES = (
    ("--teacher simulated", "learn from embedded digits and voices until Ctrl-C"),
    ("--minutes 5", "the same, for five minutes of learning"),
    ("--teach digits", "without letters and lip reading"),
    ("--teach things", "your own things: things/image/mug/*.jpg, things/audio/mug/*.wav"),
    ("--sensors live", "learn from this machine's microphone and camera"),
    ("--sensors talk.mp4 --speed max", "learn from a film, or from a folder of films"),
    ("--sensors live --listen tcp://127.0.0.1:5570 --record session", ""),
    ("--data ~/datasets --speech fsdd", "learn from MNIST and recorded speech in that folder"),
    ("--resume runs/2026-01-31_12-00-00", "continue a run that was stopped"),
    ("--set replay.capacity=50000 --help-settings", ""),
)
"""Arguments, and what they are for."""


@dataclass(frozen=True)
class Request:
    """What the command line asked for.

    Attributes:
        changes: `section.field` -> text, of the settings named there.
        run_dir: where a new run goes; None: the default place.
        resume: the run to go on with; None: a new one.
    """

    changes: dict[str, str]
    run_dir: Path | None
    resume: Path | None


def parse_arguments(arguments: Sequence[str]) -> Request:
    """Read the command line.

    Raises:
        PrintedText: `--help`, `--help-settings` and `--list-devices` ask for it.
        ConfigError: an unknown option or a bad value.
    """
    given = _parser({s.key: s for s in settings()}).parse_args(arguments)
    if given.sensors and given.teacher:
        raise ConfigError("--teacher and --sensors: events come from a teacher or from sensors; give one of the two")
    if given.resume is not None and given.run_dir is not None:
        raise ConfigError("--resume and --run-dir: a resumed run stays in its directory; give one of the two")
    # Nothing that only shows a page executes what a run directory names.
    page = given.help_settings or given.list_devices or given.list_topics is not None or given.speak is not None
    # Before settings are read, as plugins bring some.
    plugins = _load_plugins(given.plugin, None if page else given.resume)
    if given.help_settings:
        raise PrintedText(describe_settings(list(settings()), min(shutil.get_terminal_size().columns, 110)))
    if given.list_devices:
        from sensors.sources.devices import list_devices

        raise PrintedText("\n".join(line for devices in list_devices() for line in devices.lines()))
    if given.list_topics is not None:
        from sensors.perception.topics import list_topics

        raise PrintedText("\n".join(list_topics(place(given.list_topics, "--list-topics"))))
    if given.speak is not None:
        from teacher.folder.speak import speak

        raise PrintedText("\n".join(speak(place(given.speak, "--speak"))))
    changes: dict[str, str] = {}
    for options in OPTIONS.values():
        for flag, key in options.items():
            if (text := getattr(given, flag[2:].replace("-", "_"))) is not None:
                read = READERS.get(flag)
                changes |= {key: str(text)} if read is None else read(text)
    for assignment in given.set:
        key, equals, text = assignment.partition("=")
        if not equals or "." not in key:
            raise ConfigError(f"--set {assignment}: expected section.field=value (see --help-settings)")
        changes[key.strip()] = text.strip()
    if "run.plugins" in changes:
        raise ConfigError("--set run.plugins: plugins must be known before settings are read; use --plugin FILE.py")
    if given.topic:
        changes["live.topics"] = ",".join(given.topic)
    if given.plugin:
        changes["run.plugins"] = SEPARATOR.join(plugins)
    run_dir, resume = (
        None if text is None else place(text, option)
        for text, option in ((given.run_dir, "--run-dir"), (given.resume, "--resume"))
    )
    return Request(changes, run_dir, resume)


def _load_plugins(given: Sequence[str], resume: str | None) -> list[str]:
    """Load the plugins that are given and those of the run that is resumed, in the order of the run.

    The run's plugins are executed only once the run is known to be whole, of a format that this program reads, and in
    use by nobody else.

    Args:
        given: files as the command line names them.
        resume: directory of the run; None: a new run.

    Returns:
        The absolute paths of all of them.
    """
    if resume is None:
        return [str(path) for path in load_plugins(given)]
    check_link("--resume", resume)
    path = place(resume, "--resume")
    if not os.path.isdir(path):
        # There is nothing to load. That no run is there, or may not be read, is told when it is to be resumed.
        return [str(each) for each in load_plugins(given)]
    with contextlib.closing(RunDirectory.resume(path)) as run:
        # Installed plugins first, also where no file follows.
        load_plugins([])
        help_saved = "the run was made with it: put it back, or give its new place with --plugin"
        paths = []
        for file in replaced(run.plugins, given):
            paths += load_plugins([file]) if file in given else load_plugins([file], help_saved)
        return [str(path) for path in paths]


def _parser(known: dict[str, Setting]) -> Parser:
    parser = Parser(
        prog=program(),
        description=DESCRIPTION,
        epilog=_examples(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    source = parser.add_argument_group("where events come from")
    source.add_argument("--teacher", choices=("simulated",), help="a simulated teacher (the default)")
    source.add_argument("--list-devices", action="store_true", help="show microphones and cameras, and end")
    source.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="SENSE=STREAM",
        help="which stream of the file that is played a sense is perceived in; repeatable [the first that fits]",
    )
    source.add_argument("--list-topics", metavar="PATH", help="show the streams of a file or folder, and end")
    source.add_argument(
        "--speak",
        metavar="DIR",
        help="synthesise the names of a folder's concepts that have no sound, and end",
    )
    for title, options in OPTIONS.items():
        group = parser.add_argument_group(title)
        for flag, key in options.items():
            _add(group, flag, known[key])
        if title == "where it runs":
            group.add_argument("--run-dir", metavar="DIR", help="directory of a new run [runs/<date-time>]")
            group.add_argument("--resume", metavar="DIR", help="resume the run in DIR")
    other = parser.add_argument_group("everything else")
    other.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="load a Python file that adds senses, subjects, algorithms or layouts; repeatable",
    )
    other.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        help="change any setting; repeatable",
    )
    other.add_argument("--help-settings", action="store_true", help="list every setting with default and bounds")
    other.add_argument("-h", "--help", action=Help, nargs=0, help="show this page")
    return parser


def _examples() -> str:
    lines = [f"  {program()} {arguments:<34} {purpose}".rstrip() for arguments, purpose in EXAMPLES]
    stop = "Ctrl-C stops with a checkpoint; a second Ctrl-C stops at once."
    others = [f"  {program()} {entry.usage:<34} {entry.about}" for entry in entries()]
    return "\n".join(["examples:", *lines, "", "commands on a run that has learned something:", *others, "", stop])


def _add(group: argparse._ArgumentGroup, flag: str, s: Setting) -> None:
    if s.kind == "bool":
        group.add_argument(flag, action="store_const", const="true", help=s.help)
        return
    shown = "" if s.default is None else f" [{s.default}]"
    # Choices are left to the setting's own check: one wording of the error for options, --set and files.
    metavar = "{" + ",".join(map(str, s.choices)) + "}" if s.choices else _metavar(s)
    group.add_argument(flag, metavar=metavar, help=(s.help + shown).replace("%", "%%"))


def _metavar(s: Setting) -> str:
    if s.key in ("data.data", "monitor.judges"):
        return "DIR"
    if s.key == "run.teach":
        return "SUBJECTS|DIR"
    if s.unit:
        return s.unit.upper() if s.unit.isalpha() else "N"
    return "N" if s.kind.startswith(("int", "float")) else "TEXT"


def describe_settings(known: Sequence[Setting], width: int) -> str:
    """The page of `--help-settings`: a paragraph a setting, at most `width` columns wide."""
    lines: list[str] = []
    section = ""
    for s in known:
        if s.key.rpartition(".")[0] != section:
            section = s.key.rpartition(".")[0]
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        default = "none" if s.default is None else s.default
        facts = ", ".join(filter(None, (s.kind, s.allowed, s.unit)))
        lines.append(f"  {s.key} = {default!s}   ({facts})")
        lines += textwrap.wrap(s.help, max(width, 30), initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)
