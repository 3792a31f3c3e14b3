"""Contrastive learning: one tower a modality, trained so that samples of one event lie close in one common space.

    e_S(x) = W_S E_S(x) / |W_S E_S(x)|                                                    (a tower)

E_S is the encoder of SMART's autoencoder of modality S, W_S a linear map. For B events in which S and T co-occur,

    s_ij = e_S(x_S,i) . e_T(x_T,j) / tau
    L_S->T = -1/B sum_i log( exp(s_ii) / sum_(j in N(i)) exp(s_ij) )                      (InfoNCE)
    L = 1/2 (L_S->T + L_T->S)                                                             (symmetric, as in CLIP)

is minimised over both towers and tau. With more than two modalities in an event, L is the mean over all pairs of them.

N(i) is i itself and the events of other lessons. Only an event's own partner counts as belonging to it. The other
events of its lesson in the batch likely belong to it, too. A lesson is no label: it is what the source itself says of
its events. They are no counterexamples, so they are left out of the sum. Events without a lesson are all different.

Batches, small moves, warm-up, averaging and cool-down are SMART's; here the samples of all modalities are moved, as all
towers learn at once. Events of a single modality are not used. There is no decoder, so nothing can be evoked: what a
sample means is asked for by `nearest`.

InfoNCE: van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding, 2018.
The symmetric form with a learned temperature: Radford et al., Learning Transferable Visual Models From Natural Language
Supervision (CLIP), 2021.
"""

import copy
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agent.algorithms import CONTRASTIVE, Algorithm, Setup
from agent.config import ContrastiveConfig
from agent.events.batches import draw, follow, load, modalities_of, rate_factor
from agent.networks.augment import Augment
from agent.networks.build import build_autoencoder
from agent.networks.published import Networks, build_sides, in_pieces
from agent.networks.weights import check_sizes, load_module, load_optimiser, optimiser_state, place, set_rate
from agent.smart.contrast import leave_out_lessons
from sensors.core.errors import StateError
from sensors.core.modalities import modality
from sensors.core.state import StateDict, check_state

COLDEST = 0.01
"""Lowest temperature that is learned, as in CLIP: below it a step can be ruined by one pair."""


