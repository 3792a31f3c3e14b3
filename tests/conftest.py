"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real datasets; tests that need it are skipped where there is none."""
    folder = os.environ.get("RECIPROCAL_DATA")
    if not folder:
        pytest.skip("RECIPROCAL_DATA is not set: no real datasets here")
    if not Path(folder).is_dir():
        pytest.fail(f"RECIPROCAL_DATA={folder}: no such folder")
    return Path(folder)
