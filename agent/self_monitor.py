"""The monitor of a run without labels: examines the learner against itself, on events that it never learned from."""

import time

from agent.config import MonitorConfig
from agent.consistency import Clusters, Events, Probe, examine_self
from agent.inference import Networks
from agent.monitor import Findings

TITLES = {"match": "match", "cycle": "cycle", "stability": "stability", "reconstruction": "explained"}
"""Figures by what people are told, in this order."""


class SelfMonitor:
    """Self-consistency exams; there is nothing to train first.

    Args:
        config: settings.
        events: replay.
        share: of events that the learner holds out; 0: it is examined on what it learned from.
    """

    ready = True

    def __init__(self, config: MonitorConfig, events: Events, share: float) -> None:
        self.config = config
        self.share = share
        self._events = events
        self._before: dict[str, Clusters] = {}
        self._last_exam = -1e9

    @property
    def due(self) -> bool:
        """Whether the interval between exams has passed."""
        return time.monotonic() - self._last_exam >= self.config.every

    def train(self, seconds: float) -> Findings:
        """Nothing to train."""
        return Findings()

    def examine(self, networks: Networks, whole: bool = False) -> Findings:
        """One exam: figures 'self/…', and one line about them.

        Args:
            networks: what the learner published.
            whole: call it final.
        """
        self._last_exam = time.monotonic()
        probe = Probe.take(self._events, tuple(networks.sides), self.config.probe, self.share)
        found = examine_self(networks, probe, self._before, self.config.probe_clusters)
        if not found:
            return Findings()
        figures: dict[str, float | str] = {f"self/{name}": value for name, value in found.items()}
        figures["examined/self_step"] = float(networks.step)
        name = "final self-exam" if whole else "self-exam"
        events = " and ".join(f"{n:.0f} {m}" for m, n in _of("events", found).items())
        unseen = "held-out" if self.share > 0 else "known"
        words = [f"{title} {_words(_of(kind, found))}" for kind, title in TITLES.items() if _of(kind, found)]
        return Findings(figures, f"{name} at step {networks.step:,} on {events} {unseen} events: {'; '.join(words)}")


def _of(kind: str, found: dict[str, float]) -> dict[str, float]:
    return {key.removeprefix(f"{kind}_"): value for key, value in found.items() if key.startswith(f"{kind}_")}


def _words(values: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_to_', '->')} {value:.2f}" for name, value in values.items())
