"""Sentences of several words: what one utterance is, and how well words are parted.

    python benchmarks/studies/hearing/sentences.py --data DIR [--half report] [--dip DB] [--json]

GRID's sentences, six words each without a pause between them, are played with pauses in pink noise 30, 20 and 10 dB
below them, and cut with `sensors.utterance` as `phrase` and as `word`. `R / P`: starts and ends of utterances within
50 ms of those that GRID's makers aligned: of the sentences for `phrase`, of the words for `word`. `pieces` is the
number of utterances for a sentence. The sentences are of one speaker: `--half choose` is every other one, on which
`dip` was chosen, and `--half report` are the rest.

`chance`: R / P of as many words of equal length between the same begin and end of each sentence.
`split`: share of Speech Commands' single words, of the speakers of that half, that `word` cuts into several.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np

from benchmarks.harness.measured import machine
from benchmarks.studies.hearing.gates import segment
from benchmarks.studies.hearing.played import Played, Spans, play
from benchmarks.studies.hearing.scores import boundaries
from benchmarks.studies.hearing.sentences_data import sentences
from benchmarks.studies.hearing.words import HALVES, choose, scan
from sensors.cutters.segmentation import SegmentationConfig

LEVELS = (30, 20, 10)


def measure(data: Path, seed: int, half: str, config: SegmentationConfig, words: int = 100) -> dict[str, float]:
    """All rows, printed, and as one flat dict."""
    every = sentences(data)[HALVES.index(half) :: 2]
    played = play([each.clip for each in every], seed)
    truth = np.concatenate([each.words + begin for each, (begin, _) in zip(every, played.file, strict=True)])
    single = play(choose(scan(data, half), words, seed)[0], seed)
    figures: dict[str, float] = {}
    print(f"{len(every)} sentences of {len(truth) / len(every):.1f} words")
    print("noise    dB  utterance  pieces  whole   R / P          chance         split")
    for level in LEVELS:
        sound, alone = (each.with_noise("pink", level, seed + 1) for each in (played, single))
        for what, parted in (("phrase", False), ("word", True)):
            utterances, found, _ = segment(sound, config, parted)
            recall, precision = boundaries(found.spans, truth if parted else played.audible)
            row = {
                "pieces": len(utterances) / len(every),
                "whole": sum(each.whole for each in utterances) / max(1, len(utterances)),
                "recall": recall,
                "precision": precision,
            }
            rest = ""
            if parted:
                row["chance_recall"], row["chance_precision"] = boundaries(_even(found.spans, played), truth)
                row["split"] = _split(segment(alone, config, parted)[1].spans, single)
                rest = f"{row['chance_recall']:.3f} / {row['chance_precision']:.3f}  {100 * row['split']:4.1f} %"
            print(
                f"pink   {level:4}  {what:9}  {row['pieces']:6.2f}  {100 * row['whole']:3.0f} %   "
                f"{recall:.3f} / {precision:.3f}  {rest}",
                flush=True,
            )
            figures |= {f"{what}_{level}_{name}": round(value, 3) for name, value in row.items()}
    return figures


def _even(found: Spans, played: Played) -> Spans:
    """For each sentence as many words of equal length as were found in it, between the same begin and end."""
    parts = []
    for start, end in played.audible:
        own = found[(found[:, 1] > start) & (found[:, 0] < end)]
        if len(own):
            edges = np.linspace(own[0, 0], own[-1, 1], len(own) + 1)
            parts.append(np.column_stack([edges[:-1], edges[1:]]))
    return np.concatenate(parts) if parts else np.empty((0, 2))


def _split(found: Spans, played: Played) -> float:
    """Share of the words in which more than one utterance lies."""
    counts = [((found[:, 1] > start) & (found[:, 0] < end)).sum() for start, end in played.audible]
    return float(np.mean(np.array(counts) > 1))


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder with GRID and Speech Commands"
    )
    parser.add_argument(
        "--half", choices=HALVES, default="report", help="which sentences and speakers (default report)"
    )
    parser.add_argument("--dip", type=float, help="perception.segmentation.dip (default: its own)")
    parser.add_argument("--seed", type=int, default=0, help="of the pauses and the noise (default 0)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    config = SegmentationConfig()
    config = config if options.dip is None else config.replace(dip=options.dip)
    figures = measure(Path(options.data), options.seed, options.half, config)
    if options.json:
        print(json.dumps({**figures, **machine(), "seed": options.seed, "half": options.half}))


if __name__ == "__main__":
    main()
