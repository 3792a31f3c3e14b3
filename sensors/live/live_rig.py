"""The rig of a live run: its devices or recording, what is perceived in them, and the robots it hears.

    rig = make_rig(RigConfig(), generation=time.time_ns() // 1_000_000, kinds={"audio", "image", "audio+image"})
    rig.start()
    while True:
        for delivery in rig.step(0.01):
            ...store delivery.batch...
            rig.acknowledge([delivery])

Pure of Ray. One thread may use a rig; its sources read in threads of their own.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sensors.browsers.browsers import Browsers, Message
from sensors.browsers.host_prompts import HostPrompts
from sensors.core.errors import SourceError
from sensors.core.event import EventBatch
from sensors.core.state import StateDict
from sensors.live.outbox import Delivery
from sensors.perception.perception import Perception, warm_up
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import AnySource
from sensors.robots.ingest import RemoteIngest
from sensors.sources.devices import connect
from sensors.sources.own_playback import OwnPlayback, PlaybackFilter
from sensors.sources.recorder import Recorder
from sensors.sources.recording import RecordedSource
from sensors.sources.source import Change

HOST = "host"
"""Source of what this machine perceives itself; no robot may have this name."""
ROBOTS_EVERY = 0.5
"""Seconds between two looks at the robots' states."""
NOTES = 1024
"""Most notes kept until somebody takes them; of more the oldest are lost, and counted."""


class Note(NamedTuple):
    """A line for people, and the second since 1970 at which it came up."""

    time: float
    text: str


