"""How `image` is perceived live: a camera, whose pictures are in which a view finder finds views."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.core.percept import Cutter
from sensors.cutters.seeing import view_finder
from sensors.cutters.views import View
from sensors.senses.contract import Stream
from sensors.signals.frames import fit_picture
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Source


def _sources(config: SensorsConfig) -> list[Source[Any]]:
    if config.camera is None:
        return []
    # Each kind of device brings a library of its own.
    from sensors.cameras.camera import Camera

    return [Camera.from_config(config, color=_in_color())]


def _cutter(config: Any) -> Cutter:
    return view_finder(config.sensors.view).make(config, modality("image").shape[0] == 3, fit_picture)


def _defaults(config: SensorsConfig) -> Mapping[str, Any]:
    return {"color": True} if view_finder(config.view).color else {}


def _samples(percepts: Sequence[View], config: Any) -> NDArray[np.uint8]:
    return np.stack([view.sample for view in percepts])


def _file(view: View, config: Any) -> tuple[str, bytes]:
    """What was seen as a picture file, as large as a sample is."""
    picture = view.sample.transpose(1, 2, 0)[..., ::-1]
    return ".png", cv2.imencode(".png", np.ascontiguousarray(picture))[1].tobytes()


def _in_color() -> bool:
    """Pictures always come in colour: things are found by it, and recordings keep it."""
    return True


def _warm_up() -> list[Frame]:
    """Two seconds of a bright card with something on it, after a moment of the room without it."""
    room = np.full((480, 640, 3), 90, np.uint8)
    picture = room.copy()
    picture[100:380, 180:460] = 230
    picture[200:280, 300:330] = 20
    return [Frame(i / 20, room if i < 15 else picture) for i in range(55)]


def _lacks(config: Any) -> Mapping[str, str]:
    return view_finder(config.sensors.view).lacks


STREAM = Stream(
    reading=Frame,
    sources=_sources,
    cutter=_cutter,
    samples=_samples,
    warm_up=_warm_up,
    file=_file,
    in_color=_in_color,
    defaults=_defaults,
    lacks=_lacks,
)
