"""Playwright for all browsers of this process: it can be started once in a process at a time."""

import contextlib
from collections.abc import Iterator
from typing import Any

_started: list[Any] = []
_users: list[object] = []


@contextlib.contextmanager
def chromium_type() -> Iterator[Any]:
    """Playwright's `BrowserType` of Chromium; the first user starts Playwright, and the last one stops it.

    Raises:
        ImportError: Playwright is not installed.
    """
    from playwright.sync_api import sync_playwright

    user = object()
    if not _users:
        _started.append(sync_playwright().start())
    _users.append(user)
    try:
        yield _started[0].chromium
    finally:
        _users.remove(user)
        if not _users:
            _started.pop().stop()
