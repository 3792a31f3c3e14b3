"""SMART: autoencoders whose latent spaces guide each other in turns (Eq. 1 and 2).

For one side's turn (image learns from audio; the audio turn is its mirror), over a batch of B co-occurring events:

    L_I->A = sum_n ||x_I,n - D_I(E_I(x_I,n))|| + lambda ||z_A,c(n) - T_I->A(E_I(x_I,n))||          (Eq. 1)

is minimised over E_I, D_I and T_I->A. z_A,c(n) is the guide: the frozen representation closest to the centre of the
cluster that event n belongs to. Everything of the other side stays as it is. With more than two modalities the second
term is summed over the others. Single-modality events contribute only the first term.

We divide the sum by B, so that the learning rate does not depend on the batch size.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agent.config import GuideConfig, NetworkConfig, SmartConfig
from agent.events.batches import follow
from agent.networks.autoencoder import Autoencoder, Transcoder
from agent.networks.build import build_autoencoder
from agent.networks.weights import adamw, load_module, load_optimiser, optimiser_state, place, set_rate
from agent.networks.whitening import Whitening, recalibrate
from agent.smart.contrast import contrast
from agent.smart.guides import build_guides
from agent.smart.modes import mode_weights
from sensors.core.errors import ConfigError, StateError
from sensors.core.modalities import modality
from sensors.core.state import StateDict, check_state


class Side(nn.Module):
    """Everything that one modality's turn trains: E, D, and T to each other modality."""

    def __init__(self, name: str, others: tuple[str, ...], network: NetworkConfig) -> None:
        super().__init__()
        self.name = name
        self.autoencoder: Autoencoder = build_autoencoder(modality(name), network.preset, network.latent)
        self.transcoders = nn.ModuleDict({other: Transcoder(network.latent) for other in others})


