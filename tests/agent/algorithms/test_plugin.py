"""An algorithm of somebody's own: the file that the page shows, loaded as a plugin, learns, resumes and is examined."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.algorithms import contract as algorithms
from agent.networks.layouts import contract as layouts
from sensors.plugins import load_plugins, plugins
from sensors.senses import senses
from teacher.subjects import contract as subjects

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from sensors.plugins import load_plugins, plugins
load_plugins([sys.argv[1]])
from runtime.config.settings import RunConfig
from runtime.config.learning import learning
from agent.algorithms import Setup, algorithm
from agent.hardware import choose_hardware
from agent.inference import build_networks
from agent.learner import Learner
from agent.exams.retrieval import retrieve
from tests.agent.rigs import ListReplay, config, datasets, exam_set, tables

run = RunConfig().override({"run.learn": "linear+smart", "run.teach": "digits"})
settings = config(batch=64)
replay = ListReplay(tables(256))
it = algorithm("linear").make(Setup(settings, choose_hardware(settings), replay, replay, 0))
learner = Learner([it], replay, choose_hardware(settings))
losses = learner.run(600.0, steps=60).losses
again = algorithm("linear").make(Setup(settings, choose_hardware(settings), replay, replay, 1))
again.load_state_dict(it.state_dict())
found = retrieve(build_networks(again.publish(-1)), exam_set(datasets()))
print(json.dumps({"plugins": [str(p) for p in plugins()], "names": learning(run).names, "free": learning(run).free,
                  "losses": losses, "shares": found.shares}))
"""


ALONE = {
    "sense": """
import numpy as np
from sensors.core.modalities import Modality
from sensors.senses import Sense, register_sense
from sensors.senses.drawing import curves_view
form = Modality("mine", (64, 6), np.dtype(np.float32), "pressure", 1.0, "sequence", -4.0, 4.0)
register_sense(Sense(form, "touch", curves_view(-4, 4)))
""",
    "subject": """
from teacher.subjects import register_subject, subject
class Mine(type(subject("digits"))):
    name = "mine"
register_subject(Mine())
""",
    "layout": """
from dataclasses import replace
from agent.networks.layouts import layout_of, register_layout
register_layout(replace(layout_of("picture", (1, 32, 32), "image"), name="mine"))
""",
    "algorithm": """
from dataclasses import replace
from agent.algorithms import SMART, register_algorithm
register_algorithm(replace(SMART, name="mine"))
""",
}
"""Plugins that register one part and nothing else, by the part."""


@pytest.mark.parametrize("part", ALONE)
def test_each_kind_of_part_may_be_all_that_a_plugin_registers(
    tmp_path: Path, plugins_undone: Callable[[], None], part: str
) -> None:
    (tmp_path / "own.py").write_text(ALONE[part])
    load_plugins([tmp_path / "own.py"])
    assert [str(each) for each in plugins()] == [f"plugin own: {part} mine"]
    plugins_undone()
    known = (algorithms._DECLARED, layouts._LAYOUTS, subjects._REGISTRY, senses())
    assert not any("mine" in registry for registry in known), "no other test is to meet it"


def test_the_page_s_own_learner_learns(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "algorithms.md").read_text()
    block = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    (tmp_path / "linear.py").write_text(block[1])
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "linear.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["plugins"] == ["plugin linear: algorithm linear"]
    assert told["names"] == ["smart", "linear"] and told["free"] == []
    assert set(told["losses"]) == {"linear/loss"} and told["shares"]["image_to_audio/r1"] > 0.5
