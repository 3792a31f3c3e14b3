"""The trials behind `streams.py`: pairs that are rare, concepts that arrive and return, senses that get worse."""

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agent.config import LearnerConfig, MonitorConfig
from agent.exams.exam import examine
from agent.exams.judge_cache import judges_folder
from agent.exams.judges import Judge, Training
from agent.networks.published import to_network
from benchmarks.harness.cells import Cell, Row, progress
from benchmarks.studies.streams.prequential import PATHS, BatchScore, Prequential, published, share_right
from benchmarks.studies.streams.stream_figures import PHASE_CONCEPTS, PHASES, retention
from replay.config import ReplayConfig
from replay.files import write_json
from runtime.trial import Trial
from sensors.core.errors import ConfigError
from sensors.signals.flaws import add_noise, darken
from teacher.config import DataConfig, TeacherConfig
from teacher.datasets import ExamSet, Samples, load_images, load_speech
from teacher.datasets.core.exam_set import ExamPart
from teacher.subjects.digits import taught_digits

PHASE_EXAMS = 8
NOISE, LIGHT = 0.25, 0.3
"""Where a drift ends: noise on sounds, brightness of images."""
DRIFTS: dict[str, dict[str, float]] = {
    "none": {},
    "noisy microphone": {"drift_noise": NOISE},
    "dark camera": {"drift_light": LIGHT},
    "both": {"drift_noise": NOISE, "drift_light": LIGHT},
}
DRIFT_START, DRIFT_LENGTH, STRETCH = 0.5, 0.1, 0.1
"""Shares of the stream: where the drift begins, over how much it builds up, what is averaged before and at the end."""
BRIEF = {"image": 500, "audio": 300}
"""Images and clips of exams within a phase; those at the end of a phase or of a trial take all."""
SAVE_EVERY = 250
"""Steps."""
SLACK = 256
"""Events that the stream may be ahead of the learner: what it knows at a time is what came until then."""

BRISK: dict[str, Any] = {"batch": 64, "turn_steps": 25, "warmup_steps": 20, "min_events": SLACK}
"""Settings of all trials' learners: two new concepts are known after some 300 steps, where the defaults take 600."""


def work(cell: Cell, folder: Path) -> Iterator[Row]:
    """The rows of one cell, each with what tells the cell from others."""
    experiments = {"imbalance": imbalance, "arrival": arrival, "drift": drift}
    about = {k: cell[k] for k in ("experiment", "share", "remover", "drift", "seed") if k in cell}
    for row in experiments[cell["experiment"]](cell, folder):
        yield {**about, **row}


def imbalance(cell: Cell, folder: Path) -> Iterator[Row]:
    """Few pairs with the single-modality rest, then pairs alone: as many steps on pairs, as many in all.

    Alone, too, no more events co-occur than did so beside the rest. They are drawn anew from the same paired samples,
    and all come early.

    Raises:
        ConfigError: in so few steps fewer events co-occur than a learner begins with.
    """
    share, total = float(cell["share"]), int(cell["steps"])
    single_share = 1 - max(share, float(cell["least_paired"])) if share < 1 else 0.0
    with_rest = _pairs(cell, folder / "rest", total, single_share)
    if share < 1 and with_rest["events paired"] < BRISK["min_events"]:
        raise ConfigError(
            f"steps: with {total} of them {with_rest['events paired']} events co-occur, and the learner begins at "
            f"{BRISK['min_events']}; raise --steps or --least-paired"
        )
    yield {"arm": "with the rest", **with_rest}
    if share < 1:
        on_pairs, events = max(with_rest["steps on pairs"], 1), with_rest["events paired"]
        yield {"arm": "alone, same steps on pairs", **_pairs(cell, folder / "pairs", on_pairs, 0.0, events)}
        yield {"arm": "alone, same steps in all", **_pairs(cell, folder / "all", total, 0.0, events)}


