"""The monitor: trains its judges, examines the learner, keeps what it drew and heard."""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.algorithms import SMART
from agent.config import MonitorConfig
from agent.exams.confusion import draw_confusion
from agent.exams.exam import Grades, examining, result
from agent.exams.judges import Judge, Training
from agent.exams.progress import ExamProgress
from agent.exams.retrieval import retrieve
from agent.exams.sheet import draw_sheet, pages
from agent.networks.published import Networks, to_network
from sensors.core.modalities import modality
from sensors.senses import sense
from sensors.signals.griffin_lim import write_wav
from teacher.datasets import ExamSet, Samples

SHEETS = 50
"""Newest contact sheets that are kept."""


@dataclass
class Findings:
    """What one piece of the monitor's work found.

    Attributes:
        figures: flat, new ones only: 'exam/image_to_audio', 'judge/image', …, fractions.
        note: one line for people, or empty.
    """

    figures: dict[str, float | str] = field(default_factory=dict)
    note: str = ""


class InOnePiece(ABC):
    """A subject whose judges are trained, and whose exam is done, in one go."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether its judges are fully trained."""

    @property
    def trained(self) -> float:
        """Share of their training that is done: none or all of it."""
        return float(self.ready)

    @abstractmethod
    def examine(self, networks: Any, whole: bool = False) -> Findings:
        """One exam of what the learner published."""

    def examining(self, networks: Any, whole: bool = False) -> Generator[ExamProgress, None, Findings]:
        """As `examine`; yields once, before it begins."""
        yield ExamProgress("under way")
        return self.examine(networks, whole)


