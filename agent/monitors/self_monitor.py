"""The monitor of a run without labels: examines the learner against itself, on events that it never learned from."""

import time

from agent.algorithms import SMART
from agent.config import MonitorConfig
from agent.exams.consistency import LEAST, LEAST_PAIRS, Clusters, ExamReplay, Probe, examine_self
from agent.monitors.monitor import Findings, InOnePiece
from agent.networks.published import Networks

TITLES = {"match": "match", "cycle": "cycle", "stability": "stability", "reconstruction": "explained"}
"""Figures by what people are told, in this order."""


class SelfMonitor(InOnePiece):
    """Self-consistency exams; there is nothing to train first.

    Args:
        config: settings.
        events: replay.
        share: of events that the learner holds out; 0: it is examined on what it learned from.
        learned_by: name of the algorithm that is examined, whose steps the notes tell.
    """

    ready = True

    def __init__(self, config: MonitorConfig, events: ExamReplay, share: float, learned_by: str = SMART.name) -> None:
        self._learned_by = learned_by
        self.config = config
        self.share = share
        self._events = events
        self._before: dict[str, Clusters] = {}
        self._last_exam = -1e9
        self._waiting = ""

    @property
    def due(self) -> bool:
        """Whether the interval between exams has passed."""
        return time.monotonic() - self._last_exam >= self.config.every

    def train(self, seconds: float) -> Findings:
        """Nothing to train."""
        return Findings()

    def examine(self, networks: Networks, whole: bool = False) -> Findings:
        """One exam: figures 'self/…', and one line about them.

        What too few events were held out for is told by the text 'self/waiting', which is empty once there are enough.

        Args:
            networks: what the learner published.
            whole: call it final.
        """
        self._last_exam = time.monotonic()
        probe = Probe.take(self._events, tuple(networks.sides), self.config.probe, self.share)
        found = examine_self(networks, probe, self._before, self.config.probe_clusters)
        unseen = "held-out" if self.share > 0 else "known"
        waiting = _waiting(found, unseen)
        figures: dict[str, float | str] = {f"self/{name}": value for name, value in found.items()}
        figures |= {"self/waiting": waiting, "examined/self_step": float(networks.step)}
        words = [f"{title} {_words(kind, found)}" for kind, title in TITLES.items() if _of(kind, found)]
        if not words and waiting == self._waiting:
            return Findings(figures)
        self._waiting = waiting
        name = "final self-exam" if whole else "self-exam"
        events = " and ".join(f"{n:.0f} {m}" for m, n in _of("events", found).items())
        words += [waiting] * bool(waiting)
        step = f"{networks.step:,} of {self._learned_by}"
        return Findings(figures, f"{name} at step {step} on {events} {unseen} events: {'; '.join(words)}")


def _waiting(found: dict[str, float], unseen: str) -> str:
    """What there are too few events for, and how many there are; empty where there are enough."""
    few = []
    if found["pairs"] < LEAST_PAIRS:
        few.append(f"match and cycle want {LEAST_PAIRS} {unseen} pairs, there are {found['pairs']:.0f}")
    if short := [f"{count:.0f} {m}" for m, count in _of("events", found).items() if count < LEAST]:
        few.append(f"stability and explained want {LEAST} {unseen} events, there are {' and '.join(short)}")
    return "; ".join(few)


def _of(kind: str, found: dict[str, float]) -> dict[str, float]:
    return {key.removeprefix(f"{kind}_"): value for key, value in found.items() if key.startswith(f"{kind}_")}


def _words(kind: str, found: dict[str, float]) -> str:
    words = []
    for name, value in _of(kind, found).items():
        low, high = found.get(f"low_{kind}_{name}"), found.get(f"high_{kind}_{name}")
        sure = "" if low is None or high is None else f" ({low:.2f}-{high:.2f})"
        words.append(f"{name.replace('_to_', '->')} {value:.2f}{sure}")
    return ", ".join(words)
