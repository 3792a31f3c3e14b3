"""The replay as a Ray actor: `ray.remote(ReplayActor).options(num_cpus=0)`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.sampler import SampleBatch
from sensors.core.errors import EventError
from sensors.core.event import EventBatch


class ReplayActor:
    """A `Buffer` as a Ray actor. It refuses and counts malformed batches, as calls may come from any process."""

    def __init__(
        self,
        directory: str,
        config: Mapping[str, Any],
        seed: int = 0,
        reserve: Sequence[str] = (),
        free: Sequence[str] = (),
    ) -> None:
        """Open `directory` and make the tables of the kinds in `reserve`; after a restart this is all there is to do.

        Sources of the kinds in `free`, from which nothing draws, are never told to wait.

        Raises:
            ConfigError: `config` has an unknown name or a bad value.
            StorageError: the directory cannot be used.
            StateError: the directory holds something else.
        """
        self._name = Path(directory).name
        self._refused = 0
        self._buffer = Buffer(directory, ReplayConfig.from_dict(config), seed, free)
        self._buffer.reserve(reserve)

    def insert(self, batch: EventBatch) -> dict[str, float]:
        """Offer a batch; answers `accepted` and `duplicate` events and `throttled_ms`.

        Raises:
            EventError: the batch breaks a modality's contract; nothing was stored.
            StorageError: the table cannot be made.
        """
        try:
            if not isinstance(batch, EventBatch):
                raise EventError(f"batch: expected EventBatch, got {type(batch).__name__}")
            # What arrives was unpickled, which skips the checks that making a batch runs.
            batch = dataclasses.replace(batch)
        except EventError:
            self._refused += 1
            raise
        return dataclasses.asdict(self._buffer.insert(batch))

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> SampleBatch:
        """Draw a batch; see `Buffer.sample`."""
        return self._buffer.sample(kind, count, selector, **options)

    def stats(self) -> dict[str, dict[str, float]]:
        """Figures of each table; see `Buffer.stats`."""
        return self._buffer.stats()

    def set_limiter(
        self,
        samples_per_insert: float | None = None,
        slack: float | None = None,
        min_size: float | None = None,
        kind: str | None = None,
    ) -> None:
        """Change the limiter; see `Buffer.set_limiter`."""
        self._buffer.set_limiter(samples_per_insert, slack, min_size, kind)

    def save(self) -> None:
        """Save what the files do not hold themselves; see `Buffer.save`."""
        self._buffer.save()

    def ping(self) -> dict[str, int]:
        """Sign of life: how many batches were `refused` as malformed since the start."""
        return {"refused": self._refused}

    def close(self) -> None:
        """Save and let go of the directory."""
        self._buffer.close()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        return f"Replay({getattr(self, '_name', 'starting')})"
