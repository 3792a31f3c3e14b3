"""The contact sheet: test samples and what they evoke in the other senses, as pictures of at most 12 concepts each.

Networks that generate nothing have the nearest test samples of the other senses there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agent.exams.judges import Judge
from agent.exams.retrieval import encode_exam
from agent.exams.tiles import TILE, tile, wrap, write
from agent.networks.published import Networks, to_network
from sensors.core.modalities import modality
from teacher.datasets import ExamSet

GAP = 6
LEFT = 176
TOP = 30
LINE = 20
"""Rows of pixels from one line of the title to the next."""
COLUMNS = 12
"""Concepts of one page."""
MOST_PAGES = 9
"""Pages of one contact sheet."""
LONGEST = 14
"""Letters of a concept's name that are written."""
_RIGHT, _WRONG, _PLAIN = (96, 176, 72), (72, 72, 224), (150, 150, 150)
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class _Row:
    """One row of tiles: its title, samples by column, what the judge says of each, and the modality."""

    title: str
    samples: Mapping[int, NDArray[np.generic]]
    verdicts: Mapping[int, int]
    modality: str


def pages(concepts: int) -> list[list[int]]:
    """Numbers of the concepts that each page of a contact sheet shows: all, or an even spread over `MOST_PAGES`."""
    most = MOST_PAGES * COLUMNS
    shown = range(concepts) if concepts <= most else np.linspace(0, concepts - 1, most).round().astype(int).tolist()
    return [list(shown[at : at + COLUMNS]) for at in range(0, len(shown), COLUMNS)]


def draw_sheet(
    networks: Networks,
    judges: Mapping[str, Judge],
    exam: ExamSet,
    title: str,
    shown: Sequence[int],
    latents: Mapping[str, Tensor] | None = None,
) -> Picture:
    """One page: a column a concept; for each sense a row of samples, of what they evoke, and of what is remembered.

    A generated tile's frame is green where its judge names the concept shown, red where it names another one; the
    frame of one that was found among the test samples, where it is of the concept shown, and where it is not. It is
    grey where the other sense does not know the concept shown, so that no answer could be right.

    Args:
        networks: what is examined.
        judges: modality -> judge.
        exam: test samples; the first one of each concept is shown.
        title: written at the top, in as many lines as it needs; '   ' stands between parts that stay together.
        shown: numbers of the concepts, as `pages` gives them for each page.
        latents: of the test samples, as `encode_exam` gives them, where networks that generate nothing look for the
            nearest ones; None: they are computed.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    senses = [m for m in exam.parts if m in networks.sides]
    rows: list[_Row] = []
    if latents is None:
        latents = {} if networks.decodes else encode_exam(networks, exam)
    for source in senses:
        rows += _rows(networks, judges, exam, source, [m for m in senses if m != source], shown, latents)
    named = exam.concepts != tuple(map(str, range(len(exam.concepts))))
    width = max(LEFT + len(shown) * (TILE + GAP) + GAP, LEFT + 6 * (TILE + GAP))
    lines = wrap(title, width - 2 * GAP, 0.5)
    head = TOP + (len(lines) - 1) * LINE
    top = head + (18 if named else 0)
    sheet = np.full((top + len(rows) * (TILE + GAP) + GAP, width, 3), 250, np.uint8)
    for number, line in enumerate(lines):
        write(sheet, line, (GAP, 20 + number * LINE), 0.5)
    for column, concept in enumerate(shown if named else ()):
        write(sheet, exam.concepts[concept][:LONGEST], (LEFT + column * (TILE + GAP), head + 10), 0.4)
    for number, row in enumerate(rows):
        y = top + number * (TILE + GAP)
        write(sheet, row.title, (GAP, y + TILE // 2), 0.45)
        for concept, sample in row.samples.items():
            x = LEFT + shown.index(concept) * (TILE + GAP)
            said = row.verdicts.get(concept)
            frame = _PLAIN if said is None else _RIGHT if said == concept else _WRONG
            sheet[y - 2 : y + TILE + 2, x - 2 : x + TILE + 2] = frame
            sheet[y : y + TILE, x : x + TILE] = tile(sample, modality(row.modality))
    return sheet


def _rows(
    networks: Networks,
    judges: Mapping[str, Judge],
    exam: ExamSet,
    source: str,
    others: Sequence[str],
    shown: Sequence[int],
    latents: Mapping[str, Tensor],
) -> list[_Row]:
    """The rows of one sense: what is perceived, what it evokes in each other sense, what is remembered of it."""
    part = exam.parts[source]
    first = {c: found[0] for c in shown if len(found := np.flatnonzero(part.labels == c))}
    picked = np.array(list(first.values()), np.int64)
    samples = part.samples[picked]
    rows = [_Row(f"perceived {source}", dict(zip(first, samples, strict=True)), {}, source)]
    if not first:
        return rows
    x = to_network(samples, source)
    if not networks.decodes:
        return rows + [_found(networks, exam, x, first, source, target, latents[target]) for target in others]
    for target in (*others, source):
        made = networks.evoke(x, source, target).clone()
        said: dict[int, int] = {}
        if (judge := judges.get(target)) is not None:
            verdicts, known = judge.grade(made).tolist(), judge.knows(np.array(list(first)))
            said = {c: verdict for c, verdict, can in zip(first, verdicts, known, strict=True) if can}
        stored = made.numpy() / modality(target).scale
        words = f"-> evoked {target}" if target != source else f"-> own {source}"
        rows.append(_Row(words, dict(zip(first, stored, strict=True)), said, target))
    return rows


def _found(
    networks: Networks,
    exam: ExamSet,
    x: Tensor,
    first: Mapping[int, np.int64],
    source: str,
    target: str,
    gallery: Tensor,
) -> _Row:
    """The row of the test samples of another sense, latents (G, L), that lie nearest to those perceived, x (N, …)."""
    part = exam.parts[target]
    nearest = networks.nearest(x, source, gallery, target)[:, 0].numpy()
    offered = set(part.labels.tolist())
    named = {c: label for c, label in zip(first, part.labels[nearest].tolist(), strict=True) if c in offered}
    return _Row(f"-> nearest {target}", dict(zip(first, part.samples[nearest], strict=True)), named, target)
