"""What the tests of what was learned share."""

from pathlib import Path

import pytest

from agent.learner import Learner
from tests.agent.learned.saved import learner_of, pairs, save_run


@pytest.fixture(scope="session")
def taught() -> Learner:
    """A learner of sounds and pictures."""
    return learner_of(pairs(), 6)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, taught: Learner) -> Path:
    """Its run; tests only read it."""
    return save_run(tmp_path_factory.mktemp("learned") / "run", taught, pairs())
