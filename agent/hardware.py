"""Defaults that fit the machine: device, precision, preset and threads, chosen at start and printed."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from agent.config import LearnerConfig
from sensors.core.errors import ConfigError


@dataclass(frozen=True)
class Hardware:
    """What the learner computes with.

    Attributes:
        device: torch device.
        precision: 'float32' or 'bfloat16'.
        preset: network sizes.
        threads: CPU threads for torch.
        name: the processor, for people.
    """

    device: torch.device
    precision: str
    preset: str
    threads: int
    name: str

    @property
    def summary(self) -> str:
        """One printable line."""
        return f"{self.name}: preset {self.preset}, {self.precision}, {self.threads} CPU threads"


def choose_hardware(config: LearnerConfig) -> Hardware:
    """Resolve every 'auto' of the learner's settings.

    Raises:
        ConfigError: `device=cuda` where torch finds no CUDA device.
    """
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise ConfigError(
            "--device cuda: torch finds no CUDA device; use --device cpu, or install a CUDA build of torch and a driver"
        )
    device = torch.device("cuda" if cuda and config.device != "cpu" else "cpu")
    on_gpu = device.type == "cuda"
    native = torch.cuda.is_bf16_supported() if on_gpu else _cpu_has_bfloat16()
    return Hardware(
        device=device,
        precision=("bfloat16" if native else "float32") if config.precision == "auto" else config.precision,
        preset=("paper" if on_gpu else "small") if config.preset == "auto" else config.preset,
        # One core is left to everything else of the run: a step forks and joins its threads hundreds of times, and
        # each join waits for a core that another process holds (two threads on two busy cores: 0.3 to 3 steps/s,
        # one thread: 12).
        threads=config.threads or max(1, cores() - 1),
        name=torch.cuda.get_device_name(device) if on_gpu else cpu_name(),
    )


def cpu_name() -> str:
    """The processor's model name and the number of cores this process may use."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()} ({cores()} cores)"
    return f"CPU ({cores()} cores)"


def cores() -> int:
    """Cores that this process may use: its affinity, or its container's quota where that is less."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or no quota: 'max'
        return allowed


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 natively; emulated, it is slower than float32."""
    flags = next((line for line in _cpuinfo() if line.startswith("flags")), "")
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _cpuinfo() -> list[str]:
    # Neither psutil nor platform tells the processor's model and instructions.
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
