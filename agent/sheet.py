"""The contact sheet: test samples and what they evoke in the other modality, as one picture."""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from agent.exam import Networks, to_network
from agent.judges import Judge
from teacher.datasets import ExamSet

TILE = 96
GAP = 6
LEFT = 176
TOP = 30
_RIGHT, _WRONG, _PLAIN = (96, 176, 72), (72, 72, 224), (150, 150, 150)
Picture = NDArray[np.uint8]


def draw_sheet(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet, title: str) -> Picture:
    """One column a concept, six rows: seen, evoked sound, remembered image; heard, evoked image, remembered sound.

    A generated tile's frame is green where its judge names the concept shown, red where it does not; a spectrogram
    runs from left to right in time, low pitch at the bottom.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    images = _one_each(exam.image_labels, len(exam.concepts))
    clips = _one_each(exam.audio_labels, len(exam.concepts))
    rows: list[tuple[str, Picture, list[int], NDArray[np.int64], str]] = []
    for source, samples, labels, picked in (
        ("image", exam.images, exam.image_labels, images),
        ("audio", exam.audio, exam.audio_labels, clips),
    ):
        other = "audio" if source == "image" else "image"
        verb = "sees" if source == "image" else "hears"
        x = to_network(samples[picked])
        concepts = labels[picked]
        rows.append((verb, _bytes(x), [], concepts, source))
        for target, words in ((other, f"-> evoked {other}"), (source, f"-> own {source}")):
            made = networks.evoke(x, source, target).clone()
            verdict = judges[target].grade(made).tolist() if target in judges else []
            rows.append((words, _bytes(made), verdict, concepts, target))
    columns = max(len(images), len(clips))
    sheet = np.full((TOP + len(rows) * (TILE + GAP) + GAP, LEFT + columns * (TILE + GAP) + GAP, 3), 250, np.uint8)
    _write(sheet, title, (GAP, 20), 0.5)
    for r, (words, tiles, verdict, concepts, modality) in enumerate(rows):
        y = TOP + r * (TILE + GAP)
        _write(sheet, words, (GAP, y + TILE // 2), 0.5)
        for c, tile in enumerate(tiles):
            x0 = LEFT + c * (TILE + GAP)
            frame = _PLAIN if not verdict else _RIGHT if verdict[c] == concepts[c] else _WRONG
            sheet[y - 2 : y + TILE + 2, x0 - 2 : x0 + TILE + 2] = frame
            sheet[y : y + TILE, x0 : x0 + TILE] = _tile(tile, modality)
    return sheet


def _one_each(labels: NDArray[np.int64], concepts: int) -> NDArray[np.int64]:
    """Row of the first sample of each concept that occurs."""
    rows = [np.flatnonzero(labels == c)[:1] for c in range(concepts)]
    return np.concatenate(rows).astype(np.int64)


def _bytes(x: torch.Tensor) -> Picture:
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).numpy()[:, 0]


def _tile(sample: Picture, modality: str) -> Picture:
    """One sample as a (TILE, TILE, 3) picture; sounds in colour, low pitch at the bottom."""
    if modality == "audio":
        heard = np.ascontiguousarray(sample[::-1, : _shown(sample)])
        coloured = cv2.applyColorMap(cv2.resize(heard, (TILE, TILE)), cv2.COLORMAP_MAGMA)
        return np.asarray(coloured, np.uint8)
    grown = cv2.resize(sample, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(grown, cv2.COLOR_GRAY2BGR), np.uint8)


def _shown(sample: Picture) -> int:
    """Frames shown: the first third, where a word of up to 1.9 s lies, or all when there is sound after it."""
    frames = int(sample.shape[1])
    return frames // 3 if sample[:, frames // 3 :].mean() < 16 else frames


def _write(sheet: Picture, words: str, at: tuple[int, int], size: float) -> None:
    cv2.putText(sheet, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, (40, 40, 40), 1, cv2.LINE_AA)
