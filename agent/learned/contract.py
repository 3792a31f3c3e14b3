"""The contract of an agent that answers other programs, whether it was loaded from a run or is asked over HTTP."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.learned.sample import Sample
from sensors.core.errors import ConfigError, EventError

Given = str | os.PathLike[str] | bytes | NDArray[Any]
"""What can be asked about: the path of a file, the bytes of one, a stored array (one sample, or several along a first
axis), a picture (H, W) or (H, W, 3) uint8 in red, green, blue, or a waveform (samples,) float at 16 kHz."""
NEAREST = 5
"""Known samples that `nearest` finds by default."""
MOST_NEAREST = 100
"""Most known samples that `nearest` finds."""


@dataclass(frozen=True)
class EvokedSamples(Mapping[str, Sample]):
    """What a sample evokes: sense -> sample. Its own sense is among them where that was asked for.

    Attributes:
        step: learner step of the weights that answered.
        asked: what was asked about, as the learner perceives it.
        samples: sense -> what is evoked in it.
        part: begin and end, in seconds, of the part of a sound that was taken; None for anything else.
    """

    step: int
    asked: Sample
    samples: Mapping[str, Sample]
    part: tuple[float, float] | None = None

    def __getitem__(self, sense: str) -> Sample:
        return self.samples[sense]

    def __iter__(self) -> Iterator[str]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class NearSample:
    """A known sample that is near to what was asked about.

    Attributes:
        id: its reference, such as 'event.audio+image.17.image'.
        sample: itself.
        name: of its concept, where the run has names; None otherwise.
        distance: between the latents, no unit.
    """

    id: str
    sample: Sample
    name: str | None
    distance: float


class Agent(ABC):
    """Answers what samples evoke, where they lie in the latent spaces, and which known samples are near.

    Every question names one sense and what is given of it, as in `evoke(image="three.png")`; see `Given`.
    """

    @property
    @abstractmethod
    def step(self) -> int:
        """Learner step of the weights that answer."""

    @property
    @abstractmethod
    def senses(self) -> tuple[str, ...]:
        """Names of the senses that can be asked about and evoked."""

    @abstractmethod
    def heard(self, sense: str) -> bool:
        """Whether samples of a sense can be heard."""

    @abstractmethod
    def evoke(
        self, target: str | Sequence[str] = (), *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> EvokedSamples:
        """What a sample evokes.

        Args:
            target: sense, or senses, in which it is wanted; its own may be among them: what is remembered. None named:
                all other senses.
            prepare: how a picture becomes a sample, one of `sensors.given.PREPARATIONS`; None: as suits the run.
            cut: of a sound, `auto` (the loudest utterance in it) or `whole`.
            given: one sense and what is given of it.

        Raises:
            UserError: the sense is not known, or no sample can be made of what was given; the message says why.
        """

    @abstractmethod
    def latents(
        self, target: str | None = None, *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> NDArray[np.float32]:
        """The latents of samples: (B, L) float32, of one sample (1, L).

        Args:
            target: the sense into whose space they are translated; None: the space of the given sense.
            prepare: as of `evoke`.
            cut: as of `evoke`.
            given: one sense and what is given of it.

        Raises:
            UserError: as `evoke`.
        """

    @abstractmethod
    def nearest(
        self,
        target: str | None = None,
        count: int = NEAREST,
        *,
        prepare: str | None = None,
        cut: str = "auto",
        **given: Given,
    ) -> list[NearSample]:
        """The known samples that are nearest to what one sample means, the nearest first.

        Args:
            target: the sense of the samples that are searched; None: the given sense.
            count: how many, at most; fewer where fewer are known.
            prepare: as of `evoke`.
            cut: as of `evoke`.
            given: one sense and what is given of it.

        Raises:
            UserError: as `evoke`, or nothing of that sense is known.
        """


def one_given(given: Mapping[str, Given], known: Sequence[str]) -> tuple[str, Given]:
    """The one sense that a question names, and what is given of it.

    Raises:
        ConfigError: none or several are named.
        EventError: the agent does not know the sense.
    """
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ConfigError(f"name one sense, as in {known[0]}=…; {named} named, the agent knows {', '.join(known)}")
    ((sense, what),) = given.items()
    check_known(sense, known)
    return sense, what


def check_known(sense: str, known: Sequence[str]) -> None:
    """Refuse a sense that the agent does not know.

    Raises:
        EventError: names those that it knows.
    """
    if sense not in known:
        raise EventError(f"sense {sense!r}: the agent knows {', '.join(known)}")


def check_count(count: int) -> None:
    """Refuse a number of known samples that cannot be found.

    Raises:
        ConfigError: says the bounds.
    """
    if not 1 <= count <= MOST_NEAREST:
        raise ConfigError(f"count={count}: expected 1…{MOST_NEAREST}")
