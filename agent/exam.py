"""Exams: every path of the learner over test data, graded by judges.

    image->audio   D_A(T_I->A(E_I(x)))  graded by the judge of sounds     image->image   D_I(E_I(x))
    audio->image   D_I(T_A->I(E_A(x)))  graded by the judge of images     audio->audio   D_A(E_A(x))

The paths through one modality alone bound what the crossing paths can reach: where image->audio is poor, audio->audio
tells whether the decoder or the transcoder is to blame. With more senses there are as many paths as pairs of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.inference import Networks, to_network
from agent.judges import Judge
from teacher.datasets import ExamSet

PIECE = 1000
"""Samples that are evoked and graded at once; a bound of memory."""


@dataclass(frozen=True)
class Grades:
    """Outcome of one exam.

    Attributes:
        step: learner step examined.
        accuracy: 'image_to_audio', … -> fraction of test samples whose judge says the true concept.
        confusion: path -> (true, judged) counts.
        counts: path -> number of test samples.
    """

    step: int
    accuracy: Mapping[str, float]
    confusion: Mapping[str, NDArray[np.int64]]
    counts: Mapping[str, int]


def examine(
    networks: Networks,
    judges: Mapping[str, Judge],
    exam: ExamSet,
    progress: Callable[[int, int], None] | None = None,
) -> Grades:
    """Grade every path for which there is a judge.

    Args:
        networks: what is examined.
        judges: modality -> judge of what is generated in it.
        exam: test samples and their labels.
        progress: called with the number of graded samples and of all.
    """
    accuracy, confusion, counts = {}, {}, {}
    size = len(exam.concepts)
    sources = {m: part for m, part in exam.parts.items() if m in networks.sides}
    whole, done = len(judges) * sum(map(len, sources.values())), 0
    for source, part in sources.items():
        for target, judge in judges.items():
            judged = []
            for at in range(0, len(part), PIECE):
                x = to_network(part.samples[at : at + PIECE], source)
                judged.append(judge.grade(networks.evoke(x, source, target).clone()).numpy())
                done += len(x)
                if progress is not None:
                    progress(done, whole)
            path, verdicts = f"{source}_to_{target}", np.concatenate(judged)
            table = np.zeros((size, size), np.int64)
            np.add.at(table, (part.labels, verdicts), 1)
            accuracy[path] = float((verdicts == part.labels).mean())
            confusion[path] = table
            counts[path] = len(part)
    return Grades(networks.step, accuracy, confusion, counts)
