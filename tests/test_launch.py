"""The command line from outside: exit codes and messages of mistakes, without any actor."""

import os
import re
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
        (["--sensors", "nowhere"], "holds no recording"),
        (["--sensors", "live", "--teach", "letters"], "no letters"),
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


def test_an_address_without_ray_leaves_no_run_behind(tmp_path: Path) -> None:
    told = refused(launch("--address", "127.0.0.1:1", "--run-dir", str(tmp_path / "run")))
    assert "no Ray head" in told
    assert not (tmp_path / "run").exists()