class Monitor:
    """Judges and exams.

    Args:
        config: settings.
        data: modality -> labelled dataset, for the judges' training.
        exam: test data with labels, from the teacher.
        samples: directory of contact sheets and sounds.
        cache: directory of trained judges.
        name: of the subject, by which its figures and notes are told from another one's; empty where there is one.
        learned_by: name of the algorithm that is examined, whose steps the notes tell.
        mirror: whether judges may learn from mirrored samples.
    """

    def __init__(
        self,
        config: MonitorConfig,
        data: Mapping[str, Samples],
        exam: ExamSet,
        samples: Path,
        cache: Path | None,
        name: str = "",
        learned_by: str = SMART.name,
        mirror: bool = True,
    ) -> None:
        self.config = config
        self._learned_by = learned_by
        self._room = f"{name}/" if name else ""
        self._about = f"{name}: " if name else ""
        samples.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.exam = exam
        self.short = exam.shorten(dict.fromkeys(exam.parts, config.exam_samples))
        self.samples = samples
        self.trainings = {
            m: Training(
                m, data[m], config.judge_steps, config.judge_seed, cache, concepts=len(exam.concepts), mirror=mirror
            )
            for m in exam.parts
        }
        self._told = False
        self._last_exam = -1e9
        self._exams = 0
        self._newest: Grades | None = None

    def material(self, known: int | None) -> dict[str, Any]:
        """What the page shows of the exams, to cross a process boundary.

        Args:
            known: step of the exam that the caller knows, and with it the exam set; None: it knows nothing yet.

        Returns:
            `name` of the subject, `exam` (see `ExamSet.to_dict`; None where it is known), `step` of the newest exam (-1
            before the first), `judges` (sense -> accuracy) and `verdicts`: (from, to, rows, judged concepts) each.
        """
        newest = self._newest
        said = {} if newest is None else newest.verdicts
        return {
            "name": self._room.rstrip("/"),
            "exam": self.short.to_dict() if known is None else None,
            "step": -1 if newest is None else newest.step,
            "judges": {m: t.judge.accuracy for m, t in self.trainings.items() if t.usable},
            "verdicts": [(source, target, *found) for (source, target), found in said.items()],
        }

    @property
    def ready(self) -> bool:
        """Whether all judges are fully trained."""
        return all(t.finished for t in self.trainings.values())

    @property
    def due(self) -> bool:
        """Whether it is time for an exam: judges were examined once, and the interval has passed."""
        usable = all(t.usable for t in self.trainings.values())
        return usable and time.monotonic() - self._last_exam >= self.config.every

    def train(self, seconds: float) -> Findings:
        """Train the judges for about `seconds`, the less advanced one first."""
        begun = time.monotonic()
        while not self.ready and time.monotonic() - begun < seconds:
            min(self.trainings.values(), key=lambda t: t.done / t.steps).step()
        if not self.ready:
            return Findings({f"judge_trained/{self._room}{m}": t.done / t.steps for m, t in self.trainings.items()})
        if self._told:
            return Findings()
        self._told = True
        words = [f"{t.judge.name} {t.judge.accuracy:.2%} on {t.samples.name}" for t in self.trainings.values()]
        kept = " (from the cache)" if all(t.cached for t in self.trainings.values()) else ""
        return Findings(self._judges(), f"{self._about}judges ready{kept}: {', '.join(words)}")

    @property
    def trained(self) -> float:
        """Share of the judges' training that is done, 0…1."""
        return min(t.done / t.steps for t in self.trainings.values())

    def examine(self, networks: Networks, whole: bool = False) -> Findings:
        """As `examining`, all pieces at once."""
        return result(self.examining(networks, whole))

    def examining(self, networks: Networks, whole: bool = False) -> Generator[ExamProgress, None, Findings]:
        """One exam, piece by piece: figures, a contact sheet, and at the first and the final exam sounds.

        Args:
            networks: what the learner published.
            whole: examine on all test data, and call it final.

        Yields:
            How far it is, for people.
        """
        self._last_exam = time.monotonic()
        judges = {m: t.judge for m, t in self.trainings.items() if t.usable}
        asked = self.exam if whole else self.short
        grades = yield from examining(networks, judges, asked)
        if not whole:
            self._newest = grades
        yield ExamProgress("looking for concepts in the other senses")
        retrieved = retrieve(networks, asked)
        yield ExamProgress("drawing")
        self._exams += 1
        self._draw(networks, judges, grades, whole)
        if whole or self._exams == 1:
            self._sound(networks)
        figures: dict[str, float | str] = {f"exam/{self._room}{path}": value for path, value in grades.accuracy.items()}
        figures |= {f"exam_count/{self._room}{path}": float(n) for path, n in grades.counts.items()}
        figures |= {f"retrieval/{self._room}{name}": value for name, value in retrieved.shares.items()}
        figures |= {f"retrieval_chance/{self._room}{name}": value for name, value in retrieved.chance.items()}
        figures[f"examined/{self._room}step"] = float(grades.step)
        words = ", ".join(
            f"{path.replace('_to_', '->')} {v:.2%}{_fewer(grades, path)}" for path, v in grades.accuracy.items()
        )
        name = "final exam" if whole else "exam"
        note = f"{self._about}{name} at step {grades.step:,} of {self._learned_by} on {self._extent(grades)}: {words}"
        if not self.ready:
            shares = ", ".join(f"{t.judge.name} {t.judge.trained:.0%}" for t in self.trainings.values())
            note += f" (judges still in training: {shares})"
        return Findings(figures | self._judges(), note)

    def _extent(self, grades: Grades) -> str:
        """How much of which test data an exam took, for people."""
        parts = []
        for source, part in self.exam.parts.items():
            used = grades.sizes.get(source, 0)
            parts.append(f"{used:,}{'' if used == len(part) else f' of {len(part):,}'} {part.name} {source} samples")
        return " and ".join(parts)

    def _judges(self) -> dict[str, float | str]:
        usable = {m: t for m, t in self.trainings.items() if t.usable}
        out: dict[str, float | str] = {f"judge/{self._room}{m}": t.judge.accuracy for m, t in usable.items()}
        return out | {f"judge_trained/{self._room}{m}": t.judge.trained for m, t in usable.items()}

    def _draw(self, networks: Networks, judges: Mapping[str, Judge], grades: Grades, whole: bool) -> None:
        """The contact sheet's pages, the confusion table and their figures; the oldest ones make room."""
        title = f"step {grades.step:,} of {self._learned_by}   {_crossing(grades)}   on {self._extent(grades)}"
        name = f"sheet-{grades.step:09d}{'-final' if whole else ''}"
        for page, shown in enumerate(pages(len(self.exam.concepts))):
            ending = f"-{page + 1}" if page else ""
            self._picture(f"{name}{ending}", draw_sheet(networks, judges, self.short, title, shown), f"latest{ending}")
        if grades.confusion:
            self._picture(f"{name}-confusion", draw_confusion(grades, self.exam.concepts), "latest-confusion")
        tables: dict[str, Any] = {path: table.tolist() for path, table in grades.confusion.items()}
        report = {
            "step": grades.step,
            "concepts": list(self.exam.concepts),
            "accuracy": dict(grades.accuracy),
            "counts": dict(grades.counts),
            "confusion (true x judged)": tables,
        }
        replace_file(self.samples / f"{name}.json", json.dumps(report).encode())
        for old in sorted(self.samples.glob("sheet-*.json"))[:-SHEETS]:
            for picture in self.samples.glob(f"{old.stem}*.png"):
                picture.unlink()
            old.unlink()

    def _picture(self, name: str, picture: NDArray[np.uint8], latest: str) -> None:
        done, png = cv2.imencode(".png", picture)
        if done:
            replace_file(self.samples / f"{name}.png", png.tobytes())
            replace_file(self.samples / f"{latest}.png", png.tobytes())

    def _sound(self, networks: Networks) -> None:
        """The sounds that a few test samples evoke, as WAV files named after the samples' concepts."""
        for source, part in self.short.parts.items():
            for target in self.short.parts:
                listen = sense(target).hear
                if target == source or listen is None:
                    continue
                for concept, word in enumerate(self.exam.concepts[: self.config.wavs]):
                    rows = np.flatnonzero(part.labels == concept)[:1]
                    if len(rows):
                        made = networks.evoke(to_network(part.samples[rows], source), source, target).numpy()[0]
                        name = f"{source}-of-{file_name(word)}-evokes-{target}-{networks.step:09d}.wav"
                        wave = listen(modality(target).stored(made / modality(target).scale))
                        if len(wave):
                            write_wav(self.samples / name, wave)


def _crossing(grades: Grades) -> str:
    """The accuracies of all paths from one sense to another."""
    paths = [path for path in grades.accuracy if len(set(path.split("_to_"))) > 1]
    return "   ".join(
        f"{path.replace('_to_', '->')} {grades.accuracy[path]:.1%}{_fewer(grades, path)}" for path in paths
    )


def _fewer(grades: Grades, path: str) -> str:
    """How many samples a path graded, for people, where the other sense knows only some of the concepts."""
    count = grades.counts[path]
    return "" if count == grades.sizes[path.partition("_to_")[0]] else f" (of {count:,})"


def file_name(word: str) -> str:
    """A concept's name as a part of a file's name: letters, digits and '-', at most 40 of them."""
    return "".join(c if c.isalnum() else "-" for c in word)[:40]


def replace_file(path: Path, content: bytes) -> None:
    """Write beside its place and rename: a reader sees the old content or the new one."""
    stage = path.with_name(f".{path.name}")
    stage.write_bytes(content)
    os.replace(stage, path)
