"""Removers: where the next events of a stream go, and so which stored ones make room.

A remover depends only on the position in the stream, so a crash does not change its choices.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError, StateError
from sensors.core.state import StateDict, check_state

DROPPED = -1
"""In place of a slot: the event is let go at once."""


class Remover(Protocol):
    """Chooses slots."""

    name: str

    def place(self, serial: NDArray[np.int64], live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Slots for the events numbered `serial` (from 1, ascending), or `DROPPED`.

        Args:
            serial: (B,).
            live: (capacity,), which slots hold an event now.

        Returns:
            (B,); where a slot comes twice, the later event takes it.
        """
        ...

    def state_dict(self) -> StateDict:
        """What `load_state_dict` takes."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Carry on as the remover that was saved.

        Raises:
            StateError: the state is another remover's or another version's.
        """
        ...


class Fifo:
    """The oldest event makes room."""

    name = "fifo"

    def place(self, serial: NDArray[np.int64], live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Round the ring."""
        return (serial - 1) % len(live)

    def state_dict(self) -> StateDict:
        """Nothing but the name."""
        return {"version": 1, "name": self.name}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that a fifo was saved."""
        check_state(state, {"name"}, 1, "replay remover")
        _check_name(self.name, state)


class Reservoir:
    """Every event of the stream so far has the same chance to be stored (Vitter's algorithm R).

    The draw for event t is a hash of the seed and t: the same however the stream is cut into batches.
    """

    name = "reservoir"

    def __init__(self, seed: int) -> None:
        self.seed = seed % 2**63

    def place(self, serial: NDArray[np.int64], live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The first `capacity` events fill up; event t after them is kept with chance capacity / t."""
        capacity = len(live)
        drawn = (_uniform(self.seed, serial) * serial).astype(np.int64)
        slots = np.where(serial <= capacity, serial - 1, np.where(drawn < capacity, drawn, DROPPED))
        # Slots emptied as corrupt are filled before anything stored is given up.
        free = np.flatnonzero(~live)
        replacing = np.flatnonzero((serial > capacity) & (slots != DROPPED))
        replacing = replacing[live[slots[replacing]]]
        free = np.setdiff1d(free, slots)
        count = min(len(free), len(replacing))
        slots[replacing[:count]] = free[:count]
        return slots

    def state_dict(self) -> StateDict:
        """The seed."""
        return {"version": 1, "name": self.name, "seed": self.seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the saved seed."""
        check_state(state, {"name", "seed"}, 1, "replay remover")
        _check_name(self.name, state)
        self.seed = int(state["seed"])


def make_remover(name: str, seed: int) -> Remover:
    """The remover called `name`.

    Raises:
        ConfigError: no such remover.
    """
    if name == "fifo":
        return Fifo()
    if name == "reservoir":
        return Reservoir(seed)
    raise ConfigError(f"remover={name!r}: choose one of fifo, reservoir")


def _check_name(name: str, state: Mapping[str, Any]) -> None:
    if state["name"] != name:
        raise StateError(f"replay remover: saved as {state['name']!r}, this one is {name!r}")


def _uniform(seed: int, serial: NDArray[np.int64]) -> NDArray[np.float64]:
    """Uniform in [0, 1) for each serial: splitmix64 of the seed's stream at that position."""
    start = np.uint64((seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) % 2**64)
    x = start ^ (serial.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / float(2**53)
