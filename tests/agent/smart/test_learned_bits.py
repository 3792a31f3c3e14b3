"""What SMART learns is the same, bit by bit, as before learning algorithms and subjects became parts of their own."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from agent.config import LearnerConfig
from benchmarks.studies.smart.weights import COMMON, hash_weights
from replay.config import ReplayConfig
from runtime.trial import Trial
from teacher.config import TeacherConfig
from teacher.datasets import Samples
from teacher.datasets.core.samples import make_samples
from teacher.datasets.readers import digits
from teacher.subjects.digits import taught_digits

STEPS = 20
CONFIG = LearnerConfig.from_dict(
    COMMON
    | {"guides": "cluster", "precision": "float32", "batch": 16, "turn_steps": 2}
    | {"bank": 64, "clusters": 4, "augment_from": 2}
)
TEACHER = TeacherConfig(warmup_events=64, batch_events=32)
"""Events co-occur soon, so that the senses guide each other within the trial."""
LEARNED: dict[tuple[str, str, str], str] = {
    ("2.13.0", "AVX512", "8e34711e6dc32d33"): "2cf1a784674c01379811b90c7c8dc108c3ef86ef1ff1361f1b34be8626e10b44",
}
"""Version of torch, CPU capability and `rounding` -> the hash of the weights after the trial."""


def sounds() -> Samples:
    """A band at its own pitch for each of ten concepts, with noise."""
    rng = np.random.default_rng(0)
    made = []
    for count in (200, 40):
        labels = np.arange(count, dtype=np.int64) % 10
        clips = rng.integers(0, 60, (count, 1, 96, 96)).astype(np.uint8)
        for clip, label in zip(clips, labels, strict=True):
            clip[0, 9 * label : 9 * label + 9, :16] = 220
        made.append((clips, labels))
    return make_samples("bands", made[0], made[1], "made by the test")


def rounding() -> str:
    """How this processor rounds: a hash of what torch alone computes in one step of a small network, 16 hex digits."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers: list[Callable[[], nn.Module]] = [
        lambda: nn.Conv2d(1, 16, 4, 4),
        lambda: nn.BatchNorm2d(16),
        lambda: nn.Conv2d(16, 32, 3, 2, 1),
        lambda: nn.LeakyReLU(),
        lambda: nn.Flatten(),
        lambda: nn.Linear(32 * 12 * 12, 512),
    ]
    net = nn.Sequential(*(make() for make in layers))
    torch.autograd.backward(net(torch.rand(32, 1, 96, 96)).square().mean())
    digest = hashlib.sha256()
    for parameter in net.parameters():
        assert parameter.grad is not None
        digest.update(parameter.grad.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def test_a_short_trial_learns_the_same_bits_as_before(tmp_path: Path) -> None:
    """Embedded handwriting and made-up sounds, float32, one thread.

    The stored hash is the one that commit 9fa9f7e computes with these data and settings: the last program before
    algorithms and subjects became parts with contracts. It was computed with a checkout of that commit in the same way,
    by `hash_weights` of its own `Trial`.
    """
    torch.set_num_threads(1)
    machine = torch.__version__.partition("+")[0], torch.backends.cpu.get_cpu_capability(), rounding()
    if machine not in LEARNED:
        pytest.skip(f"no hash is stored for torch {machine[0]} on a CPU with {machine[1]} that rounds as {machine[2]}")
    taught = taught_digits(digits.load(), sounds())
    with Trial(taught, TEACHER, ReplayConfig(), CONFIG, 0, tmp_path, STEPS) as trial:
        trial.run(STEPS)
        assert trial.smart.smart.steps.keys() == {"audio", "image"} and "audio+image" in trial.events_by_kind
        found = hash_weights(trial.smart.smart)
    assert found == LEARNED[machine], (
        "the learner's arithmetic changed: compare benchmarks/studies/smart/weights.py of two commits"
    )
