"""What the ear makes of sound that is not one clear voice at 16 kHz: a table.

    python benchmarks/studies/hearing/conditions.py --data DIR [--words 40] [--seed 0] [--json]

Words of Speech Commands' speakers of the half `report` are played with pauses in pink noise 30 dB below them, changed
as each row says. They go the microphone's way: blocks of 20 ms of its rate and channels are mixed, resampled and cut.
Rows of files are written by soundfile and read as a user's files are, then cut alike.

`found`: share of the words that an utterance overlaps. `whole`: utterances that may be paired, and `of`: all of them.
`R / P`: starts and ends within 50 ms of where the words are heard. `counted`: what the cutter counted and told beside.
Speech without a pause is GRID's sentences, one after the other with their silences cut out; its R / P are of its begin
and end alone. The music is made: chords of eight harmonics that change every half second.
"""

import argparse
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.harness.measured import machine
from benchmarks.studies.hearing.gates import installed
from benchmarks.studies.hearing.played import LOUDNESS, Spans, Wave, play
from benchmarks.studies.hearing.scores import boundaries, overlapped
from benchmarks.studies.hearing.sentences_data import sentences
from benchmarks.studies.hearing.words import choose, scan
from sensors.cutters.segmentation import Segmenter, Utterance
from sensors.signals.mixer import Mixer
from sensors.signals.sound import decode
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.timed_sound import TimedSound

LEVEL = 30
_BLOCK = 0.02
_LONG_S = 30.0


@dataclass(frozen=True)
class Heard:
    """What the ear made of a sound."""

    utterances: list[Utterance]
    counts: dict[str, int]

    @property
    def spans(self) -> Spans:
        """(n, 2) seconds at which they begin and end."""
        return np.array([(each.start, each.end) for each in self.utterances]).reshape(-1, 2)


def hear(channels: Wave, rate: int = SAMPLE_RATE) -> Heard:
    """Sound as a microphone of this rate gives it, (samples,) or (samples, channels), mixed, resampled and cut."""
    blocks = channels.reshape(len(channels), -1)
    mixer, segmenter, found = Mixer(), Segmenter(), list[Utterance]()
    timed = TimedSound(rate, _BLOCK, lambda reason, count: None)
    size = round(rate * _BLOCK)
    for first in range(0, len(blocks), size):
        mixed = np.ascontiguousarray(mixer.mix(blocks[first : first + size]))
        chunk = timed.chunk(first / rate, mixed, lost=False, counted=False)
        if chunk is not None:
            found += segmenter.observe(chunk)
    return Heard(found + segmenter.flush(), dict(segmenter.counts))


def resampled(sound: Wave, rate: int) -> Wave:
    """The sound at another rate."""
    return np.asarray(soxr.resample(sound, SAMPLE_RATE, rate), np.float32)


def of_file(sound: Wave, rate: int, subtype: str) -> Wave:
    """The sound after it was written at a rate as a WAV file of a kind, and read again."""
    data = io.BytesIO()
    soundfile.write(data, resampled(sound, rate), rate, format="WAV", subtype=subtype)
    return decode(data.getvalue(), "the file").wave


def music(seconds: float, seed: int) -> Wave:
    """Chords of three notes with eight harmonics each, which change every half second and fade."""
    rng, beat = np.random.default_rng(seed), SAMPLE_RATE // 2
    t = np.arange(beat) / SAMPLE_RATE
    parts = []
    for _ in range(round(2 * seconds)):
        notes = 110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16], 3, replace=False) / 12)
        tones = [np.sin(2 * np.pi * k * f * t) / k for f in notes for k in range(1, 9)]
        parts.append(np.exp(-3 * t) * np.minimum(1, t / 0.01) * np.sum(tones, axis=0))
    made = np.concatenate(parts)
    return np.asarray(LOUDNESS * made / made.std(), np.float32)


