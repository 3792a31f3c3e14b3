"""The sense `letter`: what an event is of, told beside what it sounds and looks like.

It is a label. Nothing that learns without labels may read it.
"""

import numpy as np

from sensors.core.modalities import Modality
from sensors.senses.contract import Sense
from sensors.senses.drawing import label_view

SENSE = Sense(
    modality=Modality("letter", (1,), np.dtype(np.uint16), "number of the letter said", 1.0, "label"),
    about="the number of the letter said: a label",
    view=label_view,
)
