"""The monitor of an algorithm that generates nothing: what it finds in the other senses, without any judge."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
from torch import Tensor

from agent.algorithms import CONTRASTIVE
from agent.config import MonitorConfig
from agent.exams.retrieval import encode_exam, retrieve
from agent.exams.sheet import draw_sheet, pages
from agent.monitors.monitor import SHEETS, Findings, InOnePiece, replace_file
from agent.networks.published import Networks
from teacher.datasets import ExamSet


class RetrievalMonitor(InOnePiece):
    """Retrieval exams; there is nothing to train first.

    Args:
        config: settings.
        exam: test data with labels, from the teacher.
        samples: directory of contact sheets.
        name: by which its figures and notes are told from another one's; empty where there is one.
        learned_by: name of the algorithm that is examined, whose steps the notes tell.
    """

    ready = True

    def __init__(
        self, config: MonitorConfig, exam: ExamSet, samples: Path, name: str = "", learned_by: str = CONTRASTIVE.name
    ) -> None:
        self.config = config
        self._learned_by = learned_by
        self.exam = exam
        self.short = exam.shorten(dict.fromkeys(exam.parts, config.exam_samples))
        self.samples = samples
        self._room = f"{name}/" if name else ""
        self._about = f"{name}: " if name else ""
        self._last_exam = -1e9
        samples.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def due(self) -> bool:
        """Whether the interval between exams has passed."""
        return time.monotonic() - self._last_exam >= self.config.every

    def train(self, seconds: float) -> Findings:
        """Nothing to train."""
        return Findings()

    def examine(self, networks: Networks, whole: bool = False) -> Findings:
        """One exam: figures 'retrieval/…', a contact sheet with what was found, and one line about them.

        Args:
            networks: what the learner published.
            whole: examine on all test data, and call it final.
        """
        self._last_exam = time.monotonic()
        asked = self.exam if whole else self.short
        # Encoding takes most of the time: it is done once, for the figures and for all pages of the contact sheet.
        latents = encode_exam(networks, asked)
        retrieved = retrieve(networks, asked, latents)
        figures: dict[str, float | str] = {f"retrieval/{self._room}{k}": v for k, v in retrieved.shares.items()}
        figures |= {f"retrieval_chance/{self._room}{k}": v for k, v in retrieved.chance.items()}
        figures[f"examined/{self._room}step"] = float(networks.step)
        words = [
            f"{name.removesuffix('/r1').replace('_to_', '->')} R@1 {share:.2%} (chance {retrieved.chance[name]:.1%})"
            for name, share in retrieved.shares.items()
            if name.endswith("/r1")
        ]
        extent = " and ".join(f"{len(part):,} {part.name} {m} samples" for m, part in asked.parts.items())
        sheet_title = "   ".join([f"step {networks.step:,} of {self._learned_by}", *words, f"on {extent}"])
        self._draw(networks, asked, latents, sheet_title, dict(retrieved.shares), whole)
        title = "final retrieval exam" if whole else "retrieval exam"
        step = f"{networks.step:,} of {self._learned_by}"
        return Findings(figures, f"{self._about}{title} at step {step} on {extent}: {', '.join(words)}")

    def _draw(
        self,
        networks: Networks,
        exam: ExamSet,
        latents: Mapping[str, Tensor],
        title: str,
        shares: dict[str, float],
        whole: bool,
    ) -> None:
        """The contact sheet's pages and its figures; the oldest ones make room."""
        name = f"sheet-{networks.step:09d}{'-final' if whole else ''}"
        for page, shown in enumerate(pages(len(self.exam.concepts))):
            ending = f"-{page + 1}" if page else ""
            done, png = cv2.imencode(".png", draw_sheet(networks, {}, exam, title, shown, latents))
            if done:
                replace_file(self.samples / f"{name}{ending}.png", png.tobytes())
                replace_file(self.samples / f"latest{ending}.png", png.tobytes())
        report = {"step": networks.step, "concepts": list(self.exam.concepts), "retrieval": shares}
        replace_file(self.samples / f"{name}.json", json.dumps(report).encode())
        for old in sorted(self.samples.glob("sheet-*.json"))[:-SHEETS]:
            for picture in self.samples.glob(f"{old.stem}*.png"):
                picture.unlink()
            old.unlink()
