"""How consistent the learner is with itself: what can be said of a run in which nobody tells what is right.

* cycle: a picture evokes a sound, and that sound a picture again. How far does its latent come back from where it
  began, in parts of the distance to other events' returns: 0 is the very same, 1 no nearer than to any other.
* match: the share of other events' sounds that are farther from what a picture evokes than its own event's sound,
  in latents: 1 is always the nearest, 1/2 is chance. With n concepts shown equally often it ends near 1 - 1/(2n),
  as the events of one concept are as good as each other.
* stability: how far the clusters of latents are those of the exam before, over the same events (adjusted Rand
  index): 1 is the same, 0 is chance. A learner that still changes its mind has unstable clusters.
* reconstruction: the share of the samples' variance that D(E(x)) explains: 1 is perfect, 0 is as good as the mean
  sample. On events that were held out of training it falls when the learner learns its events by heart.

How sure a match is depends on how many events were held out, and these are few at first: `LEAST_PAIRS` are enough for a
match and a cycle, and the match comes with a 95 % interval (Wilson's, of a share). Pairs of one lesson share a view and
count as one there. The interval is a wide one: an event's match is a share itself, which varies less than yes or no.

None of these says that the learner is right: an agent whose every picture evokes one and the same sound is as stable
as can be. Match and reconstruction unmask it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.events.held_out import held_out
from agent.networks.published import Networks, to_network
from replay.sampler import Keep, SampleBatch
from sensors.core.event import NO_LESSON
from sensors.core.modalities import kind_of, labelled

LEAST = 8
"""Events of a modality without which neither stability nor reconstruction is measured."""
LEAST_PAIRS = 4
"""Co-occurring events without which neither match nor cycle is measured."""
SURE = 1.96
"""Standard errors on each side that make an interval of 95 %."""
SEED = 0
"""Of the clusters' starts, the same at every exam."""
_TABLE_BITS = 48


class ExamReplay(Protocol):
    """What the exam asks of replay."""

    def kinds(self) -> list[str]:
        """Tables that exist now."""

    def newest(self, kind: str, count: int, keep: Keep | None = None) -> SampleBatch:
        """The newest `count` events of a table, of those that `keep` chooses."""


@dataclass(frozen=True)
class Probe:
    """Events that an exam looks at.

    Attributes:
        pairs: modality -> (N, *shape) stored samples of co-occurring events, all of them in every modality; empty
            where there are none.
        single: modality -> (M, *shape) stored samples of all events that have it.
        keys: modality -> (M,) int64, which events these are, over exams.
        lessons: how many lessons the co-occurring events are of.
    """

    pairs: Mapping[str, NDArray[Any]]
    single: Mapping[str, NDArray[Any]]
    keys: Mapping[str, NDArray[np.int64]]
    lessons: int = 0

    @classmethod
    def take(cls, events: ExamReplay, modalities: tuple[str, ...], count: int, share: float) -> "Probe":
        """The newest events of every table that the learner learns from.

        Args:
            events: replay.
            modalities: of the learner.
            count: events of each table.
            share: that is held out of training; these alone are taken, or any events where it is 0.
        """

        def keep(serial: NDArray[np.int64], lesson: NDArray[np.int64]) -> NDArray[np.bool_]:
            return held_out(serial, lesson, share)

        whole = kind_of(modalities)
        pairs: dict[str, NDArray[Any]] = {}
        samples: dict[str, list[NDArray[Any]]] = {}
        keys: dict[str, list[NDArray[np.int64]]] = {}
        lessons = 0
        for kind in events.kinds():
            if labelled(kind) or not set(kind.split("+")) & set(modalities):
                continue
            batch = events.newest(kind, count, keep if share > 0 else None)
            for name in set(kind.split("+")) & set(modalities):
                samples.setdefault(name, []).append(batch.samples[name])
                # A table's number is its name's own: tables that appear later must not move the others'.
                table = sum(1 << modalities.index(m) for m in kind.split("+") if m in modalities)
                keys.setdefault(name, []).append(batch.serial + (table << _TABLE_BITS))
            if kind == whole and len(batch):
                pairs = dict(batch.samples)
                lessons = _lessons(batch.lesson)
        joined = {m: np.concatenate(columns) for m, columns in samples.items()}
        return cls(pairs, joined, {m: np.concatenate(columns) for m, columns in keys.items()}, lessons)


