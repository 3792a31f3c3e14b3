"""Small worlds in which the agent can be tested: two concepts, seen and heard."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.config import LearnerConfig
from sensors.core.event import NO_LESSON
from sensors.core.state import StateDict
from teacher.datasets import ExamSet, Samples
from teacher.datasets.core.samples import make_samples


@dataclass(frozen=True)
class Drawn:
    """One batch, as replay answers it."""

    lesson: NDArray[np.int64]
    samples: Mapping[str, NDArray[Any]]


class ListReplay:
    """Replay over arrays in memory: kind -> modality -> samples."""

    def __init__(self, tables: Mapping[str, Mapping[str, NDArray[Any]]], seed: int = 0) -> None:
        self.tables = tables
        self.owed = dict.fromkeys(tables, 0.0)
        self.rng = np.random.default_rng(seed)
        self.drawn: list[str] = []

    def kinds(self) -> list[str]:
        return sorted(self.tables)

    def size(self, kind: str) -> int:
        return len(next(iter(self.tables[kind].values())))

    def deficit(self, kind: str) -> float:
        return self.owed[kind]

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> Drawn:
        rows = self.rng.integers(0, self.size(kind), count)
        self.drawn.append(kind)
        lesson = np.full(count, NO_LESSON, np.int64)
        return Drawn(lesson, {m: column[rows] for m, column in self.tables[kind].items()})

    def state_dict(self) -> StateDict:
        return {"rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]


def images(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A bright bar for each concept, at its own height, with noise."""
    x = rng.integers(0, 60, (len(labels), 1, 32, 32)).astype(np.uint8)
    for i, c in enumerate(labels):
        x[i, 0, 3 * c : 3 * c + 3, 4:28] = 220
    return x


def clips(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A band of sound for each concept, at its own pitch, with noise."""
    x = rng.integers(0, 60, (len(labels), 1, 96, 96)).astype(np.uint8)
    for i, c in enumerate(labels):
        x[i, 0, 9 * c : 9 * c + 9, :16] = 220
    return x


def tables(count: int = 160, concepts: int = 10, seed: int = 0) -> dict[str, dict[str, NDArray[Any]]]:
    """Co-occurring and single-modality events."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, concepts, count)
    pairs = {"audio": clips(labels, rng), "image": images(labels, rng)}
    return {
        "audio+image": pairs,
        "audio": {"audio": clips(labels[::-1], rng)},
        "image": {"image": images(labels[::-1], rng)},
    }


def datasets(train: int = 400, test: int = 100) -> dict[str, Samples]:
    """Labelled data of both modalities."""
    rng = np.random.default_rng(1)
    out = {}
    for name, make in (("image", images), ("audio", clips)):
        labels = np.arange(train, dtype=np.int64) % 10
        exam = np.arange(test, dtype=np.int64) % 10
        out[name] = make_samples(
            f"bars-{name}", (make(labels, rng), labels), (make(exam, rng), exam), "made by the test"
        )
    return out


def exam_set(data: Mapping[str, Samples]) -> ExamSet:
    """The test part of `datasets` as a teacher hands it to the monitor."""
    return ExamSet.of(data, tuple("0123456789"))


def config(**changes: Any) -> LearnerConfig:
    """A small learner in float32 on the CPU, which computes the same everywhere."""
    values = {
        "preset": "small", "device": "cpu", "precision": "float32", "threads": 1,
        "batch": 16, "turn_steps": 4, "min_events": 16, "warmup_steps": 4,
        "guides": "cluster", "clusters": 4, "bank": 64,
    }  # fmt: skip
    return LearnerConfig(**{**values, **changes})


def alike(ours: object, theirs: object, name: str) -> None:
    """Bitwise the same, all the way down: weights, averages, moments, guides, turns and random states."""
    if isinstance(ours, dict):
        assert isinstance(theirs, dict) and ours.keys() == theirs.keys(), name
        for key in ours:
            alike(ours[key], theirs[key], f"{name}.{key}")
    elif isinstance(ours, Tensor):
        assert isinstance(theirs, Tensor) and torch.equal(ours, theirs), name
    else:
        assert json.dumps(ours) == json.dumps(theirs), name
