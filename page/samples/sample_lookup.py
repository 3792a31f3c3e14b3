"""References of samples: what each of them names, and where it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page.access.refusals import Refused
from page.inference.codes import KnownSamples
from page.samples.exam_results import ExaminedSubject
from page.samples.questions import Questions
from page.samples.stored_events import StoredEvents
from sensors.core.modalities import modality
from sensors.given import in_color

LONGEST = 200
"""Longest reference, characters."""
_ALLOWED = re.compile(r"[A-Za-z0-9_+.\-]+")


@dataclass(frozen=True)
class SampleReference:
    """A reference, read.

    Attributes:
        base: the reference without `evoked.` and the target.
        target: sense in which what it evokes is wanted; empty: the sample itself is.
    """

    base: str
    target: str = ""


def read_reference(text: str) -> SampleReference:
    """Take a reference apart.

    Raises:
        Refused: it is none.
    """
    if len(text) > LONGEST or not _ALLOWED.fullmatch(text):
        raise Refused("not_found", "no such sample")
    kind, _, rest = text.partition(".")
    if kind != "evoked":
        return SampleReference(text)
    base, _, target = rest.rpartition(".")
    if not base or base.startswith("evoked."):
        raise Refused("not_found", f"sample {text}: expected evoked.REFERENCE.SENSE")
    return SampleReference(base, target)


class SampleLookup:
    """Finds samples by their references.

    Args:
        events: replay's.
        questions: the last ones.
        known: samples of each sense that questions are compared with.

    Attributes:
        subjects: the exams of the run, as far as the monitor told of them; replaced as a whole.
        senses: of the learner; replaced once they are known.
    """

    def __init__(self, events: StoredEvents, questions: Questions, known: int, senses: tuple[str, ...]) -> None:
        self.events, self.questions = events, questions
        self.subjects: Sequence[ExaminedSubject] = ()
        self.senses = senses
        self._known = known

    def find(self, base: str) -> tuple[str, NDArray[Any]]:
        """Sense and stored sample (*shape) of a reference that is no evoked one.

        Raises:
            Refused: there is no such sample, or no longer.
        """
        kind, *parts = base.split(".")
        if kind == "event" and len(parts) == 3 and parts[1].isdecimal() and len(parts[1]) < 19:
            return parts[2], self.events.sample(parts[0], int(parts[1]), parts[2])
        if kind == "exam" and len(parts) == 3 and parts[0].isdecimal() and parts[2].isdecimal():
            return parts[1], self._exam_sample(int(parts[0][:9]), parts[1], int(parts[2][:9]))
        if kind == "question" and len(parts) == 2 and parts[0].isdecimal():
            return self.questions.sample(int(parts[0][:18]), parts[1])
        raise Refused("not_found", f"no such sample: {base}")

    def subject(self, number: int) -> ExaminedSubject | None:
        """One subject's exam; None in a run without exams.

        Raises:
            Refused: there are exams, but none of this number.
        """
        subjects = self.subjects
        if not subjects:
            return None
        if not 0 <= number < len(subjects):
            raise Refused("not_found", f"subject {number}: there are {len(subjects)}")
        return subjects[number]

    def known_samples(self) -> tuple[Mapping[str, KnownSamples], Sequence[str]]:
        """The known samples by sense, and the names of their concepts: the first exam's, or the newest events."""
        subject = self.subject(0)
        if subject is None:
            recent = self.events.recent(self.senses, self._known)
            return {sense: KnownSamples(ids, samples, None) for sense, (ids, samples) in recent.items()}, ()
        found = {}
        for sense, part in subject.exam.parts.items():
            # An even spread: exam sets may be sorted by concept.
            rows = np.unique(np.linspace(0, len(part) - 1, self._known).round().astype(np.int64))
            ids = [exam_id(0, sense, int(row)) for row in rows]
            found[sense] = KnownSamples(ids, part.samples[rows], part.labels[rows])
        return found, subject.exam.concepts

    def _exam_sample(self, number: int, sense: str, row: int) -> NDArray[Any]:
        subject = self.subject(number)
        part = None if subject is None else subject.exam.parts.get(sense)
        if part is None or row >= len(part):
            raise Refused("not_found", f"no such sample: {exam_id(number, sense, row)}")
        sample: NDArray[Any] = part.samples[row]
        return sample


def exam_id(number: int, sense: str, row: int) -> str:
    """Reference of an exam's sample."""
    return f"exam.{number}.{sense}.{row}"


def evoked_id(base: str, target: str) -> str:
    """Reference of what a sample evokes."""
    return f"evoked.{base}.{target}"


def describe_sense(name: str, heard: bool, about: str, evokes: Sequence[str]) -> dict[str, Any]:
    """A sense, JSON-ready, as the status tells it.

    Args:
        name: of the sense.
        heard: whether its samples can be made into sound.
        about: what it is, for people.
        evokes: senses that it evokes; empty where nothing answers for it.
    """
    form = modality(name)
    return {
        "name": name,
        "about": about,
        "layout": form.layout,
        "shape": list(form.shape),
        "dtype": str(form.dtype),
        "color": in_color(form),
        "heard": heard,
        "evokes": list(evokes),
    }
