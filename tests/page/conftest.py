"""What the page's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.answers.response import warm_up
from agent.networks.published import Networks
from tests.agent.answers.test_associations import networks
from tests.page.fake import FakeRun, fake_run


@pytest.fixture(scope="session")
def known() -> Networks:
    """Weights that have learned a little."""
    return networks(4)


@pytest.fixture(autouse=True, scope="session")
def _sounds() -> None:
    """The library that makes sounds takes long to load where others use the machine, too."""
    warm_up()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[FakeRun]:
    """A page over a run that has nothing yet."""
    with fake_run(tmp_path / "run") as made:
        yield made


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, known: Networks) -> Iterator[FakeRun]:
    """A page over a run with events, weights and an exam, which a file's tests share."""
    with fake_run(tmp_path_factory.mktemp("page") / "run") as made:
        made.perceive("audio+image", 0, 12)
        made.perceive("image", 100, 3)
        made.learn(known)
        made.examine()
        yield made
