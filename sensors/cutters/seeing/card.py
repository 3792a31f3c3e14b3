"""The finder `card`: a bright or dark card that holds still, and what is drawn on it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.cutters.seeing.contract import Fit, ViewFinder
from sensors.cutters.views import View, Views
from sensors.signals.cards import card_image, card_picture
from sensors.signals.pictures import camera_pixels
from sensors.sources.source import Frame


def look_at_card(picture: NDArray[np.uint8], color: bool) -> NDArray[np.uint8] | None:
    """The card in a picture as a sample: in its colours, or the ink on it; None without one."""
    return card_picture(picture) if color else card_image(picture)


class CardViews(Views):
    """Views of cards.

    Args:
        config: when a picture is seen.
        color: the card is taken in its colours; otherwise its ink is.
    """

    def __init__(self, config: Any, color: bool) -> None:
        super().__init__(lambda picture: look_at_card(picture, color), config)
        self._color = color

    def observe(self, frame: Frame, now: float | None = None) -> list[View]:
        """Reports on the views that this frame begins, confirms or ends; see `Views.observe`."""
        if not self._color and frame.picture.ndim == 3 and frame.picture.dtype == np.uint8 and frame.picture.size:
            # Stillness is judged in the pictures in which the ink is sought.
            frame = replace(frame, picture=camera_pixels(frame.picture, color=False))
        return super().observe(frame, now)


def _make(config: Any, color: bool, fit: Fit) -> CardViews:
    return CardViews(config.views, color)


FINDER = ViewFinder(
    name="card",
    about="bright or dark cards, and what is drawn on them",
    make=_make,
    lacks={"moved": "the picture moved: hold it still", "empty": "no card was seen, or nothing on it"},
)
