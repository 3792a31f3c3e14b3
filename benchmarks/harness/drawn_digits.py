"""Ten digits as a person draws them: strokes of a pen, as points of a unit square, x to the right and y down."""

import math
from collections.abc import Sequence
from typing import Any

Point = tuple[float, float]
Stroke = Sequence[Point]
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _arc(x: float, y: float, rx: float, ry: float, begin: float, end: float, points: int = 24) -> list[Point]:
    """Part of an ellipse, from one angle to another in degrees; 0 is to the right, 90 is down."""
    angles = [math.radians(begin + (end - begin) * n / (points - 1)) for n in range(points)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


STROKES: Sequence[Sequence[Stroke]] = (
    [_arc(0.5, 0.5, 0.19, 0.32, -100, 270)],
    [[(0.40, 0.30), (0.52, 0.17), (0.51, 0.50), (0.50, 0.84)]],
    [[*_arc(0.49, 0.36, 0.19, 0.18, 195, 385), (0.58, 0.56), (0.44, 0.70), (0.30, 0.82), (0.50, 0.82), (0.72, 0.81)]],
    [[*_arc(0.48, 0.34, 0.18, 0.16, 200, 440), *_arc(0.48, 0.66, 0.20, 0.17, -80, 150)]],
    [[(0.40, 0.18), (0.33, 0.38), (0.29, 0.55), (0.74, 0.52)], [(0.62, 0.34), (0.60, 0.60), (0.58, 0.85)]],
    [[(0.68, 0.19), (0.38, 0.20), (0.36, 0.45), *_arc(0.48, 0.63, 0.20, 0.20, -115, 150)]],
    [[(0.62, 0.17), (0.46, 0.33), (0.35, 0.55), *_arc(0.49, 0.66, 0.155, 0.175, 190, -150)]],
    [[(0.30, 0.21), (0.50, 0.20), (0.71, 0.19), (0.60, 0.42), (0.51, 0.62), (0.45, 0.84)]],
    [[*_arc(0.50, 0.34, 0.145, 0.155, 60, -250), *_arc(0.50, 0.665, 0.175, 0.175, -75, 262)]],
    [[*_arc(0.48, 0.36, 0.16, 0.165, -20, -350), (0.65, 0.36), (0.63, 0.60), (0.58, 0.84)]],
)  # fmt: skip
"""Strokes by digit."""


def draw(page: Any, digit: int, box: dict[str, float], steps: int = 3) -> None:
    """Draw a digit with the mouse.

    Args:
        page: Playwright's page.
        digit: 0…9.
        box: `x`, `y`, `width` and `height` of the board on the page, pixels.
        steps: mouse moves from one point to the next.
    """
    for stroke in STROKES[digit]:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=steps)
        page.mouse.up()