def measure(data: Path, words: int, seed: int) -> dict[str, float]:
    """All rows, printed, and as one flat dict."""
    clips, _ = choose(scan(data, "report"), words, seed)
    played = play(clips, seed)
    plain, truth = played.with_noise("pink", LEVEL, seed + 1), played.audible
    others, _ = choose(scan(data, "report"), 2 * words, seed + 7)
    second = play(others, seed + 8).sound[: len(plain)]
    second = np.pad(second, (0, len(plain) - len(second)))
    tune = music(len(plain) / SAMPLE_RATE + 1, seed)[: len(plain)]
    hum = np.asarray(1.4 * LOUDNESS * np.sin(2 * np.pi * 50 * np.arange(len(plain)) / SAMPLE_RATE), np.float32)
    rows: dict[str, Callable[[], Heard]] = {
        "plain": lambda: hear(plain),
        "microphone of 48 kHz": lambda: hear(resampled(plain, 48_000), 48_000),
        "microphone of 44.1 kHz": lambda: hear(resampled(plain, 44_100), 44_100),
        "microphone of 8 kHz": lambda: hear(resampled(plain, 8_000), 8_000),
        "stereo, both alike": lambda: hear(np.stack([plain, plain], axis=1)),
        "stereo, one silent": lambda: hear(np.stack([plain, 0 * plain], axis=1)),
        "stereo, one upside down": lambda: hear(np.stack([plain, -plain], axis=1)),
        "file, 16 bits, 44.1 kHz": lambda: hear(of_file(plain, 44_100, "PCM_16")),
        "file, 24 bits, 48 kHz": lambda: hear(of_file(plain, 48_000, "PCM_24")),
        "file, float, 48 kHz": lambda: hear(of_file(plain, 48_000, "FLOAT")),
        "file, 8 bits, 16 kHz": lambda: hear(of_file(plain, SAMPLE_RATE, "PCM_U8")),
        "40 dB fainter": lambda: hear(plain * np.float32(0.01)),
        "clipped: 30 dB too loud": lambda: hear(np.clip(30 * plain, -1, 1)),
        "constant offset of 0.3": lambda: hear(plain + np.float32(0.3)),
        "hum of 50 Hz, as loud": lambda: hear(plain + hum),
        "second voice, 20 dB fainter": lambda: hear(plain + 0.1 * second),
        "second voice, as loud": lambda: hear(plain + second),
        "music, 20 dB fainter": lambda: hear(plain + np.float32(0.1) * tune),
        "music, 10 dB fainter": lambda: hear(plain + np.float32(0.316) * tune),
        "music alone, 30 s": lambda: hear(tune[: 30 * SAMPLE_RATE]),
    }
    figures: dict[str, float] = {}
    print(f"{'sound':28} found  whole   of   R / P          counted")
    for name, listen in rows.items():
        figures |= _row(name, listen(), truth[:0] if "alone" in name else truth)
    if installed("av") and (data / "grid").exists():
        spoken = _speech(data, seed)
        figures |= _row("speech of 30 s, no pause", hear(spoken), np.array([[1.5, len(spoken) / SAMPLE_RATE - 1.5]]))
    return figures


def _speech(data: Path, seed: int) -> Wave:
    """Sentences without a pause for 30 s, with 1.5 s of silence at both ends, in noise."""
    parts, length = [], 0
    every = [each.clip for each in sentences(data)]
    for k in range(1000):
        clip = every[k % len(every)]
        wave = clip.wave[clip.first : clip.last]
        parts.append(wave * np.float32(LOUDNESS / wave.std()))
        length += len(wave)
        if length >= _LONG_S * SAMPLE_RATE:
            break
    rest = np.zeros(round(1.5 * SAMPLE_RATE), np.float32)
    sound = np.concatenate([rest, np.concatenate(parts)[: round(_LONG_S * SAMPLE_RATE)], rest])
    hiss = np.random.default_rng(seed).standard_normal(len(sound), np.float32)
    return np.asarray(sound + np.float32(LOUDNESS * 10 ** (-LEVEL / 20)) * hiss, np.float32)


def _row(name: str, heard: Heard, truth: Spans) -> dict[str, float]:
    found, whole = heard.spans, sum(each.whole for each in heard.utterances)
    share = overlapped(found, truth)[0] / len(truth) if len(truth) else 0.0
    recall, precision = boundaries(found, truth) if len(truth) else (0.0, 0.0)
    counted = ", ".join(f"{n} {k}" for k, n in heard.counts.items() if n and k != "utterances")
    near = f"{recall:.3f} / {precision:.3f}" if len(truth) else " " * 13
    print(f"{name:28} {100 * share:4.0f} %  {whole:5} {len(found):4}   {near}  {counted}", flush=True)
    key = "".join(c if c.isalnum() else "_" for c in name)
    return {f"{key}_found": round(share, 3), f"{key}_whole": whole, f"{key}_utterances": len(found)} | (
        {f"{key}_recall": round(recall, 3), f"{key}_precision": round(precision, 3)} if len(truth) else {}
    )


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--words", type=int, default=40, help="recordings played (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice, the pauses and the noise (default 0)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    figures = measure(Path(options.data), options.words, options.seed)
    if options.json:
        print(json.dumps({**figures, **machine(), "seed": options.seed}))


if __name__ == "__main__":
    main()
