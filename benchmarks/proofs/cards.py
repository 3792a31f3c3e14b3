"""How well a digit drawn on a card before a camera becomes the `image` that MNIST gives.

    python benchmarks/proofs/cards.py --data DIR          # a table for people
    python benchmarks/proofs/cards.py --data DIR --json   # the same; the last line is one flat JSON object

MNIST's test digits are printed on bright and dark cards and seen by a camera: from a slant, out of the middle, before
an uneven wall, under light that falls off across the picture, blurred, with noise, and with a thumb on the card's
edge. `found` is the share of pictures in which a card with something on it was found; `alike` the correlation of the
sample with MNIST's own, median over what was found, and `right` the share that a classifier trained on MNIST alone
grades as it should, over all pictures, beside its grade for MNIST's own. `false` is the share of pictures without a
card in which one was seen.
"""

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.signals.cards import card_image
from sensors.signals.frames import mnist_images
from teacher.datasets.readers.mnist import find, missing, read_idx

HEIGHT, WIDTH = 480, 640


@dataclass(frozen=True)
class Scene:
    """How a card is seen.

    Attributes:
        dark: paper is dark and ink bright.
        tilt: how far each corner is off its place, as a share of the card's side.
        turn: rotation, degrees.
        noise: standard deviation, grey levels.
        light: brightest light over dimmest, across the picture.
        level: light at its mean.
        thumb: a thumb holds the card.
    """

    dark: bool = False
    tilt: float = 0.05
    turn: float = 5.0
    noise: float = 4.0
    light: float = 1.3
    level: float = 1.0
    thumb: bool = True


def wall(rng: np.random.Generator) -> NDArray[np.float32]:
    """An uneven background, (480, 640) float32 grey."""
    patches = cv2.resize(
        rng.uniform(90, 150, (4, 5)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(rng.normal(0, 6, (60, 80)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(patches + fine, np.float32)


def printed(digit: NDArray[np.uint8], dark: bool) -> NDArray[np.float32]:
    """A card of 280×280 with a digit on it, 0…255."""
    ink = np.clip(cv2.resize(digit.astype(np.float32), (210, 210), interpolation=cv2.INTER_CUBIC), 0, 255) / 255
    card = np.zeros((280, 280), np.float32)
    card[35:245, 35:245] = ink
    paper, drawn = (35.0, 210.0) if dark else (220.0, 40.0)
    return np.asarray(paper + (drawn - paper) * card, np.float32)


def seen(card: NDArray[np.float32] | None, scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the camera sees: (480, 640) uint8; without a card, the wall and the light alone."""
    picture = wall(rng)
    if card is not None:
        side = rng.uniform(0.4, 0.75) * HEIGHT
        half = side / 2 * 1.15
        centre = np.array([rng.uniform(half, WIDTH - half), rng.uniform(half, HEIGHT - half)])
        angle = np.deg2rad(rng.uniform(-scene.turn, scene.turn))
        spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
        corners = centre + (square + rng.uniform(-scene.tilt, scene.tilt, (4, 2)) * side) @ spin.T
        corners = np.clip(corners, 4, [WIDTH - 5, HEIGHT - 5]).astype(np.float32)
        length = card.shape[0]
        flat = np.array([[0, 0], [length, 0], [length, length], [0, length]], np.float32)
        view = cv2.getPerspectiveTransform(flat, corners)
        shown = cv2.warpPerspective(card, view, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        cover = cv2.warpPerspective(np.ones_like(card), view, (WIDTH, HEIGHT))
        picture = picture * (1 - cover) + shown * cover
        if scene.thumb:
            where = corners[2:].mean(axis=0) + rng.uniform(-0.15, 0.15) * (corners[2] - corners[3])
            size = (int(0.06 * side), int(0.09 * side))
            cv2.ellipse(picture, (int(where[0]), int(where[1])), size, 0, 0, 360, 150.0, -1, cv2.LINE_AA)
    direction = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    slope = (scene.light - 1) / (scene.light + 1)
    light = scene.level * (1 + slope * (np.cos(direction) * x + np.sin(direction) * y) / np.sqrt(2))
    picture = cv2.GaussianBlur(picture * light.astype(np.float32), (0, 0), 0.8)
    return np.asarray(np.clip(picture + rng.normal(0, scene.noise, picture.shape), 0, 255), np.uint8)


SCENES = {
    "easy": Scene(tilt=0.02, turn=2, noise=2, light=1.1, thumb=False),
    "bright": Scene(),
    "dark": Scene(dark=True),
    "slanted": Scene(tilt=0.1, turn=15),
    "noisy": Scene(noise=12),
    "uneven": Scene(light=2.5),
    "dim": Scene(level=0.35),
    "all": Scene(tilt=0.08, turn=12, noise=10, light=2.0, level=0.6),
}


def measure(digits: NDArray[np.uint8], labels: NDArray[Any], scene: Scene, judge: Any, seed: int) -> dict[str, float]:
    """Figures of one scene."""
    rng = np.random.default_rng(seed)
    own = mnist_images(digits)
    alike, right, took = [], 0, []
    for digit, sample, label in zip(digits, own, labels, strict=True):
        picture = seen(printed(digit, scene.dark), scene, rng)
        began = time.perf_counter()
        image = card_image(picture)
        took.append(time.perf_counter() - began)
        if image is not None:
            alike.append(float(np.corrcoef(image.ravel(), sample.ravel())[0, 1]))
            right += int(judge.predict(image.reshape(1, -1))[0] == label)
    false = sum(card_image(seen(None, scene, rng)) is not None for _ in digits)
    return {
        "found": len(alike) / len(digits),
        "alike": statistics.median(alike) if alike else 0.0,
        "right": right / len(digits),
        "false": false / len(digits),
        "ms": 1000 * statistics.median(took),
    }


def mnist(root: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Digits (N, 28, 28) and labels of a part of MNIST.

    Raises:
        DataError: it is not there.
    """
    found = find(root)
    if found is None:
        raise DataError(missing(root))
    images, labels = found[part]
    return read_idx(images, 3), read_idx(labels, 1)


def main() -> None:
    """Measure every scene and print."""
    from sklearn.neighbors import KNeighborsClassifier  # slow to import, and what draws cards needs it not

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the datasets")
    parser.add_argument("--count", type=int, default=300, help="digits in each scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="also print one flat JSON object")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    digits, labels = mnist(Path(arguments.data), "train")
    judge = KNeighborsClassifier(3).fit(mnist_images(digits[:10_000]).reshape(10_000, -1), labels[:10_000])
    digits, labels = mnist(Path(arguments.data), "test")
    chosen = np.random.default_rng(arguments.seed).permutation(len(digits))[: arguments.count]
    digits, labels = digits[chosen], labels[chosen]
    own = float((judge.predict(mnist_images(digits).reshape(len(digits), -1)) == labels).mean())
    figures: dict[str, Any] = {"date": date.today().isoformat(), "cpu": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    figures |= {"seed": arguments.seed, "count": arguments.count, "right_mnist": own}
    print(f"{arguments.count} digits a scene, seed {arguments.seed}; MNIST's own: {own:.1%} right")
    print("| scene | found | alike | right | false | ms |\n|---|---|---|---|---|---|")
    for name, scene in SCENES.items():
        f = measure(digits, labels, scene, judge, arguments.seed)
        figures |= {f"{name}_{key}": value for key, value in f.items()}
        print(
            f"| {name} | {f['found']:.1%} | {f['alike']:.3f} | {f['right']:.1%} | {f['false']:.1%} | {f['ms']:.1f} |",
            flush=True,
        )
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
