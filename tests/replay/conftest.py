"""Fixtures of replay's tests."""

import os

import pytest

from replay import journal


@pytest.fixture
def quick_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends asks nothing of the disk; and a journal of a few records is copied soon."""
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(journal, "_RECORDS", 128)
