"""Letters that a person was asked to say: labelled speech, with their lips where the camera shows a face."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.browsers.prompts import Prompt
from sensors.core.errors import SourceError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality
from sensors.cutters.segmentation import Utterance
from sensors.perception.pairing import Moment
from sensors.signals.faces import Lips
from sensors.signals.lips import FRAMES, store_lips
from sensors.signals.mfcc import mfcc
from sensors.signals.pictures import grey
from sensors.signals.readings import Frame

USE = "letters"
"""What such prompts are for."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Letters by label."""
STEP = 0.04
"""Seconds from one frame of a stored film of lips to the next."""
SPAN = STEP * FRAMES
"""Seconds of such a film: as long as stored speech."""
FARTHEST = 0.2
"""Seconds between a frame of the film and the camera's picture that is nearest, at most."""
NO_FACE = "no face was seen while it was said: look into the camera, or mark the letter 'speech alone'"


class SaidLetters:
    """Makes events of letters that were said.

    Args:
        source: name of the events' source.
        generation: never used before by this source.
        frames: the newest pictures of the camera, oldest first.
        give: called with each event, and the monotonic second at which it was captured.
    """

    def __init__(
        self,
        source: str,
        generation: int,
        frames: Callable[[], Sequence[Frame]],
        give: Callable[[EventBatch, float], None],
    ) -> None:
        self._source, self._generation = source, generation
        self._frames, self._give = frames, give
        self._seq = 0

    def refuse(self, label: str) -> str:
        """Why nothing of such a label can be kept: it must be a letter."""
        return "" if label.upper() in LETTERS and len(label) == 1 else f"{label!r} is no letter from A to Z"

    def keep(self, prompt: Prompt, moment: Moment) -> str | None:
        """Make an event of what was said; what is only seen is none."""
        said = next((one for one in moment.percepts.values() if isinstance(one, Utterance)), None)
        if said is None:
            return None
        samples: dict[str, NDArray[Any]] = {"speech": mfcc([said.samples])}
        if not prompt.alone:
            try:
                film = lip_film(self._frames(), said.start)
            except SourceError as error:  # no face can be found here at all
                return str(error)
            if film is None:
                return NO_FACE
            samples["lips"] = film[None]
        label = LETTERS.index(prompt.label.upper())
        samples["letter"] = np.array([[label]], modality("letter").dtype)
        batch = EventBatch(
            self._source,
            self._generation,
            np.array([self._seq], np.int64),
            np.array([said.start]),
            np.array([said.end]),
            np.array([NO_LESSON], np.int64),
            samples,
        )
        self._seq += 1
        self._give(batch, said.end)
        return ""


def lip_film(frames: Sequence[Frame], start: float) -> NDArray[np.uint8] | None:
    """The lips from a monotonic second on, as a stored sample (12, 60, 80).

    Args:
        frames: a camera's pictures, oldest first.
        start: of the speech.

    Returns:
        Differences from the film's mean frame, see `sensors.signals.lips`; None where no face is seen throughout.
    """
    near = [frame for frame in frames if start - FARTHEST <= frame.time <= start + SPAN + FARTHEST]
    follower = Lips()
    seen = [(frame.time, lips) for frame in near if (lips := follower.observe(grey(frame.picture))) is not None]
    if len(seen) < 2:
        return None
    times = np.array([time for time, _ in seen])
    shown = np.stack([lips for _, lips in seen]).astype(np.float32)
    wanted = start + STEP * (np.arange(FRAMES) + 0.5)
    if np.abs(wanted[:, None] - times).min(axis=1).max() > FARTHEST:
        return None
    # Between two pictures, their weighted mean: cameras of browsers are slower than the films of the corpora.
    places = np.interp(wanted, times, np.arange(len(times)))
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(times) - 1)
    share = (places - low)[:, None, None].astype(np.float32)
    film = (1 - share) * shown[low] + share * shown[high]
    return store_lips((film - film.mean(axis=0)) / np.float32(255))
