"""The command line from outside: exit codes and messages of mistakes, without any actor."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import quickest, took

ROOT = Path(__file__).parents[1]


def launch(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def refused(run: "subprocess.CompletedProcess[str]") -> str:
    assert run.returncode == 2, run.stderr
    assert 1 <= len(run.stderr.splitlines()) <= 2, run.stderr
    assert run.stderr.startswith("error: ")
    return run.stderr


def test_help_comes_at_once() -> None:
    def look() -> None:
        page = launch("--help")
        assert page.returncode == 0
        assert "--teacher" in page.stdout

    assert quickest(lambda: took(look), 5.0) < 5.0


def test_parsing_needs_neither_ray_nor_torch() -> None:
    program = "import sys, launch; launch.main(['--bogus']); print({'ray', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sensors", "live", "--teacher", "simulated"], "one of the two"),
        (["--sensors", "live", "--microphone", "none", "--camera", "nowhere.avi"], "nowhere.avi.*no such file"),
        (["--sensors", "live", "--microphone", "none", "--camera", "none"], "--microphone, --camera or --listen"),
        (["--sensors", "live", "--listen", "nowhere"], "expected tcp://host:port"),
        (["--sensors", "live", "--listen", "tcp://0.0.0.0:5570"], "--make-keys"),
        (["--sensors", "live", "--listen", "tcp://127.0.0.1:0", "--keys", "nowhere"], "nowhere.*no key"),
        (["--sensors", "nowhere"], "no such file or folder"),
        (["--teach", "mugs"], "neither a subject .* nor a folder"),
        (["--teach", str(ROOT / "docs")], "--teach .*docs: holds no folder of a sense"),
        (["--speak", str(ROOT / "docs")], "--speak .*docs: holds no folder of a sense"),
        (["--bogus"], "--bogus"),
        (["--minutes", "-1"], "run.minutes"),
        (["--set", "replay.bogus=1"], "replay.bogus|'bogus'"),
        (["--resume", "nowhere"], "no such directory"),
        (["--data", "nowhere"], "--data"),
        (["--data", str(ROOT / "docs")], "--data .*docs: nothing in it can be used"),
        (
            ["--sensors", "live", "--microphone", "none", "--camera", "none", "--judges", str(ROOT / "docs")],
            "--judges .*nothing in it",
        ),
    ],
)
def test_mistakes_end_with_code_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    extra = [] if "--resume" in arguments else ["--run-dir", str(tmp_path / "run")]
    assert re.search(told, refused(launch(*arguments, *extra)))
    assert not (tmp_path / "run").exists()


INTERRUPTED = """
import os, signal, sys, runpy
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{number})

sys.meta_path.insert(0, Finder())
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("runtime.command.cli", "SIGINT"),
        ("numpy", "SIGINT"),
        ("runtime.session", "SIGINT"),
        ("teacher.datasets.preparation.download", "SIGINT"),
        ("runtime.supervisor.cluster", "SIGINT"),
        ("ray", "SIGTERM"),
        ("sensors.sources.devices", "SIGHUP"),
    ],
)
def test_stopped_before_the_run_began_is_one_line(module: str, number: str, tmp_path: Path) -> None:
    """A signal while this module is imported, from reading the command line to the start of Ray."""
    where = ["--run-dir", str(tmp_path / "run"), "--data", str(tmp_path), "--download"]
    arguments = [str(ROOT / "launch.py"), *(["--list-devices"] if module == "sensors.sources.devices" else where)]
    (tmp_path / "mnist").mkdir()
    program = INTERRUPTED.format(module=module, number=number, arguments=arguments)
    # What is downloaded last is there already, and nothing is ever asked for at its hosts.
    environment = os.environ | {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    if module in ("runtime.supervisor.cluster", "ray"):
        program = program.replace("'--download'", "'--images', 'digits', '--speech', 'synthetic'")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, env=environment
    )
    # With an empty cache, what is made only once on a machine is told first.
    told = [line for line in done.stderr.splitlines() if "once on this machine" not in line]
    assert (done.returncode, told) == (130, ["stopped before the run began"])
    assert not (tmp_path / "run").exists()


def in_shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A line of shell, with `RUN` for the program."""
    run = shlex.join([sys.executable, str(ROOT / "launch.py")])
    env = os.environ | environment
    return subprocess.run(["bash", "-c", line.replace("RUN", run)], capture_output=True, text=True, timeout=60, env=env)


@pytest.mark.parametrize("page", ["--help", "--help-settings", "--list-devices"])
def test_pages_are_shown_in_any_encoding_and_a_reader_may_leave(page: str) -> None:
    for encoding in ("ascii", "latin-1"):
        shown = in_shell(f"RUN {page}", PYTHONIOENCODING=encoding)
        assert (shown.returncode, shown.stderr) == (0, "") and shown.stdout.isascii()
    posix = in_shell(f"RUN {page}", LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (posix.returncode, posix.stderr) == (0, "")
    left = in_shell(f"set -o pipefail; RUN {page} | head -1")
    assert (left.returncode, left.stderr) == (0, "")
    closed = in_shell(f"RUN {page} >&-")
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, "", "")
    full = in_shell(f"RUN {page} > /dev/full")
    assert full.returncode == 1
    assert full.stderr == "error: standard output cannot be written: No space left on device\n"


def test_a_mistake_has_its_exit_code_without_any_output() -> None:
    for line in ("RUN --bogus 2> /dev/full", "RUN --bogus 2>&-", "RUN --bogus <&- >&- 2>&-"):
        assert in_shell(line).returncode == 2
    said = in_shell("RUN --data Größe", PYTHONIOENCODING="ascii").stderr
    assert r"Gr\xf6\xdfe: no such directory" in said


@pytest.mark.parametrize("option", ["--resume", "--run-dir", "--data", "--judges", "--keys", "--record", "--sensors"])
def test_a_link_to_nothing_is_said_to_be_one(option: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    told = refused(launch(option, str(tmp_path / "link" / "run")))
    assert f"{tmp_path}/link is a link to {tmp_path}/gone, which is not there" in told


def test_printed_commands_work_where_they_are_printed() -> None:
    told = in_shell("RUN --bogus").stderr
    (command,) = re.findall(r"\((.*) lists the options\)", told)
    assert in_shell(command).stdout.startswith(f"usage: {command.removesuffix(' --help')}")


def test_an_address_without_ray_leaves_no_run_behind(tmp_path: Path) -> None:
    told = refused(launch("--address", "127.0.0.1:1", "--run-dir", str(tmp_path / "run")))
    assert "no Ray head" in told
    assert not (tmp_path / "run").exists()
