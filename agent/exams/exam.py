"""Exams: every path of the learner over test data, graded by judges.

    image->audio   D_A(T_I->A(E_I(x)))  graded by the judge of sounds     image->image   D_I(E_I(x))
    audio->image   D_I(T_A->I(E_A(x)))  graded by the judge of images     audio->audio   D_A(E_A(x))

The paths through one modality alone bound what the crossing paths can reach: where image->audio is poor, audio->audio
tells whether the decoder or the transcoder is to blame. With more senses there are as many paths as pairs of them.

A sample can be answered in another sense only if that sense knows its concept. A path is graded on the samples whose
concept the judge of the generated sense was taught; a path without such samples has no grade.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.exams.judges import Judge
from agent.exams.progress import ExamProgress
from agent.networks.published import Networks, to_network
from teacher.datasets import ExamSet

T = TypeVar("T")

MOST_TABULATED = 256
"""Concepts up to which confusions are counted: a table of 10,000 by 10,000 would take 800 MB and tell nobody much."""
PIECE = 500
"""Samples judged between two looks at the progress; whole batches of the networks and of the judges."""


@dataclass(frozen=True)
class Grades:
    """Outcome of one exam.

    Attributes:
        step: learner step examined.
        accuracy: 'image_to_audio', … -> fraction of the graded test samples whose judge says the true concept.
        confusion: path -> (true, judged) counts; empty with more than `MOST_TABULATED` concepts.
        counts: path -> number of graded test samples.
        sizes: sense -> number of its test samples, of which a path may grade fewer.
        verdicts: (from, to) -> rows of the graded test samples (N,) int64, and what the judge said of each (N,) int64.
    """

    step: int
    accuracy: Mapping[str, float]
    confusion: Mapping[str, NDArray[np.int64]]
    counts: Mapping[str, int]
    sizes: Mapping[str, int]
    verdicts: Mapping[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)


def examining(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet) -> Generator[ExamProgress, None, Grades]:
    """Grade every path for which there is a judge, piece by piece.

    Args:
        networks: what is examined.
        judges: modality -> judge of what is generated in it.
        exam: test samples and their labels.

    Yields:
        How far it is, for people: samples judged so far, and how many there are over all paths.
    """
    accuracy, confusion, counts, said = {}, {}, {}, {}
    size = len(exam.concepts)
    sources = {m: part for m, part in exam.parts.items() if m in networks.sides}
    graded = {
        (s, t): np.flatnonzero(judge.knows(part.labels)) for s, part in sources.items() for t, judge in judges.items()
    }
    done, whole = 0, sum(map(len, graded.values()))
    for source, part in sources.items():
        for target, judge in judges.items():
            pieces, rows = [], graded[source, target]
            if not len(rows):
                continue
            for at in range(0, len(rows), PIECE):
                x = to_network(part.samples[rows[at : at + PIECE]], source)
                pieces.append(judge.grade(networks.evoke(x, source, target).clone()).numpy())
                done += len(x)
                yield ExamProgress(f"judged {done:,} of {whole:,}", "judging", done / whole)
            path, verdicts, labels = f"{source}_to_{target}", np.concatenate(pieces), part.labels[rows]
            accuracy[path] = float((verdicts == labels).mean())
            said[source, target] = rows, verdicts
            if size <= MOST_TABULATED:
                confusion[path] = np.zeros((size, size), np.int64)
                np.add.at(confusion[path], (labels, verdicts), 1)
            counts[path] = len(rows)
    sizes = {source: len(part) for source, part in sources.items()}
    return Grades(networks.step, accuracy, confusion, counts, sizes, said)


def examine(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet) -> Grades:
    """As `examining`, all pieces at once."""
    return result(examining(networks, judges, exam))


def result(pieces: Generator[ExamProgress, None, T]) -> T:
    """Go through all pieces of some work; what comes of it."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            found: T = end.value
            return found
