"""Data that are made only once on a machine: said before it begins, and while it goes on.

Teachers make what they teach while they start, where nobody sees how far they are. What takes longest, and only the
first time, is therefore made before any actor starts.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from teacher.datasets.preparation.cache import cache_root

SAY_EVERY = 5.0
"""Seconds between two lines while it goes on."""


def first_time(dataset: str, what: str, make: Callable[[], object]) -> None:
    """Make a dataset that this machine has never kept, and tell of it on standard error; else do nothing.

    Args:
        dataset: its name in the cache.
        what: is done, for people.
        make: makes and keeps it.
    """
    if any((cache_root() / "prepared").glob(f"{dataset}-[0-9]*")):
        return
    with _telling(f"{what}, once on this machine"):
        make()


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
    begun, over = time.monotonic(), threading.Event()

    def tell() -> None:
        while not over.wait(SAY_EVERY):
            print(f"{what}: {time.monotonic() - begun:.0f} s so far", file=sys.stderr, flush=True)

    print(what, file=sys.stderr, flush=True)
    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    print(f"{what}: done in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
