"""Weights and their optimisers: placed on a device, saved, and read back strictly."""

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from agent.config import NetworkConfig
from sensors.core.errors import StateError

M = TypeVar("M", bound=nn.Module)


def place(module: M, device: torch.device) -> M:
    """A module on its device, in the memory order in which CPUs and GPUs convolve fastest: channels last."""
    placed = module.to(device)
    nn.utils.convert_conv2d_weight_memory_format(placed, torch.channels_last)
    return placed


def adamw(module: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """SMART's optimiser."""
    return torch.optim.AdamW(module.parameters(), rate, weight_decay=decay, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def load_module(module: nn.Module, state: Mapping[str, Tensor], owner: str, assign: bool = False) -> None:
    """Strict `load_state_dict` whose error is one line; with `assign` the module takes these very tensors.

    Raises:
        StateError: a tensor is missing, unknown or of another shape.
    """
    try:
        module.load_state_dict(state, assign=assign)
    except RuntimeError as error:
        raise StateError(f"{owner}: {' '.join(str(error).split())[:300]}") from error


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Moments by parameter number; settings come from the configuration."""
    return {str(i): dict(moments) for i, moments in optimiser.state_dict()["state"].items()}


def load_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[str, Any], owner: str) -> None:
    """Restore what `optimiser_state` gave.

    Raises:
        StateError: moments are missing, unknown or of another shape.
    """
    # The fused update walks a parameter and its moments through memory side by side: a moment in another memory order
    # (channels last or not) would be applied to the wrong weights, without an error.
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for i, held in state.items():
        if not i.isdigit() or int(i) >= len(parameters):
            raise StateError(f"{owner} optimiser: unknown parameter {i}")
        if wrong := set(held) ^ {"step", "exp_avg", "exp_avg_sq"}:
            raise StateError(f"{owner} optimiser: parameter {i} has or lacks {', '.join(sorted(wrong))}")
        if any(m.ndim and m.shape != parameters[int(i)].shape for m in held.values()):
            raise StateError(f"{owner} optimiser: moments of parameter {i} are of another shape")
    moments = {
        int(i): {name: torch.empty_like(parameters[int(i)]).copy_(m) if m.ndim else m for name, m in held.items()}
        for i, held in state.items()
    }
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def check_sizes(state: Mapping[str, Any], config: NetworkConfig) -> None:
    """Refuse weights of other sizes.

    Raises:
        StateError: they were saved with another preset or latent size; the message names the setting.
    """
    for name in ("preset", "latent"):
        if state[name] != getattr(config, name):
            raise StateError(
                f"learner: saved with {name} {state[name]}, this run has {getattr(config, name)}; "
                f"resume with --set learner.{name}={state[name]}"
            )
