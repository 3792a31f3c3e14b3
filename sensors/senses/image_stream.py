"""How `image` is perceived live: a camera, whose pictures are cut into views of cards that are held before it."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.cutters.views import View, Views
from sensors.senses.contract import Stream
from sensors.signals.cards import card_image, card_picture
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Source


def _sources(config: SensorsConfig) -> list[Source[Any]]:
    if config.camera is None:
        return []
    # Each kind of device brings a library of its own.
    from sensors.cameras.camera import Camera

    return [Camera.from_config(config, color=_in_color())]


def _cutter(config: Any) -> Views:
    return Views(card_picture if _in_color() else card_image, config.views)


def _samples(percepts: Sequence[View], config: Any) -> NDArray[np.uint8]:
    return np.stack([view.sample for view in percepts])


def _file(view: View, config: Any) -> tuple[str, bytes]:
    """What was on a card as a picture file, as large as a sample is."""
    picture = view.sample.transpose(1, 2, 0)[..., ::-1]
    return ".png", cv2.imencode(".png", np.ascontiguousarray(picture))[1].tobytes()


def _in_color() -> bool:
    return modality("image").shape[0] == 3


def _warm_up() -> list[Frame]:
    """Two seconds of a bright card with something on it."""
    picture = np.full((480, 640), 90, np.uint8)
    picture[100:380, 180:460] = 230
    picture[200:280, 300:330] = 20
    return [Frame(i / 20, picture) for i in range(40)]


STREAM = Stream(
    reading=Frame,
    sources=_sources,
    cutter=_cutter,
    samples=_samples,
    warm_up=_warm_up,
    file=_file,
    in_color=_in_color,
    lacks={"moved": "the picture moved: hold it still", "empty": "no card was seen, or nothing on it"},
)