class LiveRig:
    """Owns sources and robots; gives events.

    Args:
        sources: each with a name of its own; connected and disconnected here.
        perception: makes events of what they give.
        kinds: of events that are wanted; others that robots send are refused and counted.
        ingest: receives robots' batches; None: robots are not admitted.
        recorder: records what the sources give; None: nothing is recorded.
        playback: intervals in which this machine plays a sound, whose chunks are left out; None: it plays nothing.
        clock: of monotonic seconds.
        played: the sources are tapes, which wait for their reader.
        browsers: those that share their microphone and camera; None: none may.
        prompts: that browsers show for this machine's own sensors; None: none can be shown.
    """

    def __init__(
        self,
        sources: Sequence[AnySource],
        perception: Perception,
        kinds: Collection[str],
        ingest: RemoteIngest | None = None,
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.monotonic,
        playback: OwnPlayback | None = None,
        played: bool = False,
        browsers: Browsers | None = None,
        prompts: HostPrompts | None = None,
    ) -> None:
        self._sources = list(sources)
        self._perception = perception
        self._kinds = frozenset(kinds)
        self._ingest, self._recorder, self._playback = ingest, recorder, playback
        self._browsers, self._prompts = browsers, prompts
        if prompts is not None:
            prompts.follow(perception)
        if browsers is not None:
            browsers.observer = self._changed
        # A recording contains nothing that this machine plays now.
        self._filters = (
            {} if playback is None or played else {source.name: PlaybackFilter(playback) for source in sources}
        )
        self._clock = clock
        watch = None if prompts is None else prompts.observe
        self._reader = SourceReader(sources, perception, self._give, recorder, self._filters, played, clock, watch)
        self._found: list[Delivery] = []
        self._notes: deque[Note] = deque(maxlen=NOTES)
        self._unnoted = 0
        self._stalls, self._events = Counter[str](), Counter[str]()
        self._robots, self._robots_due = dict[str, str](), 0.0
        self._told = set[tuple[str, str]]()
        for source in self._sources:
            source.observe(self._changed)
            if isinstance(source, RecordedSource):
                source.recording.on_damage = self._note

    def start(self) -> None:
        """Connect all sources; one that is not there is sought in the background, if need be all of them.

        Whether there is anything to perceive with is asked once, by `check`: a device that has gone since comes back.
        """
        warm_up(self._perception)
        if self._ingest is not None:
            self._note(f"robots are heard at {self._ingest.address}")
        self._tell_what_is_not_played()
        if not self._sources:
            return
        try:
            connect(self._sources)
        except SourceError as error:
            self._note(" ".join(str(error).split()))
            for source in self._sources:
                source.connect(warmup=0)

    def step(self, seconds: float) -> list[Delivery]:
        """Take in what came, for `seconds` at most where nothing did; what it makes, each to be acknowledged."""
        came = self._perceive_own() | self._perceive_browsers()
        if self._reader.ended:
            self._reader.flush()
        wait = 0.0 if came or self._found else seconds
        if self._ingest is not None:
            self._hear(self._ingest, wait)
        elif wait:
            time.sleep(wait)
        return self._take_found()

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """These are stored for good: robots may forget theirs."""
        receipts = [delivery.receipt for delivery in deliveries if delivery.receipt is not None]
        if receipts and self._ingest is not None:
            self._ingest.acknowledge(receipts)

    def refuse(self, deliveries: Iterable[Delivery], reason: str) -> None:
        """These will never be stored: robots count theirs as refused."""
        receipts = [delivery.receipt for delivery in deliveries if delivery.receipt is not None]
        if receipts and self._ingest is not None:
            self._ingest.refuse(receipts, reason)

    def flush(self) -> list[Delivery]:
        """Give the devices back; all that they gave and that is under way, decided: nothing will follow."""
        self._reader.finish()
        if self._browsers is not None:
            self._browsers.finish()
            self._perceive_browsers()
        return self._take_found()

    def exchange(self, messages: Sequence[Message]) -> list[tuple[str, str]] | None:
        """Take in what browsers sent, and give what they are to be told; None: no browser may share. Any thread."""
        return None if self._browsers is None else self._browsers.exchange(messages)

    @property
    def states(self) -> dict[str, str]:
        """Where every source and `robot/NAME` stands: `connecting`, `live`, `stalled` or `closed`."""
        shared = self._browsers.states if self._browsers is not None else {}
        return {source.name: source.state for source in self._sources} | shared | self._robots

    @property
    def over(self) -> bool:
        """Whether all its sources have ended and no robot is listened for: nothing more will come of it."""
        shared = self._browsers is not None and self._browsers.sharing
        return self._reader.flushed and self._ingest is None and not shared

    @property
    def waits(self) -> bool:
        """Whether nothing is lost while it is not asked: all of its sources are files."""
        return bool(self._sources) and self._ingest is None and all(s.reached is not None for s in self._sources)

    @property
    def name(self) -> str:
        """Source of its own events."""
        return self._perception.name

    def take_notes(self) -> list[Note]:
        """Lines for people that came up since this was last asked; every change of a state is one."""
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def describe(self) -> list[str]:
        """Printable lines: what is listened to and looked at."""
        return [f"{source}" for source in self._sources] + ([str(self._ingest)] if self._ingest is not None else [])

    def figures(self) -> dict[str, float]:
        """Totals since this rig was made, flat.

        `events/<kind>`, `read/<source>` (readings), `lost/<source>/<reason>` (likewise), `stalls/<source>`,
        `reconnects/<source>`, `perceived/<what>` (see `Perception.counts`), `refused/<reason>` (robots' messages and
        batches), `recorded`, `unrecorded/<reason>`, `notes/lost`.
        """
        found: dict[str, float] = {f"events/{kind}": n for kind, n in self._events.items()}
        for source in self._sources:
            counts = source.counts
            found[f"read/{source.name}"] = counts.read
            found[f"reconnects/{source.name}"] = counts.reconnects
            found |= {f"lost/{source.name}/{reason}": n for reason, n in counts.dropped.items()}
        found |= {f"stalls/{name}": self._stalls[name] for name in self.states}
        found["notes/lost"] = self._unnoted
        found |= {f"lost/{name}/own": float(it.own) for name, it in self._filters.items() if it.own}
        found |= {f"perceived/{what}": n for what, n in self._perception.counts.items()}
        if self._browsers is not None:
            for name, n in self._browsers.figures().items():
                found[name] = found.get(name, 0.0) + n
        if self._ingest is not None:
            found |= {f"refused/{reason}": n for reason, n in self._ingest.counts.items()}
        if self._recorder is not None:
            found["recorded"] = self._recorder.written
            found |= {f"unrecorded/{reason}": n for reason, n in self._recorder.dropped.items()}
        return found

    def state_dict(self) -> StateDict:
        """Which ids and lessons come next; what is under way is not kept."""
        return self._perception.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the saved ids and lessons, in a generation of its own.

        What was perceived after the state was saved had ids that follow it: those must not be given again.

        Raises:
            StateError: the state is another's.
        """
        own = self._perception.generation
        self._perception.load_state_dict(state)
        self._perception.generation = max(own, self._perception.generation + 1)

    def close(self) -> None:
        """Let go of devices, robots and files; what robots were not told to be stored, they send again."""
        for source in self._sources:
            source.disconnect()
        if self._ingest is not None:
            self._ingest.close()
        if self._browsers is not None:
            self._browsers.close()
        if self._recorder is not None:
            self._recorder.close()
        if self._playback is not None:
            self._playback.close()

    def _give(self, batch: EventBatch, captured: float) -> None:
        self._events[batch.kind] += len(batch)
        self._found.append(Delivery(batch, captured))

    def _take_found(self) -> list[Delivery]:
        found, self._found = self._found, []
        return found

    def _perceive_own(self) -> bool:
        """Perceive in what this machine's sources gave; whether anything came."""
        if self._prompts is None:
            return self._reader.step()
        self._prompts.take_prompts()
        came = self._reader.step()
        self._prompts.look(self._clock())
        for batch, captured in self._prompts.take_found():
            self._give(batch, captured)
        return came

    def _perceive_browsers(self) -> bool:
        """Perceive in what browsers sent; whether anything came."""
        if self._browsers is None:
            return False
        came = self._browsers.step()
        for batch, captured in self._browsers.take_found():
            self._give(batch, captured)
        return came

    def _hear(self, ingest: RemoteIngest, seconds: float) -> None:
        for received in ingest.run(seconds):
            batch = received.batch
            if batch.kind in self._kinds:
                self._events[batch.kind] += len(batch)
                self._found.append(Delivery(batch, self._clock(), received))
            else:
                ingest.refuse([received], "kind")
                self._tell_of_refused(received.robot, batch.kind)
        for text in ingest.take_notes():
            self._note(text)
        now = self._clock()
        if now >= self._robots_due:
            self._robots_due = now + ROBOTS_EVERY
            # A robot may be called `camera`.
            states: dict[str, str] = {f"robot/{name}": figures.state for name, figures in ingest.robots().items()}
            for name, state in states.items():
                if self._robots.get(name) != state:
                    self._note(f"{name} {state}")
                    self._stalls[name] += state == "stalled"
            self._robots = states

    def _tell_of_refused(self, robot: str, kind: str) -> None:
        """Say once that events of a kind that a robot sends are not wanted."""
        if (robot, kind) not in self._told and len(self._told) < NOTES:
            self._told.add((robot, kind))
            self._note(
                f"robot/{robot}: its events of {kind} are refused: this run learns nothing from them; "
                "name their senses in learner.modalities"
            )

    def _tell_what_is_not_played(self) -> None:
        names = {source.name for source in self._sources}
        for recording in {source.recording for source in self._sources if isinstance(source, RecordedSource)}:
            for name, kind in recording.kinds.items():
                if name not in names:
                    self._note(f"{name} is recorded ({kind}) and not played: no sense of this run is perceived in it")

    def _changed(self, change: Change) -> None:
        """A source's own thread says that its state has changed."""
        self._stalls[change.source] += change.after == "stalled" != change.before
        again = " again" if change.after == "live" and self._stalls[change.source] else ""
        reason = f" ({change.reason})" if change.reason else ""
        self._note(f"{change.source} {change.after}{again}{reason}")

    def _note(self, text: str) -> None:
        self._unnoted += len(self._notes) == NOTES
        self._notes.append(Note(time.time(), text))
