"""The sense `lips`: films of a speaker's lips, from which TDLFT reads letters."""

import numpy as np

from sensors.core.modalities import Modality
from sensors.senses.contract import Flaws, Sense
from sensors.senses.drawing import film_view
from sensors.signals.flaws import add_noise
from sensors.signals.lips import FRAMES, HEIGHT, WIDTH

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
