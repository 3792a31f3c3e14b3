"""Samples in the forms that browsers and programs take: PNG, WAV and npy."""

from typing import Any

from numpy.typing import NDArray

from agent.answers.files import npy, png, wav
from agent.answers.response import to_sound
from page.access.refusals import Refused
from sensors.senses import sense

FORMATS = {"png": "image/png", "wav": "audio/wav", "npy": "application/x-npy"}
"""Media type of each form."""
SIDES = (16, 512)
"""Fewest and most pixels of a picture's side."""


def format_of(wanted: str | None, accept: str) -> str:
    """The form that a request asks for, `png` where it does not say.

    Args:
        wanted: its parameter `as`.
        accept: its header `Accept`.

    Raises:
        Refused: there is no such form.
    """
    if wanted is not None:
        if wanted not in FORMATS:
            raise Refused("bad_request", f"as={wanted[:20]}: expected one of {', '.join(FORMATS)}")
        return wanted
    named = [part.partition(";")[0].strip() for part in accept.split(",")]
    return next((form for form, media in FORMATS.items() if media in named), "png")


def encoded(name: str, sample: NDArray[Any], form: str, side: int, longest: float) -> bytes:
    """A sample in one form; empty where its sound is silent.

    Args:
        name: of its sense.
        sample: stored, (*shape); for `npy` it may be (B, *shape).
        form: one of `FORMATS`.
        side: rows and columns of a picture, pixels.
        longest: seconds at which a sound is cut.

    Raises:
        Refused: the sense cannot be heard.
    """
    if form == "png":
        return png(name, sample, side)
    if form == "npy":
        return npy(sample)
    if sense(name).hear is None:
        raise Refused("unsupported", f"{name}: cannot be heard; ask for png or npy")
    wave = to_sound(name, sample, longest)
    return b"" if wave is None else wav(wave)


def can_be_heard(name: str) -> bool:
    """Whether samples of a sense can be made into sound."""
    return sense(name).hear is not None
