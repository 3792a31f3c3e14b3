"""The sense `image`: pictures of things, grey or in colour, of one size for a run."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.modalities import Modality
from sensors.senses.contract import Flaws, Generator, Sense
from sensors.senses.drawing import picture_view
from sensors.senses.image_stream import STREAM
from sensors.signals.flaws import add_noise, darken, jitter
from sensors.signals.frames import fit_picture
from sensors.signals.pictures import ENDINGS, load_picture

SIZES = tuple(range(32, 225, 32))
"""Rows and columns that networks can take, pixels."""


@dataclass(frozen=True)
class ImageConfig(Config):
    """What a picture looks like to the learner."""

    size: int = setting(32, help="rows and columns of a picture", unit="pixels", choices=SIZES, low=32, high=224)
    color: bool = setting(False, help="pictures are in colour; false: in grey")


def form(modality: Modality, config: ImageConfig) -> Modality:
    """The modality under these settings."""
    unit = "brightness of red, green and blue, 0…255" if config.color else modality.unit
    return dataclasses.replace(modality, shape=(3 if config.color else 1, config.size, config.size), unit=unit)


def load(path: Path) -> NDArray[np.uint8]:
    """The picture in a file as a sample: its shorter side is scaled to the size, what is then beyond the middle is cut.

    Raises:
        SampleError: it is none that can be taken.
    """
    return fit_picture(load_picture(path))


def _wear(
    samples: NDArray[np.uint8], noise: NDArray[np.float64], light: NDArray[np.float64], rng: Generator
) -> NDArray[np.uint8]:
    """A camera that drifts loses light."""
    return darken(samples, light)


SENSE = Sense(
    modality=Modality("image", (1, 32, 32), np.dtype(np.uint8), "brightness 0…255, bright ink on dark", 1 / 255),
    about="pictures",
    view=picture_view,
    settings=ImageConfig,
    form=form,
    endings=ENDINGS,
    load=load,
    flaws=Flaws(noise=add_noise, vary=jitter, wear=_wear),
    stream=STREAM,
)
