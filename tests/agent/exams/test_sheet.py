"""The contact sheet: its frames, its title, and how often the networks work for it."""

from collections import Counter
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from agent.config import MonitorConfig
from agent.exams.sheet import LEFT, TOP, draw_sheet
from agent.exams.tiles import FONT, wrap
from agent.monitors.retrieval_monitor import RetrievalMonitor
from tests.agent.exams.test_exam import answering, some_heard
from tests.agent.exams.test_retrieval import Labelled, exam

STEP = 102
"""Pixels from one tile to the next."""
HEADER = 18
"""Rows of pixels of the concepts' names."""
SIDES = dict.fromkeys(("image", "audio"), torch.nn.Identity())


class Finding(Labelled):
    """Finds and generates nothing; counts the samples that it encodes."""

    decodes = False
    encoded: ClassVar[Counter[str]] = Counter()

    def encode(self, x: Tensor, source: str) -> Tensor:
        self.encoded[source] += len(x)
        return super().encode(x, source)


def frames(sheet: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", row: int, columns: int) -> list[str]:
    """Colours of the tiles' frames in one row below a title of one line."""
    names = {(96, 176, 72): "right", (72, 72, 224): "wrong", (150, 150, 150): "none"}
    y = TOP + HEADER + row * STEP - 1
    return [names[tuple(sheet[y, LEFT + column * STEP + 40].tolist())] for column in range(columns)]


def test_what_cannot_be_answered_has_no_verdict() -> None:
    asked, judges = some_heard()
    sheet = draw_sheet(answering(), judges, asked, "step 1", range(4))
    assert frames(sheet, 1, 4) == ["right", "right", "none", "none"], "sounds of what is never heard"
    assert frames(sheet, 2, 4) == ["right"] * 4
    found = draw_sheet(Finding(1, SIDES), {}, asked, "step 1", range(4))  # type: ignore[arg-type]
    assert frames(found, 1, 4) == ["right", "right", "none", "none"]


def test_samples_are_encoded_once_for_all_pages(tmp_path: Path) -> None:
    networks, asked = Finding(1, SIDES), exam(40, each=6)  # type: ignore[arg-type]
    Finding.encoded.clear()
    found = RetrievalMonitor(MonitorConfig(), asked, tmp_path).examine(networks, whole=True)
    assert found.figures["retrieval/image_to_audio/r1"] == 1.0 and (tmp_path / "latest-4.png").is_file()
    # All test samples, and those that the pages show as perceived.
    assert Finding.encoded == {"image": 240 + 40, "audio": 240 + 40}


@pytest.mark.parametrize("concepts", [2, 12])
def test_a_long_title_has_lines_and_nothing_is_cut_off(concepts: int) -> None:
    paths = [f"image->sense_{n} R@1 {n}.25% (chance 1.3%)" for n in range(12)]
    title = "   ".join(["step 1,000", *paths, "on 300 made image samples and 300 made audio samples"])
    networks, asked = Finding(1, SIDES), exam(12)  # type: ignore[arg-type]
    sheet = draw_sheet(networks, {}, asked, title, range(concepts))
    plain = draw_sheet(networks, {}, asked, "step 1,000", range(concepts))
    more = len(sheet) - len(plain)
    assert more > 0 and sheet.shape[1] == plain.shape[1]
    head = sheet[: TOP + more - 4]
    assert (head[:, -6:] == 250).all(), "the title ends before the right edge"
    assert np.array_equal(sheet[TOP + more :], plain[TOP:]), "everything else is below it"


def test_lines_keep_parts_together_and_break_long_parts() -> None:
    lines = wrap("step 5   image->audio 50.0%   audio->image 50.0%   on " + "x" * 60 + " and more", 250, 0.5)
    assert lines[0] == "step 5   image->audio 50.0%" and lines[1].startswith("audio->image 50.0%")
    assert "".join("".join(lines).split()) == "step5image->audio50.0%audio->image50.0%on" + "x" * 60 + "andmore"
    assert all(cv2.getTextSize(line, FONT, 0.5, 1)[0][0] <= 250 for line in lines)
    assert wrap("", 100, 0.5) == [""]
