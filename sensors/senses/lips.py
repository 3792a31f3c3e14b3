"""The sense `lips`: films of a speaker's lips, from which TDLFT reads letters."""

import numpy as np

from sensors.flaws import add_noise
from sensors.lips import FRAMES, HEIGHT, WIDTH
from sensors.modalities import Modality
from sensors.senses.contract import Flaws, Sense
from sensors.senses.drawing import film_view

SENSE = Sense(
    modality=Modality(
        "lips",
        (FRAMES, HEIGHT, WIDTH),
        np.dtype(np.uint8),
        "brightness 0…255 (frame, row, column)",
        1 / 255,
        "film",
    ),
    about="films of a speaker's lips",
    view=film_view,
    flaws=Flaws(noise=add_noise),
)
