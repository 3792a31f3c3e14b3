"""Exams: the learner's four paths over test data, graded by judges.

    image->audio   D_A(T_I->A(E_I(x)))  graded by GLC        image->image   D_I(E_I(x))  graded by MLC
    audio->image   D_I(T_A->I(E_A(x)))  graded by MLC        audio->audio   D_A(E_A(x))  graded by GLC

The paths through one modality alone bound what the crossing paths can reach: where image->audio is poor, audio->audio
tells whether the decoder or the transcoder is to blame.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.config import LearnerConfig
from agent.judges import Judge
from agent.smart import Side, load_module
from teacher.datasets import ExamSet

T = TypeVar("T")

BATCH = 250
PIECE = 500
"""Samples judged between two looks at the progress; whole batches of the networks and of the judges."""


@dataclass(frozen=True)
class Networks:
    """The learner's published networks, as the monitor holds them.

    Attributes:
        step: learner step at which they were published.
        sides: modality -> E, D and T, in evaluation mode.
    """

    step: int
    sides: Mapping[str, Side]

    @classmethod
    def build(cls, published: Mapping[str, Any]) -> "Networks":
        """From what `LearnerActor.weights` answers: step, preset, latent, modalities and arrays by name.

        Raises:
            StateError: arrays are missing, unknown or of another shape.
        """
        names = tuple(published["modalities"])
        config = LearnerConfig(preset=published["preset"], latent=published["latent"])
        arrays: Mapping[str, NDArray[Any]] = published["arrays"]
        sides = {}
        for m in names:
            # Without memory of its own: drawing weights only to replace them takes longer than all the rest.
            with torch.device("meta"):
                side = Side(m, tuple(o for o in names if o != m), config)
            own = {k.partition("/")[2]: torch.from_numpy(np.array(v)) for k, v in arrays.items() if _of(k, m)}
            load_module(side, own, f"published weights of {m}", assign=True)
            sides[m] = side.eval().requires_grad_(False)
        return cls(int(published["step"]), sides)

    def evoke(self, x: Tensor, source: str, target: str) -> Tensor:
        """What a sample of one modality evokes in another, or in its own.

        Args:
            x: (B, *shape) float 0…1 of `source`.
            source: the modality that is perceived.
            target: the modality that is generated.

        Returns:
            (B, *shape) float 0…1 of `target`.
        """
        with torch.inference_mode():
            out = []
            for part in torch.split(x, BATCH):
                z = self.sides[source].autoencoder.encode(part)
                if source != target:
                    z = self.sides[source].transcoders[target](z)
                out.append(self.sides[target].autoencoder.decode(z))
            return torch.cat(out)


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


def examining(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet) -> Generator[str, None, Grades]:
    """Grade every path for which there is a judge, piece by piece.

    Args:
        networks: what is examined.
        judges: modality -> judge of what is generated in it.
        exam: test samples and their labels.

    Yields:
        How far it is, for people: samples judged so far, and how many there are over all paths.
    """
    accuracy, confusion, counts = {}, {}, {}
    tests = {"image": (exam.images, exam.image_labels), "audio": (exam.audio, exam.audio_labels)}
    size = len(exam.concepts)
    done, whole = 0, len(judges) * sum(len(labels) for _, labels in tests.values())
    for source, (samples, labels) in tests.items():
        x = to_network(samples)
        for target, judge in judges.items():
            path = f"{source}_to_{target}"
            pieces = []
            for part in torch.split(x, PIECE):
                pieces.append(judge.grade(networks.evoke(part, source, target).clone()).numpy())
                done += len(part)
                yield f"judged {done:,} of {whole:,}"
            judged = np.concatenate(pieces)
            table = np.zeros((size, size), np.int64)
            np.add.at(table, (labels, judged), 1)
            accuracy[path] = float((judged == labels).mean())
            confusion[path] = table
            counts[path] = len(labels)
    return Grades(networks.step, accuracy, confusion, counts)


def examine(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet) -> Grades:
    """As `examining`, all pieces at once."""
    return result(examining(networks, judges, exam))


def result(pieces: Generator[str, None, T]) -> T:
    """Go through all pieces of some work; what comes of it."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            found: T = end.value
            return found


def shorten(exam: ExamSet, images: int, clips: int) -> ExamSet:
    """The first `images` and an even spread of `clips`: the running exam (the final exam takes all)."""
    rows = np.unique(np.linspace(0, len(exam.audio) - 1, min(clips, len(exam.audio))).round().astype(np.int64))
    return ExamSet(
        images=exam.images[:images],
        image_labels=exam.image_labels[:images],
        audio=exam.audio[rows],
        audio_labels=exam.audio_labels[rows],
        image_name=exam.image_name,
        audio_name=exam.audio_name,
        concepts=exam.concepts,
    )


def to_network(samples: NDArray[np.uint8]) -> Tensor:
    """Stored uint8 samples as network values 0…1."""
    return torch.from_numpy(np.array(samples)).float() / 255


def _of(key: str, modality: str) -> bool:
    return key.partition("/")[0] == modality
