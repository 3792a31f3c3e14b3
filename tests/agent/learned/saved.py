"""A run's directory with a checkpoint and events, made without Ray."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.algorithms import Algorithm, Setup, algorithm
from agent.checkpoints.checkpoint import write_checkpoint
from agent.config import LearnerConfig
from agent.hardware import choose_hardware
from agent.learned.saved_config import FORMAT
from agent.learned.saved_parts import form_of
from agent.learner import Learner
from replay.buffer import Buffer
from replay.config import ReplayConfig
from runtime.config.settings import RunConfig
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality
from tests.agent.rigs import ListReplay, clips, config, images

EVENTS = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=64, min_size=1)


def pairs(count: int = 24) -> dict[str, NDArray[Any]]:
    """Co-occurring samples in the forms of now."""
    rng = np.random.default_rng(3)
    labels = np.arange(count, dtype=np.int64) % 10
    color, size = modality("image").shape[0], modality("image").shape[1]
    seen = images(labels, rng).repeat(size // 32, 2).repeat(size // 32, 3).repeat(color, 1)
    return {"audio": clips(labels, rng), "image": seen}


def learner_of(
    samples: Mapping[str, NDArray[Any]], steps: int, learn: str = "smart", seed: int = 0, **changes: Any
) -> Learner:
    """A learner that has taken some steps on these events."""
    own: LearnerConfig = config(modalities=",".join(samples), **changes)
    replay = ListReplay({"+".join(samples): samples})
    setup = Setup(own, choose_hardware(own), replay, replay, seed)
    made: Algorithm = algorithm(learn).make(setup)
    learner = Learner([made], replay, setup.hardware)
    for _ in range(steps):
        learner.step()
    return learner


def save_run(path: Path, learner: Learner, samples: Mapping[str, NDArray[Any]], **changes: str) -> Path:
    """Write the directory of a run.

    Args:
        path: where.
        learner: whose state becomes the checkpoint.
        samples: of the events in replay.
        changes: settings, such as `image__size="64"`.
    """
    settings = RunConfig.of({key.replace("__", "."): value for key, value in changes.items()})
    saved = {
        "format": FORMAT,
        "version": "0.2.0",
        "config": settings.to_dict(),
        "senses": {name: form_of(modality(name)) for name in samples},
        "datasets": {"images": "mnist:1"},
    }
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(saved))
    checkpoint(path, learner)
    buffer = Buffer(path / "replay", EVENTS)
    seq = np.arange(len(next(iter(samples.values()))))
    moment = seq.astype(np.float64)
    buffer.insert(EventBatch("rig", 0, seq, moment, moment, np.full(len(seq), NO_LESSON), samples))
    buffer.close()
    return path


def checkpoint(path: Path, learner: Learner) -> Path:
    """Write one more checkpoint."""

    def write(stage: Path) -> int:
        learner.save(stage)
        return learner.steps

    return write_checkpoint(path / "checkpoints", learner.steps, write, {})
