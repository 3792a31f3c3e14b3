"""The trials behind `guides.py`: one stream, one way to guide, and what becomes of both latent spaces."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor

from agent.config import LearnerConfig, MonitorConfig
from agent.exams.exam import examine
from agent.exams.judges import Judge
from agent.networks.published import to_network
from agent.smart.guides import ClusterGuides
from agent.smart.update import Smart
from benchmarks.harness.cells import Cell, Row, progress
from benchmarks.harness.grades import load_examiners
from benchmarks.studies.smart.guide_variants import Together, replace_guides
from replay.config import ReplayConfig
from runtime.trial import Trial
from teacher.config import DataConfig, TeacherConfig
from teacher.datasets import ExamSet, Samples, load_images, load_speech
from teacher.subjects.digits import taught_digits

WARMUP = 1600
"""Single-modality events of each modality before the pairs: some 200 learner steps."""
LOOKS = 6
"""Exams of a cell, evenly spread."""
QUESTIONS = 2000
"""Pairs of exam samples in which purity is measured."""
TEACHERS = {"audio teaches": "audio", "image teaches": "image"}


class Watch:
    """What a refresh of the guides does, measured at each turn's beginning.

    Attributes:
        shifts: how far guides moved, as a share of the mean distance between two guides.
        reassigned: share of the banked events whose cluster changed.
        seconds: time that refreshing took, s.
        watching: time that measuring took, s.
    """

    def __init__(self, smart: Smart) -> None:
        self.shifts: list[float] = []
        self.reassigned: list[float] = []
        self.seconds = 0.0
        self.watching = 0.0
        self._smart = smart
        self._begin = smart.begin_turn
        smart.begin_turn = self._turn  # type: ignore[method-assign]  # measuring is no part of the learner

    def _turn(self) -> None:
        guides = self._smart.guides
        before = dict(guides.guides) if isinstance(guides, ClusterGuides) else {}
        old = guides.centres.clone() if isinstance(guides, ClusterGuides) else torch.zeros(0)
        begun = time.perf_counter()
        self._begin()
        refreshed = time.perf_counter()
        self.seconds += refreshed - begun
        if not before or not isinstance(guides, ClusterGuides):
            return
        moved = [(guides.guides[m] - g).norm(dim=1).mean() / _apart(g) for m, g in before.items()]
        self.shifts.append(float(torch.stack(moved).mean()))
        points = guides.bank[: guides.filled]
        now, then = (torch.cdist(points, c).argmin(1) for c in (guides.centres, old))
        self.reassigned.append(float((now != then).float().mean()))
        self.watching += time.perf_counter() - refreshed


def work(cell: Cell, folder: Path) -> Iterator[Row]:
    """One row: accuracies, purity, cost, and the curve that led there."""
    data = DataConfig.from_dict(cell["data"])
    images, speech, judges = load(data)
    plain = cell.get("pairs") is not None
    teacher = TeacherConfig(
        style="classroom" if plain else "hybrid",
        warmup_events=WARMUP,
        lesson_length=cell["lesson"],
        wrong_pairs=cell.get("wrong", 0.0),
        imbalance=cell.get("imbalance", 0.0),
        noise=cell.get("noise", 0.0),
    )
    learner = LearnerConfig(
        guides=cell["guides"],
        clusters=cell["clusters"],
        selector=cell.get("selector", "uniform"),
        fixed_teacher=TEACHERS.get(cell.get("training", ""), ""),
        device="cpu",
        min_events=64,
        **{name: cell[name] for name in ("mode",) if name in cell},
    )
    together = cell.get("training") == "together"
    # On pairs a step of both sides at once is two updates; the number of updates is the same for all.
    alone = 0 if plain else 2 * WARMUP * int(ReplayConfig().samples_per_insert) // learner.batch
    steps = (cell["steps"] + alone) // 2 if together else cell["steps"]
    # Samples begin to be moved at the same share of the way.
    moves = {name: getattr(learner, name) * steps // cell["steps"] for name in ("augment_from", "augment_growth")}
    learner = learner.replace(**moves)
    with Trial(
        taught_digits(images, speech),
        teacher,
        ReplayConfig(min_size=64),
        learner,
        cell["seed"],
        folder,
        steps,
        cell.get("pairs"),
    ) as trial:
        smart = trial.smart.smart
        if together:
            # The learner made its own kind; this one has the same state and another step.
            smart.__class__ = Together
        if cell.get("variant"):
            replace_guides(smart, cell["variant"])
        watch = Watch(smart)
        curve = [row for row in _train(trial, watch, judges, folder)]
    halfway = curve[(len(curve) - 1) // 2]
    final = {k: v for k, v in curve[-1].items() if k not in ("step", "events")}
    seconds = trial.seconds - watch.watching
    cost = {"cost": watch.seconds / seconds, "steps_per_s": trial.done / seconds}
    about = {k: v for k, v in cell.items() if k != "data"}
    yield {**about, **final, **cost, "purity_halfway": halfway.get("purity"), "curve": curve}


def load(data: DataConfig) -> tuple[Samples, Samples, dict[str, Judge]]:
    """Both datasets and their judges, which are trained where they are not in the cache."""
    images, speech = load_images(data), load_speech(data)
    examiners = load_examiners({"image": images, "audio": speech}, MonitorConfig(), "small", ("first",))
    return images, speech, {modality: made["first"] for modality, made in examiners.items()}


def _train(trial: Trial, watch: Watch, judges: dict[str, Judge], folder: Path) -> Iterator[dict[str, Any]]:
    exam = trial.machine.exam()
    left, right = _questions(exam)
    looks = {round(trial.steps * (k + 1) / LOOKS) for k in range(LOOKS)}
    _keep_latents(trial, left, folder / "latents-0.npz")
    while trial.done < trial.steps:
        trial.step()
        if trial.done % 10 == 0:
            progress(trial.done, trial.steps)
        if trial.done not in looks:
            continue
        last = trial.done == trial.steps
        asked = exam if last else exam.shorten({"image": 1000, "audio": 300})
        grades = examine(trial.networks(), judges, asked).accuracy
        row: dict[str, Any] = {"step": trial.done, "events": trial.events, **grades}
        row |= _purity(trial.smart.smart, left, right, last)
        if watch.shifts:
            row |= {"shift": float(np.mean(watch.shifts[-4:])), "reassigned": float(np.mean(watch.reassigned[-4:]))}
        yield row
    _keep_latents(trial, left, folder / "latents-1.npz")


def _apart(points: Tensor) -> Tensor:
    """Mean distance between two of the points."""
    return torch.cdist(points, points).sum() / (len(points) * (len(points) - 1))


def _questions(exam: ExamSet) -> tuple[dict[str, Tensor], NDArray[np.int64]]:
    """Pairs of exam samples of the same concept, and the concepts."""
    rng = np.random.default_rng(0)
    seen, heard = exam.parts["image"], exam.parts["audio"]
    images = rng.choice(len(seen), min(QUESTIONS, len(seen)), replace=False)
    concepts = seen.labels[images]
    clips = np.array([rng.choice(np.flatnonzero(heard.labels == c)) for c in concepts])
    return {
        "audio": to_network(heard.samples[clips], "audio"),
        "image": to_network(seen.samples[images], "image"),
    }, concepts


def _encode(smart: Smart, x: dict[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        return {
            m: torch.cat([smart.sides[m].eval().autoencoder.encode(part) for part in torch.split(x[m], 250)]) for m in x
        }


def _purity(smart: Smart, x: dict[str, Tensor], concepts: NDArray[np.int64], last: bool) -> dict[str, float]:
    """Purity of the guides' own clusters, and, at the end, of 30 clusters found in the latents alone.

    Also by modality the share of the latents' variance that lies between concepts.
    """
    latents = _encode(smart, x)
    found: dict[str, float] = {}
    if isinstance(smart.guides, ClusterGuides) and smart.guides.guides:
        found["purity"] = purity(smart.guides.assign(latents).numpy(), concepts)
    if last:
        joint = torch.cat([latents[m] for m in smart.modalities], 1).numpy()
        found["latent_purity"] = purity(KMeans(30, n_init=1, random_state=0).fit_predict(joint), concepts)
    for m, z in latents.items():
        centres = torch.stack([z[torch.from_numpy(concepts == c)].mean(0) for c in np.unique(concepts)])
        within = sum(
            float((z[torch.from_numpy(concepts == c)] - centres[i]).square().sum())
            for i, c in enumerate(np.unique(concepts))
        )
        found[f"between_{m}"] = 1 - within / float((z - z.mean(0)).square().sum())
    return found


def purity(clusters: NDArray[Any], concepts: NDArray[np.int64]) -> float:
    """Share of the events that belong to their cluster's most frequent concept."""
    return sum(int(np.bincount(concepts[clusters == c]).max()) for c in np.unique(clusters)) / len(concepts)


def _keep_latents(trial: Trial, x: dict[str, Tensor], place: Path) -> None:
    """Latents of the first thousand questions, for pictures."""
    some = {m: v[:1000] for m, v in x.items()}
    z = _encode(trial.smart.smart, some)
    np.savez_compressed(place, audio=z["audio"].numpy(), image=z["image"].numpy())


def load_questions(cell: Cell) -> NDArray[np.int64]:
    """Concepts of the kept latents of a cell, for pictures."""
    data = DataConfig.from_dict(cell["data"])
    images: Samples = load_images(data)
    rng = np.random.default_rng(0)
    rows = rng.choice(len(images.test), min(QUESTIONS, len(images.test)), replace=False)
    return images.test_labels[rows][:1000]
