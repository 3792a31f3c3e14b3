"""Guides: the frozen latents that one modality gives another as its target (Eq. 1-2, z with index m_c,k or n_c,k).

The papers ask for 'the representation closest to the centre of its cluster', frozen for the turn, and leave open how
clusters are found without labels. Three strategies answer; none of them sees a label:

* `pair`: the co-occurring sample's own latent. Of many partners the norm's minimum is their median, which a minority
  of wrong ones hardly moves: the transcoder finds the middle of the concept by itself;
* `lesson`: the medoid of the event's lesson, in the batch at hand;
* `cluster`: recent events are clustered in both latent spaces together, and each cluster's guide in a space is the
  real latent closest to its centre there. Two modalities vote on what belongs together, so confusions that only one
  of them makes are outvoted. An event is clustered as it was encoded when it was last learned from, at most
  `bank / batch` steps ago; encoding the whole bank anew before each turn would cost a fifth of the learner's time.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from agent.config import GuideConfig
from sensors.core.errors import StateError
from sensors.core.event import NO_LESSON
from sensors.core.state import StateDict, check_state


class Guides(Protocol):
    """What SMART asks of a strategy."""

    def observe(self, latents: Mapping[str, Tensor]) -> None:
        """Note one batch of co-occurring latents, modality -> (B, latent), of two modalities or more."""

    def refresh(self) -> None:
        """Choose new guides; called between turns and never within one."""

    def targets(self, latents: Mapping[str, Tensor], lesson: Tensor) -> dict[str, Tensor]:
        """The guide of every event in every modality: modality -> (B, latent); empty while there is none yet."""

    def state_dict(self) -> StateDict:
        """Everything a resumed run needs."""

    def load_state_dict(self, state: StateDict) -> None:
        """Restore `state_dict`."""


def build_guides(config: GuideConfig, modalities: tuple[str, ...], latent: int, seed: int) -> Guides:
    """The configured strategy."""
    if config.guides == "cluster":
        return ClusterGuides(config, modalities, latent, seed)
    return LessonGuides() if config.guides == "lesson" else PairGuides()


class PairGuides:
    """Each event's guide is its own partner's latent."""

    VERSION = 1

    def observe(self, latents: Mapping[str, Tensor]) -> None:
        """Nothing to note."""

    def refresh(self) -> None:
        """Nothing to choose."""

    def targets(self, latents: Mapping[str, Tensor], lesson: Tensor) -> dict[str, Tensor]:
        """The latents themselves."""
        return dict(latents)

    def state_dict(self) -> StateDict:
        """No state."""
        return {"version": self.VERSION}

    def load_state_dict(self, state: StateDict) -> None:
        """No state."""
        check_state(state, set(), self.VERSION, type(self).__name__)


class LessonGuides(PairGuides):
    """Each event's guide is the medoid of its lesson's events in the batch."""

    def targets(self, latents: Mapping[str, Tensor], lesson: Tensor) -> dict[str, Tensor]:
        """Medoids by lesson; an event without a lesson keeps its own partner."""
        alone = lesson == NO_LESSON
        _, group = torch.unique(lesson, return_inverse=True)
        count = int(group.max()) + 1
        out = {}
        for name, z in latents.items():
            medoid = _medoids(z, group, count)[group]
            out[name] = torch.where(alone[:, None], z, z[medoid])
        return out


class ClusterGuides:
    """Clusters of recent events over all latent spaces together; one medoid in each space for each cluster."""

    VERSION = 1

    def __init__(self, config: GuideConfig, modalities: tuple[str, ...], latent: int, seed: int) -> None:
        self.config = config
        self.modalities = modalities
        self.latent = latent
        self.iterations = config.iterations
        self.generator = torch.Generator().manual_seed(seed)
        self.bank = torch.zeros(0)
        self.filled = 0
        self.next = 0
        self.centres = torch.zeros(0)
        self.guides: dict[str, Tensor] = {}

    def observe(self, latents: Mapping[str, Tensor]) -> None:
        """Keep the newest `config.bank` events' latents, side by side; events that lack a modality are passed over."""
        if not all(m in latents for m in self.modalities):
            return
        joint = torch.cat([latents[m] for m in self.modalities], 1)
        if not self.bank.numel():
            self.bank = torch.zeros(self.config.bank, joint.shape[1], device=joint.device)
        rows = (self.next + torch.arange(len(joint), device=joint.device)) % self.config.bank
        self.bank[rows] = joint
        self.next = (self.next + len(joint)) % self.config.bank
        self.filled = min(self.filled + len(joint), self.config.bank)

    def refresh(self) -> None:
        """Lloyd's iterations from the last centres, then medoids; needs twice as many events as clusters."""
        k = self.config.clusters
        if self.filled < 2 * k:
            return
        points = self.bank[: self.filled]
        if not self.centres.numel():
            self.centres = self._seeds(points, k)
        for _ in range(self.iterations):
            nearest = _nearest(points, self.centres)
            self.centres, counts = _means(points, nearest, k, self.centres)
            if empty := int((counts == 0).sum()):
                self.centres[counts == 0] = self._pick(points, empty)
        nearest = _nearest(points, self.centres)
        for i, name in enumerate(self.modalities):
            part = points[:, i * self.latent : (i + 1) * self.latent]
            own = self.centres[:, i * self.latent : (i + 1) * self.latent]
            chosen = _medoids(part, nearest, k)
            # A cluster that lost all its events keeps no medoid; its centre stands in until the next refresh.
            some = torch.bincount(nearest, minlength=k) > 0
            self.guides[name] = torch.where(some[:, None], part[chosen], own)

    def assign(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Cluster number of each event, (B,) int64, by the modalities that it has."""
        present = [(i, m) for i, m in enumerate(self.modalities) if m in latents]
        centres = [self.centres[:, i * self.latent : (i + 1) * self.latent] for i, _ in present]
        return _nearest(torch.cat([latents[m] for _, m in present], 1), torch.cat(centres, 1))

    def targets(self, latents: Mapping[str, Tensor], lesson: Tensor) -> dict[str, Tensor]:
        """Medoids of each event's cluster; nothing before the first refresh."""
        if not self.guides:
            return {}
        cluster = self.assign(latents)
        return {name: self.guides[name][cluster] for name in latents}

    def _pick(self, points: Tensor, count: int) -> Tensor:
        rows = torch.randint(len(points), (count,), generator=self.generator)
        return points[rows.to(points.device)]

    def _seeds(self, points: Tensor, count: int) -> Tensor:
        """k-means++: each new centre is drawn in proportion to the squared distance from those chosen."""
        centres = self._pick(points, 1)
        far = (points - centres).square().sum(1)
        for _ in range(count - 1):
            row = int(torch.multinomial(far.cpu() + 1e-9, 1, generator=self.generator))
            centres = torch.cat([centres, points[row : row + 1]])
            far = torch.minimum(far, (points - points[row]).square().sum(1))
        return centres

    def state_dict(self) -> StateDict:
        """Bank, centres, guides and the random generator."""
        return {
            "version": self.VERSION,
            "sizes": {"bank": self.config.bank, "clusters": self.config.clusters},
            "bank": self.bank[: self.filled].clone(),
            "next": self.next,
            "centres": self.centres.clone(),
            "guides": {name: g.clone() for name, g in self.guides.items()},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: StateDict) -> None:
        """Restore exactly.

        Raises:
            StateError: saved with another number of clusters or another size of the bank.
        """
        keys = {"sizes", "bank", "next", "centres", "guides", "generator"}
        check_state(state, keys, self.VERSION, "ClusterGuides")
        for name in ("bank", "clusters"):
            saved, ours = state["sizes"][name], getattr(self.config, name)
            if saved != ours:
                raise StateError(
                    f"guides: saved with learner.{name}={saved}, this run has {ours}; "
                    f"resume with --set learner.{name}={saved}"
                )
        held: Tensor = state["bank"]
        self.filled = len(held)
        self.bank = torch.zeros(0)
        if self.filled:
            self.bank = torch.zeros(self.config.bank, held.shape[1], device=held.device)
            self.bank[: self.filled] = held
        self.next = int(state["next"])
        self.centres = state["centres"].clone()
        self.guides = {name: g.clone() for name, g in state["guides"].items()}
        self.generator.set_state(state["generator"].cpu())


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    # |p - c|^2 without |p|^2, which is the same for every c: one matrix product instead of a (B, K, D) difference.
    return (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)


def _means(points: Tensor, nearest: Tensor, k: int, fallback: Tensor) -> tuple[Tensor, Tensor]:
    counts = torch.bincount(nearest, minlength=k)
    sums = torch.zeros_like(fallback).index_add_(0, nearest, points)
    means = sums / counts.clamp(min=1)[:, None]
    return torch.where(counts[:, None] > 0, means, fallback), counts


def _medoids(z: Tensor, group: Tensor, count: int) -> Tensor:
    """Row of the member closest to its group's mean, (count,) int64; 0 for an empty group."""
    means, _ = _means(z, group, count, torch.zeros(count, z.shape[1], device=z.device))
    far = (z - means[group]).square().sum(1)
    order = torch.argsort(far, descending=True, stable=True)
    chosen = torch.zeros(count, dtype=torch.int64, device=z.device)
    # Written in order of falling distance, so that the closest member is written last. One row at a time where the
    # device does not promise the order of repeated writes.
    chosen = chosen.scatter_reduce(0, group[order], torch.arange(len(z), device=z.device), "amax", include_self=True)
    return order[chosen]
