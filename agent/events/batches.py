"""Batches on their way from replay to a network, and how fast is learned from them: what all algorithms share."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from agent.config import LearnerConfig
from agent.events.turns import Batch, Replay
from sensors.core.errors import ConfigError
from sensors.core.modalities import kind_of, labelled, modality

AVERAGE_EVERY = 8
"""Steps between two updates of averaged weights."""


def modalities_of(config: LearnerConfig) -> tuple[str, ...]:
    """The modalities that the learner learns to connect, in the registry's order.

    Raises:
        ConfigError: fewer than two, or one of them is a label.
    """
    names = kind_of(n.strip() for n in config.modalities.split(",") if n.strip()).split("+")
    if len(names) < 2:
        raise ConfigError(f"learner.modalities={config.modalities!r}: name at least two")
    if told := [name for name in names if labelled(name)]:
        raise ConfigError(f"learner.modalities: {told[0]} is a label, which is no modality; leave it out")
    return tuple(names)


def draw(replay: Replay, kind: str, config: LearnerConfig, by_lesson: bool = False) -> Batch:
    """A batch of one table, as `learner.selector` says, or by lessons where the algorithm needs them."""
    # Single-modality events belong to no lesson.
    if (by_lesson or config.selector == "lesson") and "+" in kind:
        return replay.sample(kind, config.batch, "lesson", views=config.views)
    selector = "uniform" if config.selector == "lesson" else config.selector
    return replay.sample(kind, config.batch, selector)


def load(batch: Batch, modalities: Sequence[str], device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
    """Stored samples to network values on the device: modality -> (B, *shape) float32, and lessons (B,)."""
    x = {
        name: torch.from_numpy(np.ascontiguousarray(column))
        .to(device, non_blocking=True)
        .float()
        .mul_(modality(name).scale)
        for name, column in batch.samples.items()
        if name in modalities
    }
    return x, torch.from_numpy(np.array(batch.lesson)).to(device)


def rate_factor(config: LearnerConfig, steps: int, remaining: float | None) -> float:
    """Factor on the learning rate: rises at the start, falls to zero in the last share of a bounded run.

    Args:
        config: `warmup_steps` and `cooldown`.
        steps: steps that the weights have had.
        remaining: share of the run that is still to come; None where that is not known.
    """
    rise = (steps + 1) / max(config.warmup_steps, 1)
    fall = 1.0
    if remaining is not None and config.cooldown > 0:
        fall = remaining / config.cooldown
    return max(min(rise, fall, 1.0), 1e-3)


def follow(averages: nn.Module, now: nn.Module, decay: float, steps: int) -> None:
    """Move averaged weights towards the present ones, every `AVERAGE_EVERY` steps.

    Args:
        averages: the published weights; changed in place.
        now: the weights that learn.
        decay: of one step, 0…1.
        steps: steps that `now` has had.
    """
    if steps % AVERAGE_EVERY:
        return
    keep = min(decay**AVERAGE_EVERY, (1 + steps) / (10 * AVERAGE_EVERY + steps))
    with torch.no_grad():
        for average, tensor in zip(_tensors(averages), _tensors(now), strict=True):
            if average.is_floating_point():
                average.lerp_(tensor, 1 - keep)
            else:
                average.copy_(tensor)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
