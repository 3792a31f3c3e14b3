"""Toy datasets, and a cache of their own that all processes of a test session share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from teacher.datasets import Samples
from tests.teacher.tiny import toy


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    # Every process of pytest-xdist has a folder of its own, below that of the session.
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "teacher-cache"
    root.mkdir(exist_ok=True)
    return root


@pytest.fixture(autouse=True, scope="module")
def _cached(session_cache: Path) -> Iterator[None]:
    """Other rooms' tests have the cache that the environment names: what it holds is not prepared once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECIPROCAL_CACHE", str(session_cache))
        yield


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cache"
    monkeypatch.setenv("RECIPROCAL_CACHE", str(root))
    return root


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECIPROCAL_DATA", raising=False)


@pytest.fixture(scope="session")
def toy_images() -> Samples:
    return toy("toy-images", (1, 32, 32))


@pytest.fixture(scope="session")
def toy_speech() -> Samples:
    return toy("toy-speech", (1, 96, 96), seed=1)
