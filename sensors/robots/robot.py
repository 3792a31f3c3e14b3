"""A robot: its sources, what it perceives in them, and the way to its host, in one thread."""

import time
from collections.abc import Sequence

from sensors.core.errors import SourceError
from sensors.core.event import EventBatch
from sensors.perception.perception import Perception
from sensors.perception.streams import AnySource
from sensors.robots.publisher import Publisher
from sensors.sources.devices import connect
from sensors.sources.recorder import Recorder
from sensors.sources.source import Ended

TURN = 64
"""Most samples taken from one source at once, so that a late robot still talks to its host."""


class Robot:
    """Reads its sources, oldest sample first, and publishes what is perceived in them.

    Args:
        sources: each with a name of its own; connected and disconnected here.
        perception: makes events of what they give.
        publisher: of the same name and generation.
        recorder: records what the sources give; None: nothing is recorded. The caller closes it.
    """

    def __init__(
        self,
        sources: Sequence[AnySource],
        perception: Perception,
        publisher: Publisher,
        recorder: Recorder | None = None,
    ) -> None:
        self._sources = list(sources)
        self._perception = perception
        self._publisher = publisher
        self._recorder = recorder
        self._ended: set[str] = set()
        for source in self._sources:
            # They are asked in turn; the wait is the publisher's, who hears the host meanwhile.
            source.timeout = 0.0

    def start(self) -> dict[str, str]:
        """Connect all sources; one that is not there is sought in the background while others give.

        Returns:
            What is wrong with those that are not there, by their names.

        Raises:
            SourceError: none of them is there.
        """
        if not self._sources:
            raise SourceError("no source at all; name a microphone or a camera")
        return connect(self._sources)

    def step(self, seconds: float) -> bool:
        """Take in what the sources gave, publish what it makes, and hear the host for `seconds` at most.

        Returns:
            Whether any source may give more.
        """
        now = time.monotonic()
        if max([self._read(source) for source in self._sources], default=0) < TURN:
            # What still waits to be read is no silence, however late it is.
            self._publish(self._perception.advance(now))
        self._publisher.run(seconds)
        return len(self._ended) < len(self._sources)

    def close(self, seconds: float) -> bool:
        """Disconnect the sources, publish what is under way and wait for the host; whether all is stored there.

        Args:
            seconds: longest wait for the host.
        """
        for source in self._sources:
            source.disconnect()
        for source in self._sources:
            while self._read(source) == TURN:
                pass
        self._publish(self._perception.flush(time.monotonic()))
        stored = self._publisher.flush(seconds)
        self._publisher.close()
        return stored

    def _read(self, source: AnySource) -> int:
        """Take in what is there, up to a turn; how many samples there were."""
        for count in range(TURN):
            try:
                sample = source.read()
            except TimeoutError:
                return count
            except Ended:
                self._ended.add(source.name)
                return count
            if self._recorder is not None:
                self._recorder.write(source.name, sample)
            self._publish(self._perception.observe(sample, time.monotonic(), source.name))
        return TURN

    def _publish(self, batches: Sequence[EventBatch]) -> None:
        for batch in batches:
            self._publisher.publish(batch)
