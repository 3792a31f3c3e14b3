"""Toy datasets, and a cache of this test session alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from teacher.datasets import Samples
from tests.teacher.tiny import toy


@pytest.fixture(autouse=True, scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECIPROCAL_CACHE", str(root))
        yield root


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
