"""A robot: its sources, what it perceives in them, and the way to its host, in one thread."""

from collections.abc import Sequence

from sensors.core.errors import SourceError
from sensors.perception.perception import Perception
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import AnySource
from sensors.robots.publisher import Publisher
from sensors.sources.devices import connect
from sensors.sources.recorder import Recorder


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
        self._publisher = publisher
        self._reader = SourceReader(sources, perception, lambda batch, captured: publisher.publish(batch), recorder)

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
        self._reader.step()
        self._publisher.run(seconds)
        return not self._reader.ended

    def close(self, seconds: float) -> bool:
        """Disconnect the sources, publish what is under way and wait for the host; whether all is stored there.

        Args:
            seconds: longest wait for the host.
        """
        self._reader.finish()
        stored = self._publisher.flush(seconds)
        self._publisher.close()
        return stored
