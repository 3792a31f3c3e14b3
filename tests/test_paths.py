import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.command.cli import parse_arguments

ROOT = Path(__file__).parents[1]
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Makes permissions bind root, too."""
PATHS = ["--run-dir", "--resume", "--data", "--judges", "--record", "--keys", "--camera", "--sensors"]
"""Options that name a file or folder."""


def test_a_home_directory_is_found_where_the_shell_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_arguments(["--run-dir=~/x"]).run_dir == tmp_path / "x"
    assert parse_arguments(["--resume=~/x"]).resume == tmp_path / "x"


@pytest.mark.parametrize("name", ["b" * 300, "~nosuchuser/x", b"\xff/x"])
@pytest.mark.parametrize("option", PATHS)
def test_every_option_that_names_a_path_ends_with_code_2(option: str, name: str | bytes, tmp_path: Path) -> None:
    live = ["--sensors", "live", "--microphone", "none"] if option in ("--record", "--keys", "--camera") else []
    elsewhere = [] if option in ("--run-dir", "--resume") else ["--run-dir", str(tmp_path / "run")]
    command = [sys.executable, str(ROOT / "launch.py"), *live, *elsewhere, option, name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Errno" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_working_directory_that_is_not_utf8_is_refused_in_a_line(tmp_path: Path) -> None:
    here = os.path.join(os.fsencode(tmp_path), b"\xff")
    os.mkdir(here)
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch.py")], capture_output=True, text=True, cwd=here, timeout=60
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "the working directory" in done.stderr and "is not UTF-8" in done.stderr
    assert os.listdir(here) == []


def bound() -> list[str]:
    """What a command must begin with so that permissions bind it."""
    if os.geteuid():
        return []
    tried = shutil.which("setpriv") and subprocess.run([*BOUND, "true"], capture_output=True).returncode == 0
    return BOUND if tried else pytest.skip("root cannot give up its right to look into every folder here")


@pytest.mark.parametrize("mode", [0o000, 0o600, 0o444])
@pytest.mark.parametrize("option", ["--run-dir", "--resume", "--judges", "--record"])
def test_a_folder_without_permission_is_told_at_once(option: str, mode: int, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    closed = tmp_path / "closed"
    (closed / "run").mkdir(parents=True)
    closed.chmod(mode)
    named = closed / "run" / "x" if option == "--run-dir" else closed / "run"
    session = ["--sensors", "live", "--microphone", "none", "--listen", "tcp://127.0.0.1:0", "--camera", "none"]
    live = session if option in ("--record", "--judges") else []
    elsewhere = [] if option in ("--run-dir", "--resume") else ["--run-dir", str(tmp_path / "open" / "run")]
    command = [*bound(), sys.executable, str(ROOT / "launch.py"), *live, *elsewhere, option, str(named)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        closed.chmod(0o700)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.splitlines()) <= 2 and "ermission" in done.stderr and str(closed) in done.stderr
    assert list((tmp_path / "open").iterdir()) == []
