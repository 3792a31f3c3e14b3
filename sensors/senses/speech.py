"""The sense `speech`: what TDLFT hears of a letter, as MFCC."""

import numpy as np

from sensors.core.modalities import Modality
from sensors.senses.contract import Flaws, Sense
from sensors.senses.drawing import curves_view
from sensors.signals.flaws import measurement_noise
from sensors.signals.mfcc import FRAMES, VALUES

_FORM = Modality(
    "speech", (FRAMES, VALUES), np.dtype(np.float32), "MFCC (frame, coefficient)", 1.0, "sequence", -1e4, 1e4
)

SENSE = Sense(
    modality=_FORM,
    about="a letter said, as cepstral coefficients",
    view=curves_view(),
    flaws=Flaws(noise=measurement_noise(_FORM)),
)
