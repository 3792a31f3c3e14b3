"""Events of a run's replay that are as unlike each other as they can be found, to show what it knows without names."""

import numpy as np
import torch

from agent.exams.sheet import COLUMNS
from agent.learned.known import pairs
from agent.learned.loaded import LoadedAgent
from agent.learned.saved_run import REPLAY
from agent.networks.published import to_network
from sensors.core.errors import StateError
from teacher.datasets import ExamSet
from teacher.datasets.core.exam_set import ExamPart


def spread_events(agent: LoadedAgent, count: int = COLUMNS) -> ExamSet:
    """Co-occurring events, each of which is a concept of its own; the forms of the run are applied.

    The newest event is the first. Each next one is that whose latent lies farthest from those chosen before.

    Raises:
        StateError: replay holds fewer than two co-occurring events.
    """
    samples = pairs(agent.run.path / REPLAY, agent.senses)
    if len(samples) < 2 or len(next(iter(samples.values()))) < 2:
        raise StateError(f"{agent.run.path}: holds fewer than two events of several senses; there is nothing to show")
    sense, rows = next(iter(samples.items()))
    latents = agent.networks.encode(to_network(rows, sense), sense)
    chosen = [len(latents) - 1]
    with torch.inference_mode():
        distance = torch.cdist(latents, latents[chosen[:1]])[:, 0]
        while len(chosen) < min(count, len(latents)):
            chosen.append(int(distance.argmax()))
            distance = torch.minimum(distance, torch.cdist(latents, latents[chosen[-1:]])[:, 0])
    labels = np.arange(len(chosen), dtype=np.int64)
    parts = {name: ExamPart("replay", own[chosen], labels) for name, own in samples.items()}
    return ExamSet(parts, tuple(map(str, range(len(chosen)))))
