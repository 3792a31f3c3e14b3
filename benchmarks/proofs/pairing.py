"""Which sounds and pictures are put together, when their times are bad: precision and recall of the pairs.

    python benchmarks/proofs/pairing.py [--hours 1] [--seed 0] [--json]

A scripted hour: somebody shows a card for a while and says one to four words meanwhile, or shows a card and says
nothing, or says a word to nothing. The utterances' clock runs 100 ppm fast against the pictures' (0.36 s after an
hour, uncorrected), every time is off by a normal error of 20 ms, 10 % of the utterances and of the views' beginnings
and ends never come, and 5 % come 50 to 400 ms out of order. A pair is right if word and card belong together in the
script; a pair is due if both came. `events` says how single-modality events fared: of words said to nothing and cards
shown in silence, how many came out as such. Everything that came in is looked for in what came out.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from sensors.cutters.segmentation import Utterance
from sensors.cutters.views import View
from sensors.perception.pairing import Moment, Pairing, PairingConfig

FPS = 15
AGAIN = 0.5
_SOUND = np.zeros(1, np.float32)
_PICTURE = np.zeros(1, np.uint8)


@dataclass(frozen=True)
class TimingFaults:
    """What is wrong with the times: jitter in seconds, drift in parts, shares missing and out of order."""

    jitter: float = 0.02
    drift: float = 100e-6
    missing: float = 0.10
    disorder: float = 0.05


@dataclass(frozen=True)
class Script:
    """What happened: words of (start, end, card or -1), cards of (start, end)."""

    words: list[tuple[float, float, int]]
    cards: list[tuple[float, float]]


def script(seconds: float, rng: np.random.Generator) -> Script:
    """Scenes one after the other, at least 1.2 s apart from what they do not belong to."""
    words: list[tuple[float, float, int]] = []
    cards: list[tuple[float, float]] = []
    now = 2.0
    while now < seconds:
        scene = rng.choice(["lesson", "silence", "alone"], p=[0.7, 0.15, 0.15])
        if scene == "alone":
            length = rng.uniform(0.25, 1.0)
            words.append((now, now + length, -1))
            now += length
        else:
            begin = now
            now += rng.uniform(0.5, 1.5)
            for _ in range(int(rng.integers(1, 5)) if scene == "lesson" else 0):
                length = rng.uniform(0.25, 1.0)
                words.append((now, now + length, len(cards)))
                now += length + rng.uniform(0.3, 1.0)
            now += rng.uniform(0.2, 0.8)
            cards.append((begin, now))
        now += rng.uniform(1.2, 2.5)
    return Script(words, cards)


Arrival = tuple[float, Utterance | View]


def arrivals(said: Script, flaws: TimingFaults, rng: np.random.Generator) -> tuple[list[Arrival], dict[float, int]]:
    """What reaches `Pairing` and when, and by the start of each utterance that came, its word."""
    items: list[Arrival] = []
    word_of: dict[float, int] = {}

    def off() -> float:
        return float(rng.normal(0, flaws.jitter)) if flaws.jitter else 0.0

    def arrive(due: float, item: Utterance | View) -> bool:
        if rng.random() < flaws.missing:
            return False
        late = rng.uniform(0.05, 0.4) if rng.random() < flaws.disorder else 0.0
        items.append((due + late, item))
        return True

    for word, (start, end, _) in enumerate(said.words):
        begin = start * (1 + flaws.drift) + off()
        finish = max(begin + 0.05, end * (1 + flaws.drift) + off())
        if arrive(end + 0.2, Utterance(begin, finish, _SOUND)):
            word_of[begin] = word
    for number, (start, end) in enumerate(said.cards):
        begin = start + off()
        view = View(number, begin, begin + 0.25, _PICTURE)
        came = arrive(start + 0.27, view)
        for again in np.arange(start + 0.75, end, AGAIN):
            came |= arrive(again + 0.02, replace(view, end=max(begin, again + off())))
        if came:
            arrive(end + 0.1, replace(view, end=max(begin, end + off()), lasting=False))
    return sorted(items, key=lambda item: item[0]), word_of


def run(items: list[Arrival], pairing: Pairing, drift: float) -> list[Moment]:
    """Everything through `Pairing`, with the marks that sound and pictures give meanwhile."""
    moments: list[Moment] = []
    ticks = np.arange(0, items[-1][0] + 1, 1 / FPS)
    at = 0
    for tick in ticks:
        while at < len(items) and items[at][0] <= tick:
            due, item = items[at]
            moments += pairing.observe("image" if isinstance(item, View) else "audio", item, due)
            at += 1
        # An utterance is told 1.2 s after its start at the latest here, a view 0.3 s.
        moments += pairing.advance(tick, {"audio": (tick - 1.25) * (1 + drift), "image": tick - 0.3})
    return moments + pairing.flush()


def grade(said: Script, items: list[Arrival], word_of: dict[float, int], moments: list[Moment]) -> dict[str, float]:
    """Precision and recall of pairs, how lone events fared, and what was lost."""
    card_of = {word: card for word, (_, _, card) in enumerate(said.words)}
    came = {item.number for _, item in items if isinstance(item, View)}
    both = [(_word(m, word_of), _card(m)) for m in moments]
    paired = [(word, card) for word, card in both if word is not None and card is not None]
    due = {(word, card_of[word]) for word in word_of.values() if card_of[word] in came}
    right = sum(pair in due for pair in paired)
    lone_words = {word for word, card in both if card is None}
    lone_cards = {card for word, card in both if word is None}
    heard_cards = {card for _, card in due}
    words_due = {word for word in word_of.values() if card_of[word] not in came}
    cards_due = came - heard_cards
    out_words = Counter(word for word, _ in both if word is not None)
    out_cards = {card for _, card in both if card is not None}
    lessons: dict[int, set[int]] = {}
    for m, (word, card) in zip(moments, both, strict=True):
        if word is not None and card is not None:
            lessons.setdefault(m.lesson, set()).add(card)
    return {
        "pairs_due": len(due),
        "precision": right / max(1, len(paired)),
        "recall": right / max(1, len(due)),
        "events_words_right": len(lone_words & words_due) / max(1, len(words_due)),
        "events_cards_right": len(lone_cards & cards_due) / max(1, len(cards_due)),
        "lost": len(word_of) - len(out_words) + len(came - out_cards),
        "doubled": sum(n > 1 for n in out_words.values()),
        "lessons_mixed": sum(len(cards) > 1 for cards in lessons.values()),
    }


def _word(moment: Moment, word_of: dict[float, int]) -> int | None:
    """The word of the script that is in a moment, if one is."""
    return word_of[moment.percepts["audio"].start] if "audio" in moment.percepts else None


def _card(moment: Moment) -> int | None:
    """The card that is in a moment, if one is."""
    return moment.percepts["image"].number if "image" in moment.percepts else None


def measure(seconds: float, seed: int, flaws: TimingFaults | None = None) -> dict[str, float]:
    """One scripted run's figures."""
    flaws = flaws or TimingFaults()
    rng = np.random.default_rng(seed)
    said = script(seconds, rng)
    items, word_of = arrivals(said, flaws, rng)
    pairing = Pairing(("audio", "image"), PairingConfig())
    before = time.process_time()
    moments = run(items, pairing, flaws.drift)
    spent = time.process_time() - before
    figures = grade(said, items, word_of, moments)
    return figures | {"cpu_ms_per_s": 1e3 * spent / seconds, **{f"count_{k}": n for k, n in pairing.counts.items()}}


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=float, default=1.0, help="simulated time (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the script and the flaws (default 0)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    rows = {
        "no flaws": TimingFaults(0.0, 0.0, 0.0, 0.0),
        "jitter 20 ms": TimingFaults(0.02, 0.0, 0.0, 0.0),
        "drift 100 ppm": TimingFaults(0.0, 100e-6, 0.0, 0.0),
        "10 % missing": TimingFaults(0.0, 0.0, 0.1, 0.0),
        "5 % out of order": TimingFaults(0.0, 0.0, 0.0, 0.05),
        "all of these": TimingFaults(),
    }
    print("flaws              pairs   precision      recall  lone words  lone cards  lost")
    for name, flaws in rows.items():
        f = measure(3600 * options.hours, options.seed, flaws)
        row = [f[k] for k in ("precision", "recall", "events_words_right", "events_cards_right")]
        print(f"{name:17} {f['pairs_due']:6.0f}  " + "  ".join(f"{v:10.4f}" for v in row) + f"  {f['lost']:4.0f}")
    if options.json:
        print(json.dumps({k: round(v, 4) for k, v in f.items()} | {"hours": options.hours, "seed": options.seed}))


if __name__ == "__main__":
    main()
