import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sensors.system.program import beside_python

ROOT = Path(__file__).parents[3]


def told(command: str, cwd: Path) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_script_is_named_with_its_python(tmp_path: Path) -> None:
    folder = tmp_path / "my work"
    folder.mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom sensors.system.program import program\nprint(program())\n"
    )
    (folder / "launch.py").write_text(code)
    python = shlex.quote(sys.executable)
    assert told(f"{python} launch.py --minutes 5", folder) == f"{python} launch.py"
    assert told(f"{python} -u 'my work/launch.py'", tmp_path) == f"{python} -u 'my work/launch.py'"
    assert told(f"{python} -m launch -x", folder) == f"{python} -m launch"
    command = folder / "reciprocal"
    command.write_text(f"#!{sys.executable}\n{code}")
    command.chmod(0o755)
    assert told("./reciprocal --help", folder) == "./reciprocal"
    assert told("PATH=$PWD:$PATH; reciprocal --help", folder) == "reciprocal"


def test_commands_beside_this_python_are_called_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "my env" / "bin"
    place.mkdir(parents=True)
    (place / "ray").touch()
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    monkeypatch.chdir(tmp_path)
    assert beside_python("ray") == "'my env/bin/ray'"
    monkeypatch.chdir(place)
    assert beside_python("ray") == "./ray"
    assert beside_python("nothing") == "nothing"


def test_a_password_is_taken_out_of_the_command_line() -> None:
    code = (
        "from pathlib import Path; from sensors.system.program import hide_passwords; "
        "print([hide_passwords(), Path('/proc/self/cmdline').read_bytes().decode().rstrip(chr(0)).split(chr(0))[3:]])"
    )
    options = ["--camera=rtsp://user:s3cr3t 'word@host/live", "--name", "hall"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"{['', ['--camera=rtsp://user:…@host/live', '--name', 'hall']]}\n"
