"""A sense that a plugin brings is taught from a folder as the program's own are."""

import json
import subprocess
from pathlib import Path

from sensors.system.rooms import child_process
from tests.teacher.own_things import write_things

PLUGIN = """
import numpy as np
from sensors.core.errors import SampleError
from sensors.core.modalities import Modality
from sensors.senses import Sense, register_sense

def load(path):
    numbers = np.loadtxt(path, delimiter=",", dtype=np.float32)
    if numbers.shape != (4, 6):
        raise SampleError(f"{path}: not four rows of six", "not of four rows")
    return numbers

register_sense(Sense(
    Modality("touch", (4, 6), np.dtype(np.float32), "pressure", 1.0, "sequence", -10, 10), "touch",
    view=lambda sample: np.zeros((4, 6, 3), np.uint8), endings=(".csv",), load=load,
))
"""
SCRIPT = """
import json, sys
from pathlib import Path
from sensors.plugins import load_plugins
load_plugins([sys.argv[1]])
from teacher.folder import pool
from teacher.folder.load import load_things
pool.FILES_PER_PROCESS = 4
things = load_things(Path(sys.argv[2]))
touch = things.datasets["touch"]
facts = list(things.datasets), touch.train.shape, str(touch.train.dtype), float(touch.train.max()), things.lines[-1]
print(json.dumps(facts))
"""


def test_a_plugins_sense_is_read_in_every_process(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "touch.py").write_text(PLUGIN)
    (tmp_path / "use.py").write_text(SCRIPT)
    root = tmp_path / "things"
    write_things(root)
    for number, name in enumerate(("cup", "mug", "pan")):
        (root / "touch" / name).mkdir(parents=True)
        for n in range(5):
            (root / "touch" / name / f"{n}.csv").write_text(f"{','.join([str(number + n / 10)] * 6)}\n" * 4)
    (root / "touch" / "cup" / "short.csv").write_text("1,2,3,4,5,6\n")
    child = child_process("sensors")
    command = [child["args"][0], str(tmp_path / "use.py"), str(tmp_path / "touch.py"), str(root)]
    done = subprocess.run(command, cwd=child["cwd"], env=child["env"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    senses, shape, dtype, most, told = json.loads(done.stdout)
    assert senses == ["audio", "image", "touch"]
    assert shape == [12, 4, 6] and dtype == "float32" and 2.2 < most < 2.5
    assert told == "files: 45 taken, 1 left out: 1 not of four rows (touch/cup/short.csv)"


SCALED = """
from dataclasses import dataclass
from sensors.core.config import Config, setting

@dataclass(frozen=True)
class TouchConfig(Config):
    gain: float = setting(1.0, help="what samples are multiplied by")

from sensors.senses import configured
""" + PLUGIN.replace("return numbers", "return numbers * np.float32(configured()['touch']['gain'] * FACTOR)").replace(
    'endings=(".csv",)', 'endings=(".csv",), settings=TouchConfig'
)
USE = """
import sys
from pathlib import Path
from sensors.plugins import load_plugins
from sensors.senses import configure
load_plugins([sys.argv[1]])
from teacher.folder.load import load_things
configure({"touch": {"gain": float(sys.argv[3])}})
if len(sys.argv) > 4:
    Path(sys.argv[1]).write_text(sys.argv[4])
print(float(load_things(Path(sys.argv[2])).datasets["touch"].train.max()))
"""


def test_samples_are_made_anew_where_settings_or_the_plugin_change(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    root = tmp_path / "things"
    write_things(root, count=2)
    for name in ("cup", "mug", "pan"):
        (root / "touch" / name).mkdir(parents=True)
        for n in range(2):
            (root / "touch" / name / f"{n}.csv").write_text("1,1,1,1,1,1\n" * 3 + f"1,1,1,1,1,0.{n}\n")
    plugin = tmp_path / "touch.py"
    once, twice = (SCALED.replace("FACTOR", factor) for factor in ("1", "2"))
    plugin.write_text(once)

    def most(*arguments: str) -> float:
        child = child_process("sensors")
        command = [child["args"][0], str(tmp_path / "use.py"), str(plugin), str(root), *arguments]
        done = subprocess.run(command, cwd=child["cwd"], env=child["env"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    assert most("1") == 1.0
    assert most("5") == 5.0, "not what another gain has left in the cache"
    # The file changes while a process runs the text that it has read: the cache must not take the one for the other.
    assert most("3", twice) == 3.0
    assert most("3") == 6.0


HANGING = PLUGIN.replace(
    "    numbers =",
    "    while path.name == 'hangs.csv' and path.with_name('stuck').exists():\n        pass\n    numbers =",
)
HANG = """
import sys
from pathlib import Path
from sensors.plugins import load_plugins
load_plugins([sys.argv[1]])
from teacher.folder import pool
from teacher.folder.load import load_things
pool.PATIENCE = 1.0
print(load_things(Path(sys.argv[2])).lines[-1])
(Path(sys.argv[2]) / "touch" / "cup" / "stuck").unlink()
print(load_things(Path(sys.argv[2])).lines[-1])
"""


def test_a_file_whose_reader_hangs_is_left_out_of_a_small_folder_and_read_the_next_time(
    tmp_path: Path, own_cache: Path
) -> None:
    (tmp_path / "touch.py").write_text(HANGING)
    (tmp_path / "use.py").write_text(HANG)
    root = tmp_path / "things"
    write_things(root, count=2)
    for name in ("cup", "mug", "pan"):
        (root / "touch" / name).mkdir(parents=True)
        for n in ("0", "1", "hangs"):
            (root / "touch" / name / f"{n}.csv").write_text(f"1,1,1,1,1,{ord(n[0])}\n" * 4)
    (root / "touch" / "cup" / "stuck").touch()
    child = child_process("sensors")
    command = [child["args"][0], str(tmp_path / "use.py"), str(tmp_path / "touch.py"), str(root)]
    done = subprocess.run(command, cwd=child["cwd"], env=child["env"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    hanging, repaired = done.stdout.splitlines()
    assert "1 that their reader takes too long for (touch/cup/hangs.csv)" in hanging
    assert repaired.startswith("touch: "), "no line of files that are left out"