class Tower(nn.Module):
    """e_S: the encoder of one modality and a linear map into the common space.

    Shapes: x (B, *modality.shape) float in 0…1; e (B, width), each row of length 1.
    """

    def __init__(self, name: str, preset: str, latent: int, width: int) -> None:
        super().__init__()
        self.encoder = build_autoencoder(modality(name), preset, latent).encoder
        self.norm = nn.LayerNorm(latent, elementwise_affine=False)
        self.head = nn.Linear(latent, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings of a batch."""
        e: Tensor = self.head(self.norm(self.encoder(x).float()))
        return F.normalize(e.float(), dim=1)


class Towers(nn.Module):
    """All towers, and log(1 / tau)."""

    def __init__(self, names: tuple[str, ...], preset: str, latent: int, config: ContrastiveConfig) -> None:
        super().__init__()
        self.towers = nn.ModuleDict({m: Tower(m, preset, latent, config.width) for m in names})
        self.scale = nn.Parameter(torch.tensor(-math.log(config.temperature)), config.learn_temperature)


def info_nce(ours: Tensor, theirs: Tensor, lesson: Tensor, scale: Tensor) -> Tensor:
    """The symmetric loss L of one pair of modalities.

    Args:
        ours: e_S of the batch, (B, width), rows of length 1.
        theirs: e_T of the same events.
        lesson: (B,) int64, `NO_LESSON` for none.
        scale: 1 / tau.

    Returns:
        A scalar.
    """
    s = leave_out_lessons(ours @ theirs.T * scale, lesson)
    truth = torch.arange(len(s), device=s.device)
    return (F.cross_entropy(s, truth) + F.cross_entropy(s.T, truth)) / 2


class Contrastive(Algorithm):
    """The towers over a replay, one `step` at a time.

    Args:
        setup: settings of the learner and of section `contrastive`, replay, hardware and seed.

    Attributes:
        steps: steps so far.

    Raises:
        ConfigError: fewer than two modalities, or one of them is a label.
    """

    VERSION = 1
    declared = CONTRASTIVE

    def __init__(self, setup: Setup) -> None:
        self.config = setup.config
        super().__init__(modalities_of(self.config))
        kind = self.declared.settings
        if kind is None or not issubclass(kind, ContrastiveConfig):
            kind = ContrastiveConfig
        # A class that is derived from this one may have settings that are derived from these.
        self.own: ContrastiveConfig = kind.from_dict(setup.sections.get(self.name, {}))
        self.replay, self.device = setup.replay, setup.hardware.device
        self.dtype = torch.bfloat16 if setup.hardware.precision == "bfloat16" else None
        torch.manual_seed(setup.seed)
        self.model = place(Towers(self.modalities, self.config.preset, self.config.latent, self.own), self.device)
        self.averages = copy.deepcopy(self.model).requires_grad_(False).eval()
        # Decay would draw the temperature towards 1.
        alone: dict[str, Any] = {"params": [self.model.scale], "weight_decay": 0.0}
        self.optimiser = torch.optim.AdamW(
            [{"params": list(self.model.towers.parameters())}, alone],
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=True,
        )
        self.augment = Augment(self.config, setup.seed)
        self.steps = 0
        # The table of the present turn, and how many steps of it are done.
        self._kind, self._done = "", 0

    @property
    def state_device(self) -> torch.device:
        """Where it computes."""
        return self.device

    @property
    def turn(self) -> str:
        """As 'audio=image': samples of both are brought together."""
        return self._kind.replace("+", "=")

    @property
    def version(self) -> int:
        """Steps so far."""
        return self.steps

    @property
    def temperature(self) -> float:
        """Tau."""
        return math.exp(-float(self.model.scale.detach()))

    def describe(self) -> list[str]:
        """One line: sizes."""
        count = sum(p.numel() for p in self.model.parameters())
        return [
            f"contrastive over {', '.join(self.modalities)}: {count / 1e6:.1f} M parameters, "
            f"batches of {self.config.batch}, a common space of {self.own.width} dimensions"
        ]

    def step(self) -> dict[str, Tensor] | None:
        """One step on a batch of co-occurring events; None when no table holds enough of them.

        Returns:
            'contrastive/<S>+<T>' -> L of each pair of modalities in the events.
        """
        if not self._choose():
            return None
        x, lesson = load(draw(self.replay, self._kind, self.config), self.modalities, self.device)
        x = {m: self.augment.observe(samples, modality(m), self.steps) for m, samples in x.items()}
        self.model.train()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            e = {m: self.model.towers[m](samples) for m, samples in x.items()}
        scale = self.model.scale.exp()
        losses = {f"{self.name}/{s}+{t}": info_nce(e[s], e[t], lesson, scale) for s, t in itertools.combinations(e, 2)}
        set_rate(self.optimiser, self.config.learning_rate * rate_factor(self.config, self.steps, self.remaining))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).mean())
        self.optimiser.step()
        with torch.no_grad():
            self.model.scale.clamp_(max=-math.log(COLDEST))
        self.steps += 1
        self._done += 1
        follow(self.averages, self.model, self.config.average, self.steps)
        return {name: loss.detach() for name, loss in losses.items()}

    def _choose(self) -> bool:
        """Keep to a table for the steps of a turn, then take the one that asks most; false when none holds enough."""
        if self._kind and self._done < self.config.turn_steps:
            return True
        ready = [k for k in self.replay.kinds() if self.usable(k) and self.replay.size(k) >= self.config.min_events]
        self._kind, self._done = max(ready, key=self.replay.deficit, default=""), 0
        return bool(self._kind)

    def waiting(self) -> str:
        """Why there is no step."""
        sizes = {k: self.replay.size(k) for k in self.replay.kinds() if self.usable(k)}
        if not sizes:
            return "replay holds no co-occurring events yet"
        return "; ".join(f"replay holds {n} of {self.config.min_events} {k} events" for k, n in sizes.items())

    def figures(self) -> dict[str, float]:
        """The temperature."""
        return {f"{self.name}/temperature": self.temperature}

    def publish(self, version: int) -> dict[str, Any] | None:
        """The averaged towers, or None when there is nothing newer than step `version`."""
        if self.steps <= version:
            return None
        held = {"steps": self.steps, "preset": self.config.preset, "latent": self.config.latent}
        averages = {"modalities": list(self.modalities), "averages": self.averages.state_dict()}
        return published({**held, **averages}, self.name)

    def state_dict(self) -> StateDict:
        """Weights, averages, moments, random state and the table of the turn."""
        return {
            "version": self.VERSION,
            "preset": self.config.preset,
            "latent": self.config.latent,
            "modalities": list(self.modalities),
            "steps": self.steps,
            "turn": [self._kind, self._done],
            "model": dict(self.model.state_dict()),
            "averages": dict(self.averages.state_dict()),
            "optimiser": optimiser_state(self.optimiser),
            "augment": self.augment.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: a part is missing or unknown, or was saved with other modalities or sizes.
        """
        keys = {"preset", "latent", "modalities", "steps", "turn", "model", "averages", "optimiser", "augment"}
        check_state(state, keys, self.VERSION, self.name)
        check_sizes(state, self.config)
        if tuple(state["modalities"]) != self.modalities:
            raise StateError(f"{self.name}: saved for {state['modalities']}, this run has {list(self.modalities)}")
        load_module(self.model, state["model"], self.name)
        load_module(self.averages, state["averages"], f"{self.name} average")
        load_optimiser(self.optimiser, state["optimiser"], self.name)
        self.augment.load_state_dict(state["augment"])
        self.steps = int(state["steps"])
        self._kind, self._done = str(state["turn"][0]), int(state["turn"][1])


def published(state: Mapping[str, Any], name: str = CONTRASTIVE.name) -> dict[str, Any]:
    """What contrastive learning hands out of a state, as `Contrastive.state_dict` gives it: the averaged towers.

    Args:
        state: with steps, preset, latent, modalities and averages.
        name: of the algorithm, as a class that is derived from `Contrastive` has another one.
    """
    arrays = {
        key.removeprefix("towers.").replace(".", "/", 1): tensor.detach().float().cpu().numpy().copy()
        for key, tensor in state["averages"].items()
        if key.startswith("towers.")
    }
    width = {len(arrays[f"{m}/head.weight"]) for m in state["modalities"]}.pop()
    return {
        "algorithm": name,
        "version": int(state["steps"]),
        "step": int(state["steps"]),
        "preset": state["preset"],
        "latent": int(state["latent"]),
        "width": width,
        "modalities": list(state["modalities"]),
        "arrays": arrays,
    }


@dataclass(frozen=True)
class JointNetworks(Networks):
    """The published towers: every modality's latents lie in the common space.

    Attributes:
        step: step at which they were published.
        sides: modality -> its tower, in evaluation mode.
    """

    step: int
    sides: Mapping[str, Tower]
    decodes = False

    @classmethod
    def build(cls, published: Mapping[str, Any]) -> "JointNetworks":
        """From what `Contrastive.publish` handed out.

        Raises:
            StateError: arrays are missing, unknown or of another shape.
        """
        sizes = published["preset"], published["latent"], published["width"]
        return cls(int(published["step"]), build_sides(published, lambda m: Tower(m, *sizes)))

    def encode(self, x: Tensor, source: str) -> Tensor:
        """Embeddings (N, width) of samples (N, *shape) float 0…1 of `source`."""
        return in_pieces(self.sides[source], x)

    def translate(self, z: Tensor, source: str, target: str) -> Tensor:
        """The same embeddings: all modalities share one space."""
        return z

    def decode(self, z: Tensor, target: str) -> Tensor:
        """Nothing can be generated.

        Raises:
            StateError: always.
        """
        raise StateError(
            "contrastive learning has no decoder: it finds samples that belong together and generates none;\n"
            "to evoke sounds and pictures, learn with --learn smart"
        )
