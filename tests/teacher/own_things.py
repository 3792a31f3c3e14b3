"""A user's folder of things on disk: pictures that are brighter, and sounds that are higher, from thing to thing."""

from pathlib import Path

import cv2
import numpy as np
import soundfile

from tests.teacher.tiny import tone

THINGS = ("cup", "mug", "pan")


def picture(path: Path, thing: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([thing, number])
    image = rng.integers(0, 60, (40, 50, 3)).astype(np.uint8)
    image[5:20, 5 + 5 * thing : 30, thing % 3] += 150
    assert cv2.imwrite(str(path), image)


def sound(path: Path, thing: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(0.2, 16000, 300 + 400 * thing + 7 * number), 16000)


def write_things(root: Path, things: tuple[str, ...] = THINGS, count: int = 5, sound_name: str = "{n}.wav") -> None:
    """`count` pictures and sounds of each thing."""
    for thing, name in enumerate(things):
        for n in range(count):
            picture(root / "image" / name / f"{n}.png", thing, n)
            sound(root / "audio" / name / sound_name.format(n=n, thing=name), thing, n)
