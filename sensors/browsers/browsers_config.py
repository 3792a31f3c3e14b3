"""Settings of the browsers that share their microphone and camera with a run."""

from dataclasses import dataclass

from sensors.core.config import Config, setting
from sensors.sources.registry import LiveSource, register_live_source

BROWSER = register_live_source(
    LiveSource("browser", "microphones and cameras that browsers share by the run's page", devices=False, browsers=True)
)
"""Sensors that are browsers alone."""


@dataclass(frozen=True)
class BrowsersConfig(Config):
    """Browsers that a run perceives with."""

    most: int = setting(
        8, help="browsers whose microphone and camera are taken in at one time; 0: none", low=0, high=64
    )
    exam: str | None = setting(
        None,
        help="directory to which prompted sessions of browsers are written as an exam set, in the form of a folder of "
        "things; where it holds one already, it examines the run; none: none is kept",
    )
    side: int = setting(1920, help="longest side of a browser's picture that is taken", unit="px", low=64, high=7680)
