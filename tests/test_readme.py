"""What the pages promise: commands, options, settings, links, files and figures."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.command.cli import OPTIONS, Request, parse_arguments
from runtime.command.entry import entries, entry_of, parser_of
from runtime.config.settings import LIVE_DEFAULTS, RunConfig
from runtime.reporting.overview import exams_of
from runtime.supervisor.reports.metrics import metric_of
from sensors.plugins import load_plugins
from sensors.robots.robot_config import RobotConfig
from sensors.robots.robot_program import make_parser as robot_parser
from sensors.senses import senses

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "replay/README.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
)
TEXTS = {name: (ROOT / name).read_text() for name in PAGES}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
FLAGS = {
    *(flag for group in OPTIONS.values() for flag in group),
    *("--teacher", "--list-devices", "--list-topics", "--topic", "--speak", "--plugin", "--run-dir", "--resume"),
    *("--set", "--help", "--help-settings"),
    *(flag for entry in entries() for action in parser_of(entry)._actions for flag in action.option_strings),
}
OTHERS_FLAGS = {
    # What is asked about is named by its sense.
    *(f"--{name}" for name in (*senses(), "touch")),
    *(flag for action in robot_parser()._actions for flag in action.option_strings),
    *("--router", "--domain", "--audio-form"),
    *("--logdir", "--shm-size", "--head", "--node-ip-address", "--port"),
    *(
        "--json",
        "--out",
        "--only",
        "--seeds",
        "--styles",
        "--speakers",
        "--part",
        "--shares",
        "--paper-steps",
        "--splits",
        "--layers",
        "--workers",
        "--corpus",
        "--vectors",
        "--seconds",
        "--repeats",
        "--rate",
        "--presets",
        "--threads",
        "--quick",
        "--make-keys",
        "--name",
        "--play",
        "--faults",
        "--ray",
        "--count",
        "--digits",
        "--half",
        "--below",
        "--no-deps",
    ),
}
"""Options of other programs, and of benchmarks, that the pages name."""


def blocks(text: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    lines = [line for block in blocks(text) for line in block.splitlines()]
    lines += [code for code in re.findall(r"`([^`\n]+)`", text) if ".venv/bin/" in code]
    return [part.strip() for line in lines for part in line.partition("  #")[0].split(" && ") if part.strip()]


def launches() -> list[str]:
    found = [c for text in TEXTS.values() for c in commands(text) if "launch.py" in shlex.split(c)]
    # These do their work at once, with a folder or file that is not here.
    return sorted({c for c in found if "--speak" not in c and "--list-topics" not in c})


def setups() -> list[str]:
    return [line for block in blocks(README) for line in block.splitlines() if line.startswith("python3 -m venv")]


def read(arguments: list[str]) -> Request:
    request = parse_arguments(arguments)
    RunConfig.of(request.changes)
    return request


@pytest.mark.parametrize("command", launches())
def test_every_launch_command_is_accepted(command: str, plugins_undone: Callable[[], None]) -> None:
    words = shlex.split(command)
    words = words[words.index("launch.py") + 1 :]
    if (entry := entry_of(words)) is None:
        read(words)
        return
    others = parser_of(entry).parse_known_args(words[1:])[1]
    assert not others or (entry.extras and others[0][2:] in senses())


@pytest.mark.parametrize("name", PAGES)
def test_every_option_and_setting_that_a_page_names_exists(
    name: str, tmp_path: Path, plugins_undone: Callable[[], None]
) -> None:
    # The page's own plugin brings a setting, or a name.
    for code in re.findall(r"```python\n(.*?register_(?:sense|subject|algorithm)\(.*?)```", TEXTS[name], re.DOTALL):
        (tmp_path / "own.py").write_text(code)
        load_plugins([tmp_path / "own.py"])
    codes = re.findall(r"`([^`\n]+)`", TEXTS[name])
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(codes)):
        assert flag in FLAGS | OTHERS_FLAGS, flag
    for code in codes:
        for assignment in re.findall(r"--set ([\w.]+=\S+)", code):
            read(["--set", assignment])
        words = code.split()
        if len(words) == 2 and words[0] in FLAGS and not words[1].startswith("-") and words[1].islower():
            read(words)


def test_two_commands_set_everything_up() -> None:
    job, tests = setups()
    assert job.endswith(".venv/bin/python launch.py --teacher simulated")
    assert tests.endswith(".venv/bin/python -m pytest")
    for command, wanted in ((job, {"speech"}), (tests, {"speech", "test"})):
        make, install, _ = command.split(" && ")
        assert make == "python3 -m venv .venv"
        found = re.fullmatch(r"\.venv/bin/pip install -e '\.\[([a-z,]+)\]'", install)
        assert found is not None and set(found[1].split(",")) == wanted <= set(EXTRAS)


def test_the_check_script_runs_these_commands_themselves() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for ending in re.findall(r"command_of '(.+)'\)", script):
        assert len([c for c in setups() if re.search(ending + "$", c)]) == 1, ending
    assert "pip install" not in script
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")]).returncode == 0


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}, target


def test_every_figure_that_the_page_names_is_made() -> None:
    watch = TEXTS["docs/reference/metrics.md"].partition("\n## Figures\n")[2].partition("\n## ")[0]
    keys = [key for row in re.findall(r"^\| (`.*?) \|", watch, re.MULTILINE) for key in re.findall(r"`(.+?)`", row)]
    assert len(keys) > 15
    held = exams_of(("image", "audio"))
    exams = {f"exam/{e.exam}" for e in held} | {f"judge/{e.judge}" for e in held}
    lips = (ROOT / "agent" / "monitors" / "lip_monitor.py").read_text()
    sources = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    for key in keys:
        room, _, name = key.partition("/")
        if room in ("exam", "judge"):
            assert key in exams or f'"{key}"' in lips, key
        elif not key.endswith("…"):
            assert metric_of(key) or f'"{key}"' in sources or (f'f"{room}/{{name}}"' in sources and name in sources), (
                key
            )
        else:
            assert metric_of(key), key


def test_defaults_that_the_pages_state_are_the_real_ones() -> None:
    defaults = RunConfig()
    assert f"port {defaults.run.dashboard_port} is taken" in TEXTS["docs/howto/trouble.md"]
    assert f"every {defaults.monitor.every:g} s" in README
    # A run that perceives for itself has some defaults of its own.
    known = (defaults, RunConfig.of({"run.sensors": "live"}), RobotConfig())
    for setting, value in re.findall(r"`(\w+\.\w+)` \[([^\]]+)\](?!\()", "".join(TEXTS.values())):
        section, _, name = setting.partition(".")
        value, _, live = value.partition("; live ")
        assert not live or LIVE_DEFAULTS[setting] == live, setting
        owners = [getattr(each, section) for each in known if hasattr(each, section)]
        assert value.lower() in {str(getattr(o, name)).removesuffix(".0").lower() for o in owners}, setting


def test_every_benchmark_that_a_page_names_exists_with_its_options() -> None:
    named = [shlex.split(c) for text in TEXTS.values() for c in commands(text) if "benchmarks/" in c]
    assert named
    for words in named:
        program = next(w for w in words if w.startswith("benchmarks/"))
        source = (ROOT / program).read_text()
        if "parse_options" in source:
            source += (ROOT / "benchmarks" / "harness" / "stage.py").read_text()
        for flag in (w for w in words if w.startswith("--")):
            assert f'"{flag}"' in source or "parse_known_args" in source, (program, flag)
