"""What every actor owes Ray and the person who looks at its dashboard, and what the learner's hands out."""

from pathlib import Path

import numpy as np
import pytest

from agent.actor import LearnerActor
from agent.monitors.actor import MonitorActor
from agent.tdlft.lip_networks import LipNetworks
from replay.actor import ReplayActor
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.actor import SensorActor
from sensors.core.event import EventBatch
from teacher.actor import TeacherActor
from tests.agent.letter_rigs import said, tiny
from tests.agent.rigs import config


@pytest.mark.parametrize("kind", [LearnerActor, MonitorActor, ReplayActor, SensorActor, TeacherActor])
def test_its_name_can_be_read_before_it_is_built(kind: type) -> None:
    # Ray prints an actor whose constructor raised; an error in there would hide the one that matters.
    assert repr(object.__new__(kind)) == f"{kind.__name__.removesuffix('Actor')}(starting)"


def test_the_learner_hands_out_what_its_last_turn_on_letters_made(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "replay", ReplayConfig(), 0)
    order = np.arange(24)
    moment = order.astype(np.float64)
    buffer.insert(EventBatch("teacher-letters", 0, order, moment, moment, order, said([0, 1, 2, 3] * 6)))
    actor = LearnerActor(str(tmp_path), config(latent=64).to_dict(), 0, None, ["tdlft"], {"tdlft": tiny().to_dict()})
    assert any("speech to lips" in line for line in actor.describe())
    assert actor.publish("tdlft", 0) is None and actor.publish("smart", -1) is None
    while not (told := actor.run(5.0))["waiting"]:
        pass
    assert told["figures"]["tdlft/turns"] == 1.0 and told["step"] > 20
    made = actor.publish("tdlft", 0)
    assert made is not None and LipNetworks.from_dict(made["networks"]).turn == made["version"] == 1
    assert actor.publish("tdlft", 1) is None
    actor.close()
    buffer.close()
    digits = LearnerActor(str(tmp_path), config(latent=64).to_dict(), 0)
    assert digits.publish("tdlft", -1) is None and digits.run(0.1)["figures"] == {}
    digits.close()