def arrival(cell: Cell, folder: Path) -> Iterator[Row]:
    """Concepts two by two, then the first two again: exams of every concept all along, and prequential answers."""
    learner = _streaming(cell)
    phase = _events(cell["steps"] // PHASES, learner)
    teacher = TeacherConfig(style="classroom", phase_events=phase, phase_concepts=PHASE_CONCEPTS)

    def due(trial: Trial, taken: int) -> bool:
        return trial.events * PHASE_EXAMS >= (taken + 1) * phase

    def exam(trial: Trial, judges: Mapping[str, Judge], taken: int) -> dict[str, Any]:
        whole = (taken + 1) % PHASE_EXAMS == 0 or trial.done == trial.steps
        questions = trial.machine.exam() if whole else trial.machine.exam().shorten(BRIEF)
        confusion = examine(published(trial), judges, questions).confusion
        return {p: (np.diag(confusion[p]) / confusion[p].sum(1).clip(1)).tolist() for p in PATHS}

    exams, answers, _ = _stream(cell, folder, teacher, learner, PHASES * phase, due, exam)
    yield from ({"what": "exam", **row} for row in exams)
    yield {"what": "answers", "phase": phase, "answers": [asdict(a) for a in answers]}
    for path in PATHS:
        overall = share_right(answers, path, 0, PHASES * phase)
        yield {"what": "summary", "path": path, **retention(exams, path, phase), "prequential": overall}


def drift(cell: Cell, folder: Path) -> Iterator[Row]:
    """Sounds get noisy, or images dark, from the middle of the stream on; exams on clean and on such samples."""
    learner = _streaming(cell)
    total = _events(cell["steps"], learner)
    start, length, stretch = (int(share * total) for share in (DRIFT_START, DRIFT_LENGTH, STRETCH))
    flaws = {"drift_start": start, "drift_events": length, **DRIFTS[cell["drift"]]} if cell["drift"] != "none" else {}
    teacher = TeacherConfig.from_dict({"style": "classroom", **flaws})
    marks = [start, start + length // 2, *(start + k * length for k in (1, 2, 3))]

    def due(trial: Trial, taken: int) -> bool:
        return taken < len(marks) and trial.events >= marks[taken]

    def exam(trial: Trial, judges: Mapping[str, Judge], taken: int) -> dict[str, Any]:
        clean = trial.machine.exam()
        by_set = {"clean": clean, "worse": worsen(clean)}
        grades = {name: examine(published(trial), judges, questions).accuracy for name, questions in by_set.items()}
        return {f"{p} {name}": accuracy[p] for name, accuracy in grades.items() for p in PATHS}

    exams, answers, judged = _stream(cell, folder, teacher, learner, total, due, exam)
    yield from ({"what": "exam", **row} for row in exams)
    yield {"what": "answers", "start": start, "length": length, "answers": [asdict(a) for a in answers]}
    spans = {"before": (start - stretch, start), "during": (start, start + length), "after": (total - stretch, total)}
    for path in PATHS:
        yield {
            "what": "summary",
            "path": path,
            **{f"prequential {when}": share_right(answers, path, *span) for when, span in spans.items()},
            **{
                f"{s} {when}": exams[k][f"{path} {s}"]
                for s in ("clean", "worse")
                for when, k in (("before", 0), ("after", -1))
            },
            "judge of worse inputs": judged[path.split("_to_")[0]],
        }


def judges_of(cell: Cell, images: Samples, speech: Samples) -> dict[str, Judge]:
    """Both judges, from the cache or trained now.

    Args:
        cell: `judge_steps`, of each judge.
        images: handwriting.
        speech: speech.
    """
    judges = {}
    for modality, samples in (("image", images), ("audio", speech)):
        training = Training(modality, samples, cell["judge_steps"], MonitorConfig().judge_seed, judges_folder())
        while not training.finished:
            training.step()
        judges[modality] = training.judge
    return judges


def load(cell: Cell) -> tuple[Samples, Samples]:
    """Handwriting and speech of a cell."""
    config = DataConfig.from_dict(cell["data"])
    return load_images(config), load_speech(config)


def worsen(exam: ExamSet) -> ExamSet:
    """The exam set as both drifts at their end would leave it."""
    worse = {
        "image": darken(exam.parts["image"].samples, LIGHT),
        "audio": add_noise(exam.parts["audio"].samples, NOISE, np.random.default_rng(1)),
    }
    parts = {m: ExamPart(exam.parts[m].name, samples, exam.parts[m].labels) for m, samples in worse.items()}
    return ExamSet(parts, exam.concepts)


def _pairs(cell: Cell, folder: Path, steps: int, single_share: float, most: int | None = None) -> dict[str, Any]:
    """One arm of the imbalance, of at most so many events: its figures, kept in `folder` once they are there."""
    result = folder / "result.json"
    if result.exists():
        kept: dict[str, Any] = json.loads(result.read_text())
        return kept
    teacher = TeacherConfig(
        style="classroom", paired_share=cell["share"], paired_seed=cell["seed"], single_share=single_share
    )
    images, speech = load(cell)
    judges = judges_of(cell, images, speech)
    learner = LearnerConfig.from_dict({**BRISK, **cell["learner"]})
    # Samples begin to be moved at the same share of the way in every arm.
    moves = {name: getattr(learner, name) * steps // cell["steps"] for name in ("augment_from", "augment_growth")}
    learner = learner.replace(**moves)
    replay = ReplayConfig(limiter_slack=SLACK, min_size=SLACK)
    notes: dict[str, Any] = {"steps on pairs": 0}
    with Trial(taught_digits(images, speech), teacher, replay, learner, cell["seed"], folder, steps, most) as trial:

        def count() -> None:
            notes["steps on pairs"] += trial.smart.at is not None and "+" in trial.smart.at.kind

        _drive(trial, folder, count, notes)
        accuracy = examine(published(trial), judges, trial.machine.exam()).accuracy
        paired = sum(n for kind, n in trial.events_by_kind.items() if "+" in kind)
        figures = {**notes, "steps": trial.done, "events": trial.events, "events paired": paired, **accuracy}
        figures |= {"seconds": trial.seconds, "MLC": judges["image"].accuracy, "GLC": judges["audio"].accuracy}
    write_json(result, figures)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return figures


def _stream(
    cell: Cell,
    folder: Path,
    teacher: TeacherConfig,
    learner: LearnerConfig,
    events: int,
    due: Callable[[Trial, int], bool],
    exam: Callable[[Trial, Mapping[str, Judge], int], dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[BatchScore], dict[str, float]]:
    """One trial with prequential answers, and with exams when they are due and at the end.

    Returns:
        The exams, each with `events` and `steps`; the answers; and by modality the share of worsened exam samples
        that its judge knows: a classifier that learned from labels, and no more once they are gone.
    """
    replay = ReplayConfig(
        capacity=cell["capacity"], remover=cell["remover"], limiter_slack=SLACK, min_size=min(SLACK, cell["capacity"])
    )
    images, speech = load(cell)
    judges = judges_of(cell, images, speech)
    notes: dict[str, Any] = {"exams": [], "answers": []}
    with Trial(
        taught_digits(images, speech), teacher, replay, learner, cell["seed"], folder, cell["steps"], events
    ) as trial:
        preq = Prequential(trial, judges)
        trial.tap = preq.observe
        worse = worsen(trial.machine.exam())

        def look() -> None:
            taken: list[dict[str, Any]] = notes["exams"]
            if due(trial, len(taken)) or trial.done == trial.steps:
                at = {"events": trial.events, "steps": trial.done}
                taken.append(at | exam(trial, judges, len(taken)))

        _drive(trial, folder, look, notes, preq)
    judged = {
        m: float((judges[m].grade(to_network(part.samples, m)).numpy() == part.labels).mean())
        for m, part in worse.parts.items()
    }
    # Hundreds of megabytes over all cells; whoever is killed before the rows are kept makes this trial again.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return notes["exams"], preq.answers, judged


def _drive(
    trial: Trial,
    folder: Path,
    each: Callable[[], None],
    notes: dict[str, Any],
    preq: Prequential | None = None,
) -> None:
    """Steps to the end with `each()` after every one; goes on from the checkpoint in `folder`, notes included."""
    checkpoints = folder / "checkpoints"
    if trial.restore(checkpoints):
        notes |= json.loads((folder / f"notes-{trial.done}.json").read_text())
        if preq is not None:
            preq.restore(notes["answers"])
    while trial.done < trial.steps:
        trial.step()
        each()
        if trial.done % SAVE_EVERY == 0 or trial.done == trial.steps:
            if preq is not None:
                notes["answers"] = preq.state()
            # Before the checkpoint: one that is there has its notes.
            write_json(folder / f"notes-{trial.done}.json", notes)
            trial.save(checkpoints)
            for old in folder.glob("notes-*.json"):
                if old.name != f"notes-{trial.done}.json":
                    old.unlink()
        if trial.done % 10 == 0:
            progress(trial.done, trial.steps)


def _streaming(cell: Cell) -> LearnerConfig:
    """A learner for a stream whose end nobody knows: no cooldown, and published weights that follow soon.

    Nothing is moved, so that what is known at a time is what came until then.
    """
    return LearnerConfig.from_dict({**BRISK, "augment": 0.0, "cooldown": 0.0, "average": 0.98, **cell["learner"]})


def _events(steps: int, learner: LearnerConfig) -> int:
    """Events that replay takes during so many steps, in whole batches.

    Raises:
        ConfigError: so few that all of them may come before the learner begins.
    """
    batch, per_step = TeacherConfig().batch_events, learner.batch / ReplayConfig().samples_per_insert
    events = int(steps * per_step) // batch * batch
    if events < SLACK:
        raise ConfigError(f"steps: {steps} for a phase or stream are too few; {math.ceil(SLACK / per_step)} at least")
    return events