@dataclass
class Clusters:
    """One modality's clusters at the exam before.

    Attributes:
        keys: (N,) int64, sorted, which events.
        labels: (N,) int64, the cluster of each.
    """

    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def examine_self(networks: Networks, probe: Probe, before: dict[str, Clusters], clusters: int) -> dict[str, float]:
    """All figures that the probe allows.

    Args:
        networks: what is examined.
        probe: on which events.
        before: modality -> clusters of the exam before; replaced by those of this one.
        clusters: how many are sought.

    Returns:
        'cycle_<m>', 'match_<m>_to_<other>' with 'low_match_…' and 'high_match_…' (the ends of its 95 % interval),
        'stability_<m>', 'reconstruction_<m>', as far as there are enough events for them; and how many there are in any
        case: 'pairs', 'lessons' (of these pairs) and 'events_<m>'.
    """
    pairs = min((len(stored) for stored in probe.pairs.values()), default=0)
    found: dict[str, float] = {"pairs": float(pairs), "lessons": float(probe.lessons)}
    for m in networks.sides:
        stored = probe.single.get(m)
        found[f"events_{m}"] = 0.0 if stored is None else float(len(stored))
        if stored is None or len(stored) < LEAST:
            continue
        x = to_network(stored, m)
        z = networks.encode(x, m)
        found[f"reconstruction_{m}"] = explained(x, networks.decode(z, m))
        now = _cluster(z, probe.keys[m], clusters)
        if (agreed := agreement(before.get(m, Clusters()), now)) is not None:
            found[f"stability_{m}"] = agreed
        before[m] = now
    if pairs < LEAST_PAIRS:
        return found
    latents = {m: networks.encode(to_network(stored, m), m) for m, stored in probe.pairs.items()}
    for m, z in latents.items():
        for other in latents:
            if other == m:
                continue
            evoked = networks.translate(z, m, other)
            name = f"match_{m}_to_{other}"
            found[name] = match(evoked, latents[other])
            found[f"low_{name}"], found[f"high_{name}"] = interval(found[name], probe.lessons)
            seen = networks.encode(networks.decode(evoked, other), other)
            back = networks.translate(seen, other, m)
            # With more than two modalities there are several ways round: the worst one counts.
            found[f"cycle_{m}"] = max(found.get(f"cycle_{m}", 0.0), remoteness(z, back))
    return found


def remoteness(z: Tensor, back: Tensor) -> float:
    """Mean distance from each z (N, L) to its own `back`, in parts of the mean distance to the others'."""
    distance = torch.cdist(z, back)
    own = float(distance.diagonal().mean())
    count = len(z)
    others = float((distance.sum() - distance.diagonal().sum()) / (count * (count - 1)))
    return own / max(others, 1e-12)


def match(guess: Tensor, truth: Tensor) -> float:
    """Share of others' truths (N, L) that lie farther from a guess than its own; as near counts half."""
    distance = torch.cdist(guess, truth)
    own = distance.diagonal()[:, None]
    count = len(guess)
    # Each row holds its own truth, which is as near as itself.
    farther = float((distance > own).sum()) + 0.5 * (float((distance == own).sum()) - count)
    return farther / (count * (count - 1))


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (0…1) that was measured over `count` >= 1 independent events."""
    weight = SURE**2 / count
    centre = (share + weight / 2) / (1 + weight)
    half = sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def explained(x: Tensor, y: Tensor) -> float:
    """Share of the variance of x (N, *shape) about its mean sample that y explains; below 0: worse than the mean."""
    total = float((x - x.mean(0)).square().sum())
    return 1 - float((x - y).square().sum()) / max(total, 1e-12)


def agreement(before: Clusters, now: Clusters) -> float | None:
    """Adjusted Rand index over the events of both; None where these are too few."""
    from sklearn.metrics import adjusted_rand_score

    _, ours, theirs = np.intersect1d(now.keys, before.keys, assume_unique=True, return_indices=True)
    if len(ours) < LEAST:
        return None
    return float(adjusted_rand_score(before.labels[theirs], now.labels[ours]))


def _lessons(lesson: NDArray[np.int64]) -> int:
    """How many lessons these events (N,) are of; one without a lesson counts as a lesson of its own."""
    alone = int((lesson == NO_LESSON).sum())
    return len(np.unique(lesson[lesson != NO_LESSON])) + alone


def _cluster(z: Tensor, keys: NDArray[np.int64], clusters: int) -> Clusters:
    # Seconds to import: those of the first exam, not of the start.
    from sklearn.cluster import KMeans

    order = np.argsort(keys, kind="stable")
    count = max(2, min(clusters, len(z) // 4))
    labels = KMeans(count, n_init=4, random_state=SEED).fit_predict(z.numpy()[order])
    return Clusters(keys[order], labels.astype(np.int64))