class Smart:
    """The networks of all modalities and their reciprocating update.

    Args:
        modalities: two or more registered names.
        network: sizes.
        config: the update.
        guide: where guides come from.
        device: where tensors live.
        precision: 'float32' or 'bfloat16' (autocast; parameters stay float32).
        seed: of the weights and of the guides' own choices.
    """

    VERSION = 2

    def __init__(
        self,
        modalities: tuple[str, ...],
        network: NetworkConfig,
        config: SmartConfig,
        guide: GuideConfig,
        device: torch.device,
        precision: str,
        seed: int,
    ) -> None:
        self.modalities = modalities
        self.config = config
        self.device = device
        self.dtype = torch.bfloat16 if precision == "bfloat16" else None
        torch.manual_seed(seed)
        self.sides = {m: place(Side(m, tuple(o for o in modalities if o != m), network), device) for m in modalities}
        self.averages = {m: copy.deepcopy(s).requires_grad_(False).eval() for m, s in self.sides.items()}
        self.optimisers = {m: adamw(s, config.learning_rate, config.weight_decay) for m, s in self.sides.items()}
        self.guides = build_guides(guide, modalities, network.latent, seed)
        self.steps = dict.fromkeys(modalities, 0)
        # side -> other modality -> steps in which it guided the side
        self.guided = {m: dict.fromkeys((o for o in modalities if o != m), 0) for m in modalities}
        self.fixed = {name.strip() for name in config.fixed_teacher.split(",")} - {""}
        if unknown := self.fixed - set(modalities):
            raise ConfigError(f"fixed_teacher: no {sorted(unknown)[0]!r} among the modalities {', '.join(modalities)}")

    def begin_turn(self) -> None:
        """Choose the guides that stay frozen until the next turn begins."""
        with torch.no_grad():
            self.guides.refresh()

    @property
    def whitens(self) -> bool:
        """Whether latents are whitened, so that `recalibrate` is due when a turn begins."""
        return any(isinstance(m, Whitening) for side in self.sides.values() for m in side.modules())

    def recalibrate(self, side: str, batches: Sequence[Mapping[str, Tensor]]) -> None:
        """Take the statistics of whitening anew: of the sides that guide in this turn, and of all averages.

        Args:
            side: the modality whose turn begins; its own statistics follow its weights while it learns.
            batches: modality -> (B, *shape) float 0…1 on the device.
        """
        for name in batches[0]:
            samples = [batch[name] for batch in batches]
            networks = [self.averages[name]] + ([] if name == side else [self.sides[name].eval()])
            for network in networks:
                with self._autocast():
                    recalibrate(network.autoencoder.encoder, samples)

    def step(self, side: str, x: Mapping[str, Tensor], lesson: Tensor, rate: float = 1.0) -> dict[str, Tensor]:
        """One update of one side on a batch of co-occurring or single-modality events.

        Args:
            side: the modality whose E, D and T learn.
            x: modality -> (B, *shape) float 0…1 on the device. Holds `side`; the other modalities in it guide it.
            lesson: (B,) int64.
            rate: factor on the learning rate.

        Returns:
            Losses by term, detached scalars: '<side>/reconstruction', '<side>/<other>' for each guiding modality, and
            '<side>/<other>/contrast' if `contrast` is on.
        """
        learner = self.sides[side].train()
        with self._autocast():
            z, y = learner.autoencoder(x[side])  # z = E(x), y = D(z)
        guides = self._guides(side, z.detach(), x, lesson)
        # A fixed teacher learns to translate what it perceives, but its encoder is not shaped by guides.
        seen = z.detach() if side in self.fixed else z
        with self._autocast():
            guessed = {other: learner.transcoders[other](seen) for other in guides}  # T(E(x))
        losses = {f"{side}/reconstruction": self._distance(x[side], y)}  # first term of Eq. 1-2
        for other, guide in guides.items():
            weights = self._weights(self.guided[side][other], guessed[other], guide)
            losses[f"{side}/{other}"] = self._distance(guide, guessed[other], weights)  # second term
        total = losses[f"{side}/reconstruction"] + self.config.weight * sum(
            loss for name, loss in losses.items() if name != f"{side}/reconstruction"
        )
        if self.config.contrast:
            for other, guide in guides.items():
                apart = contrast(guessed[other], guide, lesson, self.config.contrast_temperature)
                total = total + self.config.contrast * apart
                losses[f"{side}/{other}/contrast"] = apart
        optimiser = self.optimisers[side]
        set_rate(optimiser, self.config.learning_rate * rate)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        optimiser.step()
        self.steps[side] += 1
        for other in guides:
            self.guided[side][other] += 1
        follow(self.averages[side], self.sides[side], self.config.average, self.steps[side])
        return {name: loss.detach() for name, loss in losses.items()}

    def _guides(self, side: str, z: Tensor, x: Mapping[str, Tensor], lesson: Tensor) -> dict[str, Tensor]:
        """Frozen targets for every other modality that these events have; empty for single-modality events."""
        if len(x) < 2:
            return {}
        latents = {side: z}
        with torch.no_grad():
            for other in self.modalities:
                if other != side and other in x:
                    with self._autocast():
                        latents[other] = self.sides[other].eval().autoencoder.encode(x[other])
            # In full precision: distances between latents are small differences of large numbers.
            self.guides.observe(latents)
            targets = self.guides.targets(latents, lesson)
        return {other: target for other, target in targets.items() if other != side}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def _weights(self, guided: int, guess: Tensor, guide: Tensor) -> Tensor | None:
        """What each event's guide counts, (B,); None while all count alike, as they must before guesses mean much."""
        config, grown = self.config, guided - self.config.mode_from
        sharpness = config.mode * min(max(grown / max(config.mode_growth, 1), 0.0), 1.0)
        return mode_weights(guess, guide, sharpness) if sharpness > 0 else None

    def _distance(self, target: Tensor, guess: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean over the batch of the Euclidean norm of each event's difference, or of its square."""
        distance = (target - guess).flatten(1).square().sum(1)
        if self.config.norm == "norm":
            # The gradient of a norm is undefined at zero: the smallest float32 offset that keeps it finite.
            distance = (distance + 1e-12).sqrt()
        return distance.mean() if weights is None else (weights * distance).mean()

    def state_dict(self) -> StateDict:
        """Weights, averages, optimisers, guides and step counts."""
        return {
            "version": self.VERSION,
            "modalities": list(self.modalities),
            "steps": dict(self.steps),
            "guided": {m: dict(others) for m, others in self.guided.items()},
            "sides": {m: dict(side.state_dict()) for m, side in self.sides.items()},
            "averages": {m: dict(side.state_dict()) for m, side in self.averages.items()},
            "optimisers": {m: optimiser_state(o) for m, o in self.optimisers.items()},
            "guides": self.guides.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: parts are missing or unknown, or belong to other modalities or sizes.
        """
        keys = {"modalities", "steps", "guided", "sides", "averages", "optimisers", "guides"}
        check_state(state, keys, self.VERSION, "SMART")
        if tuple(state["modalities"]) != self.modalities:
            raise StateError(f"SMART: saved for {state['modalities']}, this run has {list(self.modalities)}")
        for m in self.modalities:
            load_module(self.sides[m], state["sides"][m], f"SMART {m}")
            load_module(self.averages[m], state["averages"][m], f"SMART {m} average")
            load_optimiser(self.optimisers[m], state["optimisers"][m], f"SMART {m}")
            self.steps[m] = int(state["steps"][m])
            guided = state["guided"].get(m, {})
            check_state({"version": 1, **guided}, set(self.guided[m]), 1, f"SMART {m}'s guided steps")
            self.guided[m] = {other: int(count) for other, count in guided.items()}
        self.guides.load_state_dict(state["guides"])
