import re
import subprocess
import sys
from pathlib import Path

from tests.groups import group_of

ROOT = Path(__file__).parents[1]


def test_files_that_start_ray_are_one_group_and_each_other_file_is_its_own() -> None:
    assert group_of("tests/test_main_job.py::test_a") == group_of("tests/page/test_actor.py::test_b[0]") == "ray"
    assert group_of("tests/page/access/test_guard.py::test_a[x::y]") == "tests/page/access/test_guard.py"


def test_one_process_runs_a_file() -> None:
    """As xdist does it: it has passed over groups without a word before."""
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-vv", "-p", "no:cacheprovider"]
    files = ("tests/page/access/test_guard.py", "tests/sensors/system/test_address.py")
    ran = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=120)
    found = re.findall(r"^\[(gw\d)\].* PASSED (\S+?)::", ran.stdout, re.MULTILINE)
    assert {file for _, file in found} == set(files), ran.stdout + ran.stderr
    assert len(set(found)) == len(files), "each file has one process"
