import subprocess
import sys
import types
from pathlib import Path

import pytest

from sensors.core.errors import ConfigError
from sensors.system.rooms import HOME, ROOMS, check_rooms, child_process
from tests.foreign import foreign_modules, ros_path


def test_the_rooms_are_found_where_they_lie() -> None:
    assert all((HOME / room / "__init__.py").is_file() for room in ROOMS)
    check_rooms()


def test_another_module_of_a_rooms_name_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = types.ModuleType("replay")
    monkeypatch.setitem(sys.modules, "replay", foreign)
    with pytest.raises(ConfigError, match="the module replay is missing"):
        check_rooms()
    foreign.__file__ = str(tmp_path / "replay.py")
    with pytest.raises(ConfigError, match=f"the module replay is {tmp_path / 'replay.py'}"):
        check_rooms()


def test_a_mistaken_import_ends_with_code_2(tmp_path: Path) -> None:
    foreign_modules(tmp_path)
    program = (
        f"import sys, types; sys.path.insert(0, {str(HOME)!r}); import launch;"
        f"sys.modules['agent'] = types.ModuleType('agent'); sys.exit(launch.main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: the module agent is missing, not this program's")


@pytest.mark.parametrize("safe", ["", "1"])
def test_a_child_process_imports_our_modules_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safe: str) -> None:
    monkeypatch.chdir(foreign_modules(tmp_path / "here"))
    monkeypatch.setenv("PYTHONPATH", str(ros_path(tmp_path / "ros")))
    monkeypatch.setenv("PYTHONSAFEPATH", safe)
    done = subprocess.run(**child_process("agent.answers.viewer"), capture_output=True, text=True)
    # Without a picture it has nothing to show; it was found and began.
    assert "foreign" not in done.stderr and "No module" not in done.stderr
    assert 'agent/answers/viewer.py", line' in done.stderr
