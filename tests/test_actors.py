"""What every actor owes Ray and the person who looks at its dashboard."""

import pytest

from agent.actor import LearnerActor, MonitorActor
from replay.actor import ReplayActor
from sensors.actor import SensorActor
from teacher.actor import TeacherActor


@pytest.mark.parametrize("kind", [LearnerActor, MonitorActor, ReplayActor, SensorActor, TeacherActor])
def test_its_name_can_be_read_before_it_is_built(kind: type) -> None:
    # Ray prints an actor whose constructor raised; an error in there would hide the one that matters.
    assert repr(object.__new__(kind)) == f"{kind.__name__.removesuffix('Actor')}(starting)"
