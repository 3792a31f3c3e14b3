"""What the newest networks of TDLFT make of lips and of letters that are said."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.exams.lip_exam import imagine
from agent.tdlft.lip_networks import LipNetworks, speech_rows
from page.access.refusals import Refused
from sensors.core.errors import TransferError
from sensors.core.modalities import modality
from teacher.datasets.core.utterances import LETTERS

LIPS, SPEECH, LETTER = "lips", "speech", "letter"
TARGETS: Mapping[str, tuple[str, ...]] = {LIPS: (LETTER,), SPEECH: (LETTER, LIPS)}
"""What each of its senses evokes: lips and speech are recognised as letters, and speech evokes lips."""


class LipReader:
    """Answers by the networks of TDLFT's newest turn; from any thread."""

    def __init__(self) -> None:
        self._networks: LipNetworks | None = None
        self._lock = threading.Lock()

    @property
    def turn(self) -> int | None:
        """Turn of the networks; None before the first ones."""
        networks = self._networks
        return None if networks is None else networks.turn

    @property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """What each sense evokes; nothing before the first networks."""
        return {} if self._networks is None else TARGETS

    def renew(self, published: Mapping[str, Any]) -> None:
        """Answer by these from now on, as `LipReading.publish` hands them out."""
        self._networks = LipNetworks.from_dict(published["networks"])

    def evoke(self, sense: str, samples: NDArray[Any], targets: Sequence[str]) -> tuple[int, dict[str, NDArray[Any]]]:
        """What samples evoke.

        Args:
            sense: of the samples.
            samples: (B, *shape) in the stored dtype.
            targets: senses; empty: all that it evokes.

        Returns:
            The turn of the networks, and samples (B, *shape) by target; letters are their numbers.

        Raises:
            Refused: nothing is learned yet, or the sense does not evoke a target.
        """
        networks = self._networks
        if networks is None:
            raise Refused("not_ready", "lip reading has not been learned yet; ask again after TDLFT's first turn")
        if wrong := [target for target in targets if target not in TARGETS[sense]]:
            raise Refused("bad_request", f"target={wrong[0][:40]}: {sense} evokes {' and '.join(TARGETS[sense])}")
        found = {}
        for target in targets or TARGETS[sense]:
            try:
                found[target] = _evoked(networks, sense, samples, target)
            except TransferError:
                # Transfer at the labels' layer tells the letter alone: no way leads down from there.
                if targets:
                    raise Refused("unsupported", "speech evokes no lips: tdlft.layer is the labels' layer") from None
        return networks.turn, found


def letter_of(sample: NDArray[Any]) -> str:
    """The name of a letter, (1,) with its number."""
    return LETTERS[int(sample[0])]


def _evoked(networks: LipNetworks, sense: str, samples: NDArray[Any], target: str) -> NDArray[Any]:
    if target == LIPS:
        return imagine(networks, samples)
    read = networks.read(samples) if sense == LIPS else networks.audio.predict(speech_rows(samples))
    return np.asarray(read[:, None], modality(LETTER).dtype)
