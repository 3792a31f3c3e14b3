"""What the page's tests share."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.answers.response import warm_up
from agent.networks.published import Networks
from tests.agent.answers.test_associations import networks
from tests.page.fake import FakeRun, fake_run
from tests.patience import PATIENCE


@pytest.fixture(scope="session")
def known() -> Networks:
    """Weights that have learned a little."""
    return networks(4)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for this machine, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    place = tmp_path_factory.mktemp("certificate")
    cert, key = place / "cert.pem", place / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [*command, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    return str(cert), str(key)


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
