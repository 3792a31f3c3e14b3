"""One browser that shares its microphone and camera: its clock, its sources, and what is perceived in them."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sensors.browsers import kept_exam, said_letters
from sensors.browsers.feedback import Feedback
from sensors.browsers.host_prompts import HostPrompts, PromptingBrowser
from sensors.browsers.messages import Picture, Sound, number, unpack
from sensors.browsers.prompts import read_prompt
from sensors.browsers.shared_sources import SharedCamera, SharedMicrophone
from sensors.core.clock import ClockEstimator
from sensors.core.errors import WireError
from sensors.core.event import EventBatch
from sensors.perception.perception import Perception, PerceptionConfig
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import AnySource
from sensors.signals.readings import Chunk, Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recorder import Recorder
from sensors.sources.source import Observer

LOOK_BACK = 75
"""Pictures that are kept to look for lips in: 3 s of them."""
REPLIES = 128
"""Messages that wait for a browser; of more the oldest are lost, and counted."""
STATE_EVERY = 1.0
"""Seconds between two messages about how sharing goes."""


class Browser:
    """Takes in the messages of a browser in one thread, and perceives in another.

    Args:
        name: by which it is told from others.
        generation: never used before by a browser of this name.
        perception: how readings become events.
        senses: names of those that are perceived; None: all that can be.
        sensors: bounds and patience of the sources.
        side: longest side of a picture that is taken, pixels.
        give: called with each batch of events, and the monotonic second at which it was captured.
        observer: called at every change of a source's state.
        recorder: records what the sources give; None: nothing is recorded.
        exam: directory to which prompted sessions are written as exam sets; None: none is kept.
        letters: whether letters that are said to prompts become labelled events.
        host: prompts for this machine's own sensors; None: it has none.

    Attributes:
        name: likewise.
        share: the connection that its messages come by; empty while there is none.
        session: of the page in the browser; a new one after the page was loaded again.
        since: monotonic second at which the connection came or went.
    """

    def __init__(
        self,
        name: str,
        generation: int,
        perception: PerceptionConfig,
        senses: list[str] | None,
        sensors: SensorsConfig,
        side: int,
        give: Callable[[EventBatch, float], None],
        observer: Observer,
        recorder: Recorder | None = None,
        exam: str | None = None,
        letters: bool = False,
        host: HostPrompts | None = None,
    ) -> None:
        self.name, self.share, self.session, self.since = name, "", "", time.monotonic()
        self.counts: Counter[str] = Counter()
        self._clock = ClockEstimator()
        self._replies: deque[str] = deque(maxlen=REPLIES)
        self._next_state = 0.0
        self._host = host
        self._feedback = Feedback(self.reply, self._theirs)
        source = f"browser/{name}"
        self._perception = Perception(source, generation, perception, senses, self._feedback)
        self._feedback.follow(self._perception)
        streams = self._perception.streams.values()
        self.microphone = SharedMicrophone(f"{source}/microphone", self._offset, sensors)
        color = any(stream.in_color() for stream in streams if stream.reading is Frame)
        self.camera = SharedCamera(f"{source}/camera", self._offset, sensors, side, color, LOOK_BACK if letters else 0)
        if exam is not None:
            self._feedback.keepers[kept_exam.USE] = kept_exam.KeptExam(
                Path(exam), self._perception.streams, perception, name
            )
        if letters:
            self._feedback.keepers[said_letters.USE] = said_letters.SaidLetters(
                f"prompts/{name}", generation, self.camera.recent, give
            )
        read = {stream.reading for stream in streams}
        self.sources: list[AnySource] = [
            one for one, kind in ((self.microphone, Chunk), (self.camera, Frame)) if kind in read
        ]
        for each in self.sources:
            each.observe(observer)
        self._reader = SourceReader(self.sources, self._perception, give, recorder)

    def begin(self, share: str, session: str) -> None:
        """The page in the browser says hello, by a new connection or after it was loaded again."""
        self.share, self.since = share, time.monotonic()
        if session != self.session:
            # Another page has another clock and other numbers.
            self._clock.reset()
        self.session = session
        # What an earlier connection was not told is no news any more.
        self._replies.clear()
        self.microphone.inbox.begin()
        self.camera.inbox.begin()
        self.reply(
            {
                "type": "welcome",
                "name": self.name,
                "senses": list(self._perception.senses),
                "prompts": list(self._feedback.keepers),
                "host": self._host is not None,
            }
        )

    def end(self, why: str) -> None:
        """The connection is gone; the browser may come again."""
        self.share, self.since = "", time.monotonic()
        self._replies.clear()
        if self._host is not None:
            self._host.leave(self.name, self.since)
        self.microphone.inbox.close(why)
        self.camera.inbox.close(why)

    def hear(self, data: bytes, at: float) -> None:
        """A binary message that arrived at a monotonic second.

        Raises:
            WireError: it is none.
        """
        message = unpack(data)
        if isinstance(message, Sound):
            self.microphone.inbox.put(message, at)
        elif isinstance(message, Picture):
            self.camera.inbox.put(message, at)

    def hear_text(self, told: Mapping[str, Any], at: float) -> None:
        """A JSON message that arrived at a monotonic second.

        Raises:
            WireError: it lacks something.
        """
        if told["type"] == "clock":
            times = [number(dict(told), key) for key in ("sent", "received", "answered", "returned")]
            self._clock.observe(*times)
        elif told["type"] == "prompt":
            self._prompt(told, self._ours(number(dict(told), "at"), at))
        elif told["type"] == "prompt_over":
            over = self._ours(number(dict(told), "at"), at)
            self._feedback.hide(over)
            if self._host is not None:
                self._host.over(self.name, over)
        else:
            self.counts["unknown"] += 1

    def start(self) -> None:
        """Connect its sources."""
        for source in self.sources:
            source.connect(warmup=0)

    def step(self) -> bool:
        """Perceive in what has come; whether anything has."""
        self._feedback.take_prompts()
        came = self._reader.step()
        now = time.monotonic()
        self._feedback.look(now)
        if now >= self._next_state and self.share:
            self._next_state = now + STATE_EVERY
            self.reply(self._state(now))
        return came

    def finish(self) -> None:
        """Decide all that is under way: nothing will follow."""
        self._reader.finish()

    def close(self) -> None:
        """Let go of its threads."""
        for source in self.sources:
            source.disconnect()

    def reply(self, told: Mapping[str, Any]) -> None:
        """Have something told to the browser, if it is there."""
        if not self.share:
            return
        self.counts["unsaid"] += len(self._replies) == REPLIES
        self._replies.append(json.dumps(told, allow_nan=False))

    def take_replies(self) -> list[str]:
        """What is to be told to the browser."""
        return [self._replies.popleft() for _ in range(len(self._replies))]

    @property
    def perceived(self) -> dict[str, int]:
        """Counts of its perception."""
        return self._perception.counts

    def _prompt(self, told: Mapping[str, Any], start: float) -> None:
        """A prompt is shown, for the sensors of the browser or for those of this machine.

        Raises:
            WireError: the message lacks something.
        """
        prompt, of = read_prompt(dict(told), start), told.get("of", "browser")
        if of == "browser":
            self._feedback.show(prompt)
        elif of != "host":
            raise WireError("prompt: `of` is browser or host")
        elif self._host is None:
            self.reply(prompt.answer("this run has no microphone and camera of its own"))
        else:
            self._host.listen(PromptingBrowser(self.name, self.reply, self._theirs), prompt)

    def _ours(self, theirs: float, arrived: float) -> float:
        """A second of the browser's clock on this machine's; where that is not known, when the message arrived."""
        offset = self._offset()
        return arrived if offset is None else min(theirs + offset, arrived)

    def _state(self, now: float) -> dict[str, Any]:
        error = self._clock.error(self._theirs(now))
        return {
            "type": "state",
            "states": {source.name.rpartition("/")[2]: source.state for source in self.sources},
            "given": {source.name.rpartition("/")[2]: source.counts.given for source in self.sources},
            "lost": {source.name.rpartition("/")[2]: source.counts.dropped for source in self.sources},
            "clock_error_s": round(error, 4) if self._clock.exchanges else None,
        }

    def _offset(self) -> float | None:
        return self._clock.offset() if self._clock.ready else None

    def _theirs(self, seconds: float) -> float:
        """A monotonic second of this machine on the browser's clock."""
        return seconds - self._clock.offset()
