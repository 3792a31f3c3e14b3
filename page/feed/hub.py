"""Events for viewers: of each kind only the newest waits for a viewer, so a slow one costs nothing."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from page.access.refusals import Refused


class Viewer:
    """One viewer's mailbox; used in the server's event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, bytes] = {}
        self._there = asyncio.Event()

    def put(self, name: str, message: bytes) -> None:
        """Leave an event; it takes the place of an earlier one of the same name."""
        self._waiting[name] = message
        self._there.set()

    async def take(self, patience: float) -> bytes:
        """All events that wait, in the order in which their kinds came first; empty after `patience` seconds."""
        if not self._there.is_set():
            try:
                await asyncio.wait_for(self._there.wait(), patience)
            except TimeoutError:
                return b""
        taken = b"".join(self._waiting.values())
        self._waiting.clear()
        self._there.clear()
        return taken


class Hub:
    """Gives events to all viewers; used in the server's event loop.

    Args:
        most: viewers at one time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._viewers: set[Viewer] = set()
        self._last: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def publish(self, name: str, data: Mapping[str, Any], again: bool = False) -> None:
        """Give an event to all viewers; one that says what the last of its name said is left out, unless `again`."""
        message = f"event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n".encode()
        if not again and self._last.get(name) == message:
            return
        self._last[name] = message
        for viewer in self._viewers:
            viewer.put(name, message)

    def join(self) -> Viewer:
        """A new viewer, for whom the last event of each name waits.

        Raises:
            Refused: there are too many.
        """
        if len(self._viewers) >= self._most:
            raise Refused("viewers", f"{self._most} viewers watch already; close one of them")
        viewer = Viewer()
        for name, message in self._last.items():
            viewer.put(name, message)
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """The viewer is gone."""
        self._viewers.discard(viewer)
