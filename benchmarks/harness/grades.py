"""Grades: what several judges say of the four paths and of clean test data, plain and balanced over concepts.

    examiners = load_examiners({"image": images, "audio": speech}, MonitorConfig(), "small")
    figures = grade_paths(trial.networks(), examiners, machine.exam(), networks=("first", "second"))

Where test data consist of several sets one after the other (FSDD's clips, then those of Speech Commands), `parts`
names them, and every figure is also given for each.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.config import MonitorConfig
from agent.exams.judge_cache import judges_folder
from agent.exams.judge_networks import NETWORKS
from agent.exams.judges import Judge, Training
from agent.networks.published import Networks, to_network
from teacher.datasets import ExamSet, Samples

SEEDS = {"first": 0, "second": 100, "reference": 200}
"""Added to the judges' seed (`monitor.judge_seed`): the judges of one modality share no draw."""
CHUNK = 1_000
"""Samples graded at once: memory, not figures, depends on it."""
Examiners = Mapping[str, Mapping[str, Judge]]
"""Modality -> network -> judge."""
Parts = Mapping[str, slice]
"""Name -> rows of the test clips."""
Verdicts = NDArray[np.int64]


def judge_training(
    modality: str, samples: Samples, network: str, settings: MonitorConfig, preset: str, device: torch.device | str
) -> Training:
    """The training of one judge, done at once when it is in the cache."""
    seed = settings.judge_seed + SEEDS[network]
    return Training(modality, samples, settings.judge_steps, seed, judges_folder(), network, preset, device)


def load_examiners(
    data: Mapping[str, Samples],
    settings: MonitorConfig,
    preset: str,
    networks: Sequence[str] = NETWORKS,
    device: torch.device | str = "cpu",
) -> dict[str, dict[str, Judge]]:
    """Judges of every modality, from the cache, or trained now.

    Args:
        data: modality -> labelled dataset.
        settings: training steps and seed.
        preset: of the reference's encoder, 'small' or 'paper'.
        networks: which of `agent.exams.judge_networks.NETWORKS`.
        device: where they compute.
    """
    examiners: dict[str, dict[str, Judge]] = {}
    for modality, samples in data.items():
        for network in networks:
            training = judge_training(modality, samples, network, settings, preset, device)
            while not training.finished:
                training.step()
            examiners.setdefault(modality, {})[network] = training.judge
    return examiners


def grade_paths(
    networks: Networks,
    examiners: Examiners,
    exam: ExamSet,
    judges: Sequence[str] = ("first",),
    parts: Parts | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """All four paths over all test data.

    Returns:
        'image_to_audio' and so on, as the first judge says; '…_second' for the second; each also with '_balanced'
        (mean over concepts of the share recognised), and from sounds with '_<part>' and '_<part>_balanced'.
    """
    figures: dict[str, float] = {}
    for source, part in exam.parts.items():
        samples, labels = part.samples, part.labels
        found: dict[str, list[Verdicts]] = {}
        for at in range(0, len(samples), CHUNK):
            x = to_network(samples[at : at + CHUNK], source).to(device)
            for target, made_of in examiners.items():
                made = networks.evoke(x, source, target).clone()
                for judge in judges:
                    name = f"{source}_to_{target}" + ("" if judge == "first" else f"_{judge}")
                    found.setdefault(name, []).append(made_of[judge].grade(made).numpy())
        for name, verdicts in found.items():
            own = parts if source == "audio" else None
            figures |= shares(name, np.concatenate(verdicts), labels, own)
    return figures


def grade_judges(examiners: Examiners, exam: ExamSet, parts: Parts | None = None) -> dict[str, float]:
    """The judges' own accuracy on clean test data.

    Returns:
        'mlc', 'glc', 'mlc2', 'glc2', 'reference_image', 'reference_audio', with the endings of `grade_paths`.
    """
    names = {"first": ("mlc", "glc"), "second": ("mlc2", "glc2"), "reference": ("reference_image", "reference_audio")}
    figures: dict[str, float] = {}
    for modality, part in exam.parts.items():
        samples, labels = part.samples, part.labels
        for network, judge in examiners[modality].items():
            verdicts = _in_chunks(samples, modality, judge.grade)
            own = parts if modality == "audio" else None
            figures |= shares(names[network][modality == "audio"], verdicts, labels, own)
    return figures


def shares(name: str, verdicts: Verdicts, labels: Verdicts, parts: Parts | None) -> dict[str, float]:
    """Share of right verdicts, plain and balanced, over all and over each part."""
    figures: dict[str, float] = {}
    for ending, rows in {"": slice(None), **{f"_{part}": rows for part, rows in (parts or {}).items()}}.items():
        said, true = verdicts[rows], labels[rows]
        figures[name + ending] = float((said == true).mean())
        figures[f"{name}{ending}_balanced"] = balanced(said, true)
    return figures


def balanced(verdicts: Verdicts, labels: Verdicts) -> float:
    """Mean, over the concepts that occur, of the share of each that was recognised."""
    return float(np.mean([(verdicts[labels == c] == c).mean() for c in np.unique(labels)]))


def _in_chunks(samples: NDArray[np.uint8], modality: str, grade: Callable[[Tensor], Tensor]) -> Verdicts:
    parts = (samples[at : at + CHUNK] for at in range(0, len(samples), CHUNK))
    return np.concatenate([grade(to_network(part, modality)).numpy() for part in parts])
