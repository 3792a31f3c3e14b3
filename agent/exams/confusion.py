"""The confusion table as a picture: for each crossing path, which concept is taken for which."""

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.exams.exam import Grades
from agent.exams.tiles import write

SIDE = 420
"""Rows and columns of one table, pixels."""
NAMED = 40
"""Most concepts whose rows are named."""
MARGIN, TITLE, GAP = 96, 30, 24
Picture = NDArray[np.uint8]


def draw_confusion(grades: Grades, concepts: tuple[str, ...]) -> Picture:
    """The tables of all paths from one sense to another, beside each other.

    Rows are true concepts, columns are what the judge says; a dark cell is a large share of its row. The diagonal is
    what is recognised.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    paths = [path for path in grades.confusion if len(set(path.split("_to_"))) > 1]
    side = SIDE
    picture = np.full((TITLE + side + GAP, MARGIN + len(paths) * (side + GAP), 3), 250, np.uint8)
    for number, path in enumerate(paths):
        table = grades.confusion[path].astype(np.float64)
        shares = table / np.maximum(table.sum(1, keepdims=True), 1)
        cells = cv2.resize((255 * (1 - shares)).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
        x = MARGIN + number * (side + GAP)
        picture[TITLE : TITLE + side, x : x + side] = cells[..., None]
        cv2.rectangle(picture, (x - 1, TITLE - 1), (x + side, TITLE + side), (120, 120, 120), 1)
        write(picture, f"{path.replace('_to_', ' -> ')}  {grades.accuracy[path]:.1%}", (x, TITLE - 10), 0.5)
    if len(concepts) <= NAMED:
        for row, name in enumerate(concepts):
            write(picture, name[:13], (4, TITLE + int((row + 0.65) * side / len(concepts))), 0.36)
    return picture
