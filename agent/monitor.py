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

from agent.config import MonitorConfig
from agent.exam import Grades, Networks, examining, result, shorten, to_network
from agent.judges import Judge, Training
from agent.sheet import draw_sheet
from sensors.griffin_lim import invert, write_wav
from sensors.spectrogram import dequantise
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

    def examining(self, networks: Any, whole: bool = False) -> Generator[str, None, Findings]:
        """As `examine`; yields once, before it begins."""
        yield "under way"
        return self.examine(networks, whole)


class Monitor:
    """Judges and exams.

    Args:
        config: settings.
        data: modality -> labelled dataset, for the judges' training.
        exam: test data with labels, from the teacher.
        samples: directory of contact sheets and sounds.
        cache: directory of trained judges.
    """

    def __init__(
        self,
        config: MonitorConfig,
        data: Mapping[str, Samples],
        exam: ExamSet,
        samples: Path,
        cache: Path | None,
    ) -> None:
        self.config = config
        self.exam = exam
        self.short = shorten(exam, config.images, config.clips)
        self.samples = samples
        steps = {"image": config.judge_steps_image, "audio": config.judge_steps_audio}
        self.trainings = {m: Training(m, data[m], steps[m], config.judge_seed, cache) for m in ("audio", "image")}
        self._told = False
        self._last_exam = -1e9
        self._exams = 0

    @property
    def ready(self) -> bool:
        """Whether both judges are fully trained."""
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
        if not self.ready or self._told:
            return Findings()
        self._told = True
        words = [f"{t.judge.name} {t.judge.accuracy:.2%} on {t.samples.name}" for t in self.trainings.values()]
        kept = " (from the cache)" if all(t.cached for t in self.trainings.values()) else ""
        return Findings(self._judges(), f"judges ready{kept}: {', '.join(words)}")

    @property
    def trained(self) -> float:
        """Share of the judges' training that is done, 0…1."""
        return min(t.done / t.steps for t in self.trainings.values())

    def examine(self, networks: Networks, whole: bool = False) -> Findings:
        """As `examining`, all pieces at once."""
        return result(self.examining(networks, whole))

    def examining(self, networks: Networks, whole: bool = False) -> Generator[str, None, Findings]:
        """One exam, piece by piece: figures, a contact sheet, and at the first and the final exam sounds.

        Args:
            networks: what the learner published.
            whole: examine on all test data, and call it final.

        Yields:
            How far it is, for people.
        """
        self._last_exam = time.monotonic()
        judges = {m: t.judge for m, t in self.trainings.items() if t.usable}
        grades = yield from examining(networks, judges, self.exam if whole else self.short)
        self._exams += 1
        self._draw(networks, judges, grades, whole)
        if whole or self._exams == 1:
            self._sound(networks)
        figures: dict[str, float | str] = {f"exam/{path}": value for path, value in grades.accuracy.items()}
        figures |= {f"exam_count/{path}": float(n) for path, n in grades.counts.items()}
        figures["examined/step"] = float(grades.step)
        words = ", ".join(f"{path.replace('_to_', '->')} {v:.2%}" for path, v in grades.accuracy.items())
        name = "final exam" if whole else "exam"
        note = f"{name} at step {grades.step:,} on {self._extent(grades)}: {words}"
        if not self.ready:
            shares = ", ".join(f"{t.judge.name} {t.judge.trained:.0%}" for t in self.trainings.values())
            note += f" (judges still in training: {shares})"
        return Findings(figures | self._judges(), note)

    def _extent(self, grades: Grades) -> str:
        """How much of which test data an exam took, for people."""
        exam, counts = self.exam, grades.counts
        parts = []
        for name, used, of, unit in (
            (exam.image_name, counts["image_to_audio"], len(exam.images), "images"),
            (exam.audio_name, counts["audio_to_image"], len(exam.audio), "clips"),
        ):
            parts.append(f"{used:,}{'' if used == of else f' of {of:,}'} {name} {unit}")
        return " and ".join(parts)

    def _judges(self) -> dict[str, float | str]:
        usable = {m: t for m, t in self.trainings.items() if t.usable}
        out: dict[str, float | str] = {f"judge/{m}": t.judge.accuracy for m, t in usable.items()}
        return out | {f"judge_trained/{m}": t.judge.trained for m, t in usable.items()}

    def _draw(self, networks: Networks, judges: Mapping[str, Judge], grades: Grades, whole: bool) -> None:
        crossing = [f"{p.replace('_to_', '->')} {grades.accuracy[p]:.1%}" for p in ("image_to_audio", "audio_to_image")]
        title = f"step {grades.step:,}   {'   '.join(crossing)}   on {self._extent(grades)}"
        sheet = draw_sheet(networks, judges, self.short, title)
        name = f"sheet-{grades.step:09d}{'-final' if whole else ''}"
        done, png = cv2.imencode(".png", sheet)
        if done:
            replace_file(self.samples / f"{name}.png", png.tobytes())
            replace_file(self.samples / "latest.png", png.tobytes())
        tables: dict[str, Any] = {path: table.tolist() for path, table in grades.confusion.items()}
        report = {
            "step": grades.step,
            "accuracy": dict(grades.accuracy),
            "counts": dict(grades.counts),
            "confusion (true x judged)": tables,
        }
        replace_file(self.samples / f"{name}.json", json.dumps(report).encode())
        for old in sorted(self.samples.glob("sheet-*.png"))[:-SHEETS]:
            old.unlink()
            old.with_suffix(".json").unlink(missing_ok=True)

    def _sound(self, networks: Networks) -> None:
        """The sounds that a few test images evoke, as WAV files named after the image's concept."""
        labels = self.short.image_labels
        for concept in range(min(self.config.wavs, len(self.exam.concepts))):
            rows = np.flatnonzero(labels == concept)[:1]
            if not len(rows):
                continue
            made = networks.evoke(to_network(self.short.images[rows]), "image", "audio")
            stored = (made.clamp(0, 1) * 255).round().numpy().astype(np.uint8)
            wave = invert(dequantise(stored)[0])
            word = self.exam.concepts[concept]
            write_wav(self.samples / f"image-of-{word}-evokes-{networks.step:09d}.wav", wave)


def replace_file(path: Path, content: bytes) -> None:
    """Write beside its place and rename: whoever looks sees the old content or the new one."""
    stage = path.with_name(f".{path.name}")
    stage.write_bytes(content)
    os.replace(stage, path)
