"""Speech to lips, to look at: a contact sheet of clips and a moving picture, real lips beside those that speech evokes.

Both show differences from a clip's mean frame, every clip at the same contrast, since what is imagined is fainter than
a film: an opening mouth is a dark patch. Pictures are drawn in one byte a pixel, an index into greys and four colours,
so that a GIF needs no further reduction.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensors.signals.lips import FRAMES, GREY, HEIGHT, WIDTH
from teacher.datasets.core.samples import Bytes, Labels

CONTRAST = 24.0
"""Deviation of a clip's brightness from grey, as drawn."""
MOST_GAIN = 8.0
"""A clip that hardly moves is not blown up to noise."""
PAPER, INK, RIGHT, WRONG = 255, 254, 253, 252
"""Colours, above the greys 0…251."""
_COLOURS = {PAPER: (250, 250, 250), INK: (40, 40, 40), RIGHT: (40, 150, 60), WRONG: (210, 50, 50)}
GAP = 6
TOP = 30
SIDE = 96
"""Width of what is written beside a row of frames."""
BLOCKS = 2
"""Letters beside each other on the sheet."""
CELLS = 7
"""Letters beside each other in the moving picture."""
CAPTION = 16
FRAME_MS = 80
"""Of the moving picture: half as fast as it was filmed, 25 frames/s."""


@dataclass(frozen=True)
class Shown:
    """Utterances to draw, one a letter.

    Attributes:
        names: (N,) the letter said, as written.
        unseen: (N,) bool, whether its lips were never learned from.
        real: (N, 12, 60, 80) uint8, stored clips.
        imagined: likewise, what its speech evokes.
        judged_real: (N,) what the judge reads from the real lips, as written; empty where there is no judge.
        judged: likewise, from the imagined ones.
    """

    names: Sequence[str]
    unseen: NDArray[np.bool_]
    real: Bytes
    imagined: Bytes
    judged_real: Sequence[str] = ()
    judged: Sequence[str] = ()


def one_each(letters: Labels) -> NDArray[np.int64]:
    """Row of the first utterance of each letter that occurs, in the order of letters."""
    return np.unique(letters, return_index=True)[1].astype(np.int64)


def draw_lips(shown: Shown, title: str) -> Bytes:
    """The contact sheet: for each letter its real lips in a row of 12 frames, and below it the imagined ones.

    What the judge reads stands beside each row: green where that is the letter said, red where it is not.

    Returns:
        (height, width) uint8 indices.
    """
    block = (SIDE + FRAMES * WIDTH + GAP, 2 * HEIGHT + 2 + GAP)
    down = -(-len(shown.names) // BLOCKS)
    sheet = np.full((TOP + down * block[1] + GAP, GAP + BLOCKS * (block[0] + GAP)), PAPER, np.uint8)
    _write(sheet, title, (GAP, 20), 0.5)
    for n, name in enumerate(shown.names):
        x, y = GAP + n // down * (block[0] + GAP), TOP + n % down * block[1]
        _write(sheet, name, (x, y + 30), 1.0)
        _write(sheet, "unseen" if shown.unseen[n] else "seen", (x, y + 50), 0.4)
        for line, (clips, judged) in enumerate(((shown.real, shown.judged_real), (shown.imagined, shown.judged))):
            at = y + line * (HEIGHT + 2)
            sheet[at : at + HEIGHT, x + SIDE : x + SIDE + FRAMES * WIDTH] = np.hstack(list(_greys(clips[n])))
            _write(sheet, ("real", "imagined")[line], (x + 34, at + 14), 0.4)
            if judged:
                _write(sheet, judged[n], (x + 66, at + 40), 0.7, _colour(judged[n], name))
    return sheet


def draw_film(shown: Shown) -> list[Bytes]:
    """The moving picture's 12 frames: for each letter its real lips above the imagined ones, framed by the verdict.

    Returns:
        12 of (height, width) uint8 indices.
    """
    cell = (WIDTH + 2 * GAP, CAPTION + 2 * (HEIGHT + GAP) + GAP)
    down = -(-len(shown.names) // CELLS)
    frames = [np.full((down * cell[1], CELLS * cell[0]), PAPER, np.uint8) for _ in range(FRAMES)]
    for n, name in enumerate(shown.names):
        x, y = n % CELLS * cell[0] + GAP, n // CELLS * cell[1]
        words = f"{name} unseen" if shown.unseen[n] else name
        for frame in frames:
            _write(frame, words, (x, y + CAPTION - 3), 0.4)
        for line, (clips, judged) in enumerate(((shown.real, shown.judged_real), (shown.imagined, shown.judged))):
            top = y + CAPTION + line * (HEIGHT + GAP)
            for frame, picture in zip(frames, _greys(clips[n]), strict=True):
                if judged:
                    frame[top - 2 : top + HEIGHT + 2, x - 2 : x + WIDTH + 2] = _colour(judged[n], name)
                frame[top : top + HEIGHT, x : x + WIDTH] = picture
    return frames


def encode_png(picture: Bytes) -> bytes:
    """Indices as a PNG file."""
    out = io.BytesIO()
    _image(picture).save(out, "PNG")
    return out.getvalue()


def encode_gif(frames: Sequence[Bytes]) -> bytes:
    """Frames of indices as a GIF file that plays over and over, `FRAME_MS` a frame."""
    out = io.BytesIO()
    first, *rest = (_image(frame) for frame in frames)
    first.save(out, "GIF", save_all=True, append_images=rest, duration=FRAME_MS, loop=0)
    return out.getvalue()


def _image(picture: Bytes) -> Image.Image:
    image = Image.frombytes("P", picture.shape[::-1], picture.tobytes())
    image.putpalette([v for index in range(256) for v in _COLOURS.get(index, (index, index, index))])
    return image


def _greys(clip: Bytes) -> Bytes:
    """A stored clip as it is shown: (12, 60, 80) indices of greys."""
    difference = clip.astype(np.float32) - GREY
    gain = min(CONTRAST / max(float(np.sqrt(np.square(difference).mean())), 1e-6), MOST_GAIN)
    greys: Bytes = np.clip(np.rint(difference * gain + GREY), 0, WRONG - 1).astype(np.uint8)
    return greys


def _colour(judged: str, name: str) -> int:
    return RIGHT if judged == name else WRONG


def _write(picture: Bytes, words: str, at: tuple[int, int], size: float, colour: int = INK) -> None:
    # Indices do not blend, so letters have hard edges.
    cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_8)
