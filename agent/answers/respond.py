"""Responses: what is perceived in one modality alone is answered in the others, now and then, by sound and picture.

Events are looked up in replay, after their source was told that they are stored: nothing here can delay
sensing. Of what comes faster than it may be answered the newest is answered, and the rest is counted.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Protocol

from agent.answers.associations import Associations
from agent.answers.response import Response
from agent.config import AnswerConfig
from agent.monitors.monitor import replace_file
from replay.sampler import SampleBatch
from sensors.core.errors import StorageError
from sensors.core.modalities import labelled
from sensors.signals.griffin_lim import write_wav
from sensors.sources.speaker import Speaker

NOTE_EVERY = 30.0
"""Seconds between two lines about responses: the figures count them all."""
LATEST = "response.png"
"""The newest response; a window watches it."""


class ResponderReplay(Protocol):
    """What responding asks of replay."""

    def kinds(self) -> list[str]:
        """Tables that exist now."""

    def inserted(self, kind: str) -> int:
        """Events that the table has taken so far."""

    def newest(self, kind: str, count: int) -> SampleBatch:
        """The newest `count` events of a table."""


class Responder:
    """Answers new single-modality events.

    Args:
        config: settings.
        events: replay; what it holds already is not answered.
        associations: answer.
        samples: directory of PNG and WAV files.
        speaker: plays evoked sounds; None: sounds go to files only.

    Attributes:
        counts: responses `given`, events `skipped` because newer ones came, responses `unwritten`.
    """

    def __init__(
        self,
        config: AnswerConfig,
        events: ResponderReplay,
        associations: Associations,
        samples: Path,
        speaker: Speaker | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._config = config
        self._events = events
        self._associations = associations
        self._samples = samples
        self._speaker = speaker
        self._seen = {kind: events.inserted(kind) for kind in events.kinds()}
        self._waiting = ""
        self._last = self._noted = -1e9
        self._problem = ""
        # Files of an earlier part of the run are kept and counted on.
        self._number = max((int(p.name.split("-")[1]) for p in self._files("png")), default=0)

    def step(self) -> str:
        """Look for new events, and answer one if it is time; a line about it now and then, or empty."""
        if self._speaker is not None and self._speaker.problem != self._problem:
            self._problem = self._speaker.problem
            return f"{self._problem}; sounds go to files only" if self._problem else "the speaker plays again"
        if not self._associations.modalities:
            return ""
        self._look()
        if not self._waiting or time.monotonic() - self._last < self._config.every:
            return ""
        kind, self._waiting = self._waiting, ""
        batch = self._events.newest(kind, 1)
        if not len(batch):
            return ""
        self._last = time.monotonic()
        sample = batch.samples[kind][0]
        evoked = self._associations.evoke(kind, sample)
        response = Response(kind, sample, {name: rows[0] for name, rows in evoked.samples.items()}, evoked.step)
        self.counts["given"] += 1
        return self._give(response)

    def figures(self) -> dict[str, float]:
        """Totals."""
        told = {f"answer/{name}": float(self.counts[name]) for name in ("given", "skipped", "unwritten")}
        if self._speaker is not None:
            told |= {f"speaker/{name}": float(n) for name, n in self._speaker.counts.items()}
        return told

    def _look(self) -> None:
        """Note which table's newest event is to be answered."""
        known = self._associations.modalities
        for kind in self._events.kinds():
            if "+" in kind or kind not in known or labelled(kind):
                continue
            came = self._events.inserted(kind)
            if new := came - self._seen.get(kind, 0):
                self._seen[kind] = came
                self.counts["skipped"] += new - 1 + bool(self._waiting)
                self._waiting = kind

    def _give(self, response: Response) -> str:
        self._number += 1
        wave = response.sound(self._config.longest)
        if wave is not None and self._speaker is not None:
            self._speaker.play(wave)
        place = self._samples / f"response-{self._number:06d}-{response.name}"
        try:
            png = response.png()
            replace_file(place.with_suffix(".png"), png)
            replace_file(self._samples / LATEST, png)
            if wave is not None:
                write_wav(place.with_suffix(".wav"), wave)
            for suffix in ("png", "wav"):
                for old in self._files(suffix)[: -self._config.keep]:
                    old.unlink(missing_ok=True)
        except (OSError, StorageError):
            # A full disk is no reason to fall silent.
            self.counts["unwritten"] += 1
        now = time.monotonic()
        if now - self._noted < NOTE_EVERY:
            return ""
        self._noted = now
        what = f"{response.modality} perceived, {' and '.join(response.evoked)} evoked"
        return f"{what} (step {response.step:,}): {place.name}"

    def _files(self, suffix: str) -> list[Path]:
        return sorted(self._samples.glob(f"response-[0-9]*-*.{suffix}"))
