"""What the page refuses: each refusal has a reason, by which it is counted, and a sentence for people."""

import threading
from collections import Counter

STATUS = {
    "bad_request": 400,
    "token": 401,
    "host": 403,
    "origin": 403,
    "not_found": 404,
    "method": 405,
    "too_slow": 408,
    "gone": 410,
    "too_large": 413,
    "unsupported": 415,
    "damaged": 422,
    "bomb": 422,
    "too_long": 422,
    "rate": 429,
    "connections": 503,
    "viewers": 503,
    "busy": 503,
    "not_ready": 503,
    "failed": 500,
}
"""HTTP status of each reason."""


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        reason: one of `STATUS`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS[self.reason]


class Refusals:
    """How often something was refused, by reason; counted from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, reason: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[reason] += 1

    @property
    def totals(self) -> dict[str, int]:
        """By reason, since the page began."""
        with self._lock:
            return dict(self._counts)
