"""All browsers that share with a run: which connection is whose, and what their messages become.

The page passes on what comes by its connections, and takes along what is to be told to each. It is never waited for,
and waits for nothing here: `exchange` only sorts messages.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

from sensors.browsers.browser import Browser
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.browsers.host_prompts import HostPrompts
from sensors.browsers.messages import VERSION, unpack_text
from sensors.core.errors import WireError
from sensors.core.event import EventBatch
from sensors.perception.perception import PerceptionConfig
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recorder import Recorder
from sensors.sources.source import Observer

LONGEST_NAME = 32
"""Bytes of a browser's name in UTF-8."""
MOST_NAMES = 256
"""Names that are taken in the life of one process: each has figures of its own."""
TAB_CLOSED = "the tab was closed, or its connection is lost"
"""Why a browser's sources stall."""


class Message(NamedTuple):
    """What came by a connection.

    Attributes:
        share: the connection.
        at: monotonic second at which it came.
        text: whether it is JSON.
        data: its bytes; None: the connection has ended.
    """

    share: str
    at: float
    text: bool
    data: bytes | None


class Browsers:
    """Sorts messages in any thread; perceives in one.

    Args:
        config: bounds.
        perception: how readings become events.
        senses: names of those that are perceived; None: all that can be.
        sensors: bounds and patience of the sources.
        generation: never used before by this machine's events.
        recorder: records what the sources give; None: nothing is recorded.
        letters: whether letters that are said to prompts become labelled events.
        host: prompts for this machine's own sensors; None: it has none.

    Attributes:
        observer: called at every change of a source's state, in the source's own thread.
    """

    def __init__(
        self,
        config: BrowsersConfig,
        perception: PerceptionConfig,
        senses: list[str] | None,
        sensors: SensorsConfig,
        generation: int,
        recorder: Recorder | None = None,
        letters: bool = False,
        host: HostPrompts | None = None,
    ) -> None:
        self._config, self._perception, self._senses, self._sensors = config, perception, senses, sensors
        self._generation, self._recorder = generation, recorder
        self._letters, self._host = letters, host
        self.observer: Observer = lambda change: None
        self._lock = threading.Lock()
        self._browsers: dict[str, Browser] = {}
        self._shares: dict[str, Browser] = {}
        self._names: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._found: deque[tuple[EventBatch, float]] = deque()
        self._gone: list[Browser] = []

    def exchange(self, messages: Sequence[Message]) -> list[tuple[str, str]]:
        """Take messages in, and give what is to be told: connections and JSON texts."""
        replies: list[tuple[str, str]] = []
        with self._lock:
            for message in messages:
                try:
                    self._take(message, replies)
                except WireError as error:
                    self._refused["damaged"] += 1
                    if message.text:
                        replies.append((message.share, _away(str(error))))
            for share, browser in self._shares.items():
                replies += [(share, text) for text in browser.take_replies()]
        return replies

    def step(self) -> bool:
        """Perceive in what has come; whether anything has."""
        with self._lock:
            browsers = list(self._browsers.values())
            gone, self._gone = self._gone, []
        for browser in gone:
            browser.close()
        return any([browser.step() for browser in browsers])

    def take_found(self) -> list[tuple[EventBatch, float]]:
        """Events that were made, each batch with the monotonic second at which it was captured."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def finish(self) -> None:
        """Give everything back, and decide all that is under way."""
        for browser in self._all():
            browser.finish()

    def close(self) -> None:
        """Let go of all threads."""
        for browser in self._all():
            browser.close()

    @property
    def sharing(self) -> bool:
        """Whether any browser shares now."""
        return bool(self._shares)

    @property
    def states(self) -> dict[str, str]:
        """Where each browser's sources stand."""
        return {source.name: source.state for browser in self._all() for source in browser.sources}

    def figures(self) -> dict[str, float]:
        """Totals, as `LiveRig.figures` has them."""
        found: Counter[str] = Counter()
        for browser in self._all():
            for source in browser.sources:
                counts = source.counts
                found[f"read/{source.name}"] = counts.read
                found[f"reconnects/{source.name}"] = counts.reconnects
                found.update({f"lost/{source.name}/{reason}": n for reason, n in counts.dropped.items()})
            found.update({f"perceived/{what}": n for what, n in browser.perceived.items()})
            found.update({f"lost/browser/{browser.name}/{what}": n for what, n in browser.counts.items() if n})
        found.update({f"refused/browser_{reason}": n for reason, n in self._refused.items()})
        return {name: float(n) for name, n in found.items()}

    def _all(self) -> list[Browser]:
        with self._lock:
            return list(self._browsers.values())

    def _take(self, message: Message, replies: list[tuple[str, str]]) -> None:
        browser = self._shares.get(message.share)
        if message.data is None:
            if browser is not None:
                self._part(message.share, browser)
            return
        if not message.text:
            if browser is None:
                # This process is another one than that which the browser said hello to.
                self._refused["strange"] += 1
                replies.append((message.share, '{"type": "who"}'))
            else:
                browser.hear(message.data, message.at)
            return
        told = unpack_text(message.data)
        if told["type"] == "hello":
            self._greet(message.share, told, replies)
        elif browser is not None:
            browser.hear_text(told, message.at)
        else:
            replies.append((message.share, '{"type": "who"}'))

    def _greet(self, share: str, told: dict[str, object], replies: list[tuple[str, str]]) -> None:
        """A browser introduces itself."""
        if told.get("version") != VERSION:
            raise WireError(f"hello: version {told.get('version')!r:.20}; this program speaks {VERSION}")
        name, session = told.get("name"), told.get("session")
        if not isinstance(name, str) or not _is_name(name):
            raise WireError(f"hello: a name is 1…{LONGEST_NAME} bytes of printable text without '/'")
        if not isinstance(session, str) or not 1 <= len(session) <= 64:
            raise WireError("hello: no session")
        browser, known = self._browsers.get(name), name in self._browsers
        if browser is None:
            if why := self._make_room(name):
                self._refused["crowded"] += 1
                replies.append((share, _away(why)))
                return
            browser = self._make(name)
        before = self._shares.get(share)
        if before is not None and before is not browser:
            self._part(share, before)
        if browser.share and browser.share != share:
            replies.append((browser.share, _away(f"another tab shares as {name!r}; give this one another name")))
            del self._shares[browser.share]
        self._shares[share] = browser
        browser.begin(share, session)
        if not known:
            browser.start()

    def _make(self, name: str) -> Browser:
        # A browser that was forgotten and comes again must not take its ids again.
        generation = max(time.time_ns() // 1_000_000, self._generation)
        browser = Browser(
            name,
            generation,
            self._perception,
            self._senses,
            self._sensors,
            self._config.side,
            lambda batch, captured: self._found.append((batch, captured)),
            lambda change: self.observer(change),
            self._recorder,
            self._config.exam,
            self._letters,
            self._host,
        )
        self._names.add(name)
        self._browsers[name] = browser
        return browser

    def _make_room(self, name: str) -> str:
        """Forget the browser that has been gone longest, where there are too many; why there is no room, if so."""
        if name not in self._names and len(self._names) >= MOST_NAMES:
            return f"{MOST_NAMES} names have shared with this run already; take one of them"
        if len(self._browsers) < self._config.most:
            return ""
        absent = [browser for browser in self._browsers.values() if not browser.share]
        if not absent:
            return f"{self._config.most} browsers share already; close one of them"
        oldest = min(absent, key=lambda browser: browser.since)
        del self._browsers[oldest.name]
        self._gone.append(oldest)
        return ""

    def _part(self, share: str, browser: Browser) -> None:
        self._shares.pop(share, None)
        if browser.share == share:
            browser.end(TAB_CLOSED)


def _is_name(name: str) -> bool:
    return name.isprintable() and "/" not in name and name == name.strip() and 1 <= len(name.encode()) <= LONGEST_NAME


def _away(why: str) -> str:
    return json.dumps({"type": "away", "why": why})
