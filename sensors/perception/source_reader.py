"""The read loop of live runs and robots: takes in what the sources give and perceives in it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from sensors.core.event import EventBatch
from sensors.core.percept import Reading
from sensors.perception.perception import Perception
from sensors.perception.streams import AnySource
from sensors.signals.readings import Chunk
from sensors.sources.own_playback import PlaybackFilter
from sensors.sources.recorder import Recorder
from sensors.sources.source import Ended

TURN = 64
"""Most readings taken from one source at once, so that a late reader still hears its robots or its host."""


class SourceReader:
    """Reads sources in turn, oldest reading first. One thread may use it; the sources read in threads of their own.

    Args:
        sources: each with a name of its own; the caller connects them.
        perception: makes events of what they give.
        give: called with each batch of events, and the monotonic second at which the sample that decided it was
            captured.
        recorder: records what the sources give; None: nothing is recorded. The caller closes it.
        filters: source's name -> what leaves out this machine's own playback.
        played: the sources are tapes, which wait for their reader.
        clock: of monotonic seconds.
        watch: called with each reading before it is perceived; None: nothing is.
    """

    def __init__(
        self,
        sources: Sequence[AnySource],
        perception: Perception,
        give: Callable[[EventBatch, float], None],
        recorder: Recorder | None = None,
        filters: Mapping[str, PlaybackFilter] | None = None,
        played: bool = False,
        clock: Callable[[], float] = time.monotonic,
        watch: Callable[[Reading], None] | None = None,
    ) -> None:
        self._sources = list(sources)
        self._perception, self._give, self._recorder = perception, give, recorder
        self._filters = filters or {}
        self._played, self._clock, self._watch = played, clock, watch
        # The end of the newest reading of each source.
        self._newest: dict[str, float] = {}
        # Up to when all that a source gives has been read, of sources that can tell.
        self._told: dict[str, float] = {}
        self._ended: set[str] = set()
        self.flushed = False
        for source in self._sources:
            # They are asked in turn; the caller waits.
            source.timeout = 0.0

    @property
    def ended(self) -> bool:
        """Whether all sources have ended; without any source none has."""
        return bool(self._sources) and len(self._ended) == len(self._sources)

    def step(self) -> bool:
        """Take in what has come since the last step; whether anything has."""
        now = self._clock()
        told = {source.name: source.reached for source in self._sources} if self._played else {}
        most = 0
        for source in self._sources:
            count = self._read(source)
            if count < TURN and (second := told.get(source.name)) is not None:
                self._told[source.name] = second
            most = max(most, count)
        # Only what was there by `now` has been read: what still waits to be read is no silence, however late it is.
        if most < TURN and (reached := self._reached(now)) > -math.inf:
            self._take(self._perception.advance(reached), now)
        return most > 0

    def flush(self) -> None:
        """Decide all that is under way, once: nothing will follow."""
        if self._sources and not self.flushed:
            self.flushed = True
            now = self._clock()
            self._take(self._perception.flush(now), now)

    def finish(self) -> None:
        """Disconnect the sources, take in what they gave, and decide all that is under way."""
        for source in self._sources:
            source.disconnect()
        for source in self._sources:
            while self._read(source) == TURN:
                pass
        self.flush()

    def _read(self, source: AnySource) -> int:
        """Take in what is there, up to a turn; how many readings there were."""
        for count in range(TURN):
            try:
                reading = source.read()
            except TimeoutError:
                return count
            except Ended:
                self._ended.add(source.name)
                return count
            self._ended.discard(source.name)
            if isinstance(reading, Chunk) and source.name in self._filters:
                heard = self._filters[source.name].observe(reading)
                if heard is None:
                    continue
                reading = heard
            if self._recorder is not None:
                self._recorder.write(source.name, reading)
            if self._watch is not None:
                self._watch(reading)
            now = self._clock()
            self._newest[source.name] = reading.end
            # Where a tape is late, its own time counts: its pictures and its sound are late together.
            batches = self._perception.observe(reading, self._reached(now), source.name)
            self._take(batches, min(reading.end, now))
        return TURN

    def _reached(self, now: float) -> float:
        """Time up to which everything that there is has been read: a tape that waits for its reader is not silent.

        Where all sources that go on tell how far they are, that alone counts: they may be ahead of the clock.
        """
        if not self._played:
            return now
        going = [source for source in self._sources if source.name not in self._ended]
        if going and all(source.reached is not None for source in going):
            return min(max(self._told.get(s.name, -math.inf), self._newest.get(s.name, -math.inf)) for s in going)
        return min([now, *(end for name, end in self._newest.items() if name not in self._ended)])

    def _take(self, batches: Sequence[EventBatch], captured: float) -> None:
        for batch in batches:
            self._give(batch, captured)
