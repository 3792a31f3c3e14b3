"""The finder `whole`: the scene as it is, each time it has changed and settled."""

from typing import Any

from sensors.cutters.seeing.contract import Fit, ViewFinder
from sensors.cutters.views import Views

STILL = 0.05
"""Largest difference between two pictures of a scene that counts as still; a sensor's noise and people's small moves
make more of it than they do around a card. The setting `views.still` counts where it is larger."""


def _make(config: Any, color: bool, fit: Fit) -> Views:
    views = config.views
    return Views(fit, views.replace(still=max(views.still, STILL)))


FINDER = ViewFinder(
    name="whole",
    about="the whole scene, each time it has changed and settled",
    make=_make,
    color=True,
    lacks={"moved": "the scene moved: wait until it is still"},
)
