"""Where words begin and end that were recorded by anybody, anywhere: Speech Commands in noise.

    python benchmarks/studies/hearing/boundaries.py --data DIR [--words 270] [--half report] [--json]

Words of Speech Commands are made equally loud and played with pauses of 0.5 to 1.5 s in pink noise 20 and 10 dB below
them. `benchmarks/studies/hearing/words.py` says where a word is heard. A boundary is found if an utterance has one
within 50 ms. Settings are chosen with `--half choose`; `--half report` has other speakers.

`told` asks what all this is for, of pocketsphinx where it is installed: the share of the words that it tells from what
was cut out and cleaned, as perception does; of the recordings uncut, in the same noise and cleaned alike; and of the
recordings as they are.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness.measured import machine
from benchmarks.studies.hearing.gates import segment
from benchmarks.studies.hearing.listener import Listener, installed
from benchmarks.studies.hearing.played import Played, Spans, Wave, play
from benchmarks.studies.hearing.scores import boundaries, errors, overlapped
from benchmarks.studies.hearing.words import AUDIBLE_DB, HALVES, choose, scan
from sensors.cutters.cleaning import clean
from sensors.cutters.segmentation import SegmentationConfig, Utterance
from sensors.signals.spectrogram import SAMPLE_RATE

LEVELS = (20, 10)
KINDS = ("pink",)


def measure(
    data: Path,
    words: int,
    seed: int,
    half: str = "report",
    digits: bool = False,
    below: float = AUDIBLE_DB,
    kinds: Sequence[str] = KINDS,
    levels: Sequence[int] = LEVELS,
    config: SegmentationConfig | None = None,
    listen: bool = True,
) -> dict[str, float]:
    """All rows, printed, and as one flat dict."""
    config = config or SegmentationConfig()
    clips, left_out = choose(scan(data, half, digits), words, seed, below)
    played = play(clips, seed)
    listener = Listener(played.said) if listen and installed() else None
    figures: dict[str, float] = {"words": len(clips), "left_out": left_out}
    print(
        f"{len(clips)} words in {len(played.sound) / SAMPLE_RATE:.0f} s, {left_out} do not stand out and are left out"
    )
    if listener:
        figures["told_clean"] = round(_told([clip.wave for clip in clips], played.said, listener), 3)
        print(f"pocketsphinx tells {100 * figures['told_clean']:.1f} % of the recordings")
    print(
        "noise    dB   R / P          start, end off by: median (10 %, 90 %)     words  none  "
        "delay  told cut, uncut   ms/s"
    )
    for kind in kinds:
        for level in levels:
            sound = played.with_noise(kind, level, seed + 1)
            utterances, found, spent = segment(sound, config)
            recall, precision = boundaries(found.spans, played.audible)
            starts, ends = errors(found.spans, played.audible)
            heard, wrong = overlapped(found.spans, played.audible)
            delay = float(np.median(found.told - found.spans[:, 1])) if len(found.told) else 0.0
            row = {
                "recall": recall,
                "precision": precision,
                "end_off_ms": 1e3 * float(np.median(ends)),
                "start_off_ms": 1e3 * float(np.median(starts)),
                "words_found": heard / len(clips),
                "false": float(wrong),
                "delay_s": delay,
                "ms_per_s": 1e3 * spent / (len(sound) / SAMPLE_RATE),
            }
            if listener:
                cut = [_loudest(utterances, played, k) for k in range(len(clips))]
                uncut = [_uncut(sound, utterances, played, k) for k in range(len(clips))]
                row["told_cut"] = _told(cut, played.said, listener)
                row["told_uncut"] = _told(uncut, played.said, listener)
            _print(kind, level, row, starts, ends)
            figures |= {f"{kind}_{level}_{name}": round(value, 3) for name, value in row.items()}
    return figures


def _loudest(utterances: list[Utterance], played: Played, word: int) -> Wave | None:
    """What was cut out of the sound at a word, cleaned; the longest piece where there are several."""
    start, end = played.audible[word]
    own = [u for u in utterances if min(u.end, end) > max(u.start, start)]
    if not own:
        return None
    longest = max(own, key=lambda u: min(u.end, end) - max(u.start, start))
    return _cleaned(longest.samples, longest)


def _uncut(sound: Wave, utterances: list[Utterance], played: Played, word: int) -> Wave:
    """The whole recording in the same noise, cleaned by the background that the next utterance tells."""
    first, last = (played.file[word] * SAMPLE_RATE).round().astype(int)
    near = [u for u in utterances if u.end > played.file[word][0]] or utterances[-1:]
    return _cleaned(sound[first:last], near[0]) if near else sound[first:last]


def _cleaned(samples: Wave, utterance: Utterance) -> Wave:
    return samples if utterance.background is None else clean(samples, utterance.background)


def _told(waves: Sequence[Wave | None], said: Sequence[str], listener: Listener) -> float:
    right = [wave is not None and listener.hear(wave) == word for wave, word in zip(waves, said, strict=True)]
    return float(np.mean(right))


def _print(kind: str, level: int, row: dict[str, float], starts: Spans, ends: Spans) -> None:
    def spread(off: Spans) -> str:
        low, middle, high = 1e3 * np.percentile(off, [10, 50, 90]) if len(off) else (0, 0, 0)
        return f"{middle:+5.0f} ({low:+5.0f}, {high:+5.0f})"

    told = f"{100 * row['told_cut']:5.1f} % {100 * row['told_uncut']:5.1f} %" if "told_cut" in row else " " * 15
    print(
        f"{kind:6} {level:4}   {row['recall']:.3f} / {row['precision']:.3f}  {spread(starts)} ms {spread(ends)} ms  "
        f"{100 * row['words_found']:5.1f} % {row['false']:4.0f}  {row['delay_s']:.3f}  {told}  {row['ms_per_s']:5.2f}",
        flush=True,
    )


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder with Speech Commands")
    parser.add_argument("--words", type=int, default=270, help="recordings played (default 270)")
    parser.add_argument("--half", choices=HALVES, default="report", help="which speakers (default report)")
    parser.add_argument("--digits", action="store_true", help="the ten digits alone")
    parser.add_argument(
        "--below",
        type=float,
        default=AUDIBLE_DB,
        help=f"decibel below its loudest 10 ms down to which a word is heard (default {AUDIBLE_DB:g})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice, the pauses and the noise (default 0)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="a setting of perception.segmentation; reach=80, trim=0.25 and after=0 cut as version 0.2 did",
    )
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    changes = {name: float(value) for name, _, value in (each.partition("=") for each in options.set)}
    config = SegmentationConfig().replace(**changes)
    figures = measure(
        Path(options.data), options.words, options.seed, options.half, options.digits, options.below, config=config
    )
    if options.json:
        print(json.dumps({**figures, **machine(), "seed": options.seed, "half": options.half}))


if __name__ == "__main__":
    main()
