"""What streams are like: pairs that are rare, concepts that arrive and return, senses that get worse.

    python benchmarks/studies/streams/streams.py --data DIR [--only imbalance|arrival|drift] [--seeds 0,1] [--workers 1]

Every trial is one `runtime/trial.py`. Exams are on a validation part of the training data
unless `--part test` is given. A second start with the same `--out` goes on where the first one was stopped, and makes
tables and plots of what is there: `streams.md`, `imbalance.png`, `arrival.png`, `drift.png`.

- imbalance: a share of the training samples co-occurs, the rest comes alone, in that proportion of events; against as
  many events that co-occur, drawn anew, without the rest, for as many learner steps on pairs and for as many in all.
  Below `--least-paired` the events that co-occur stay that share of the stream and come back more often.
- arrival: two concepts at a time, in the end the first two again, with a replay that holds less than a phase, `fifo`
  and `reservoir`.
- drift: from the middle on the microphone gets noisy, the camera dark, or both.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agent.config import PRESETS, LearnerConfig, MonitorConfig
from benchmarks.harness.cells import integers, numbers, run_cells, run_program, table
from benchmarks.studies.streams.stream_cells import DRIFTS, judges_of, load, work
from benchmarks.studies.streams.stream_plots import plot, require_matplotlib
from sensors.core.config import parse
from teacher.config import DataConfig

EXPERIMENTS = ("imbalance", "arrival", "drift")
_PREQUENTIAL = (
    "Prequential: every event before it was learned from. An event is new, its samples are drawn again from a finite "
    "training set: after a first pass over the clips, audio_to_image is accuracy on sounds that were heard before."
)
SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
CAPACITY = 2048
"""Events that replay keeps where concepts arrive or senses drift: half of what comes in a phase of 500 steps."""
COLUMNS = {
    "imbalance": {
        "image_to_audio": ".2%",
        "audio_to_image": ".2%",
        "image_to_image": ".2%",
        "audio_to_audio": ".2%",
        "steps on pairs": ".0f",
        "steps": ".0f",
        "events paired": ".0f",
    },
    "arrival": {
        "learned": ".2%",
        "forgetting": ".2%",
        "known": ".2%",
        "before return": ".2%",
        "returned": ".2%",
        "first events": ".0f",
        "return events": ".0f",
        "prequential": ".2%",
    },
    "drift": {
        **{f"prequential {when}": ".2%" for when in ("before", "during", "after")},
        **{f"{exam} {when}": ".2%" for exam in ("clean", "worse") for when in ("before", "after")},
        "judge of worse inputs": ".2%",
    },
}
BY = {"imbalance": ("share", "arm"), "arrival": ("path", "remover"), "drift": ("path", "drift")}
NOTES = {
    "imbalance": "Share: of the training samples that co-occur. Crossing paths, and each modality's own.",
    "arrival": "Learned: accuracy on two concepts at the end of their phase. Forgetting: that minus their accuracy at "
    "the end of the fifth phase, mean over the first four (Avalanche). Known: all ten concepts at that time. Return: "
    "of the first two, in the sixth phase; events until 95 % of what was once learned of them, at first and then. "
    f"A dash, or 'n of m': not within the phase in any, or in some, of the runs. {_PREQUENTIAL}",
    "drift": f"{_PREQUENTIAL} Before, during and after: the tenth of the stream before the drift, the drift itself, "
    "and the last tenth. Clean and worse: exams on clean inputs and on inputs as both drifts leave them, "
    "before the drift and at the end. Judge of worse inputs: what a classifier that learned from clean samples and "
    "labels, and no more since, knows of the latter.",
}


def cells_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The cells asked for, seed by seed, so that a stopped benchmark has whole comparisons."""
    data = DataConfig(data=options.data, images=options.images, speech=options.speech, part=options.part).to_dict()
    monitor = MonitorConfig()
    common = {
        "data": data,
        "learner": learner_settings(options),
        "steps": options.steps,
        "judge_steps": monitor.judge_steps,
    }
    cells = []
    for seed in options.seeds:
        own = {**common, "seed": seed}
        kept = {"capacity": options.capacity}
        kinds: dict[str, list[dict[str, Any]]] = {
            # A protocol's number: rows of another one, left in the same folder, are none of its.
            "imbalance": [
                {"share": share, "least_paired": options.least_paired, "protocol": 2} for share in options.shares
            ],
            "arrival": [{"remover": remover, **kept} for remover in ("fifo", "reservoir")],
            "drift": [{"drift": name, "remover": "fifo", **kept} for name in DRIFTS],
        }
        chosen = (options.only,) if options.only else EXPERIMENTS
        cells += [{"experiment": kind, **own, **cell} for kind in chosen for cell in kinds[kind]]
    return cells


def learner_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Settings of the learner that were given.

    Raises:
        ConfigError: no such setting, or a bad value.
    """
    settings: dict[str, Any] = {"preset": options.preset}
    for text in options.set:
        name, _, value = text.partition("=")
        settings[name] = parse(LearnerConfig, name, value)
    return settings


def report(rows: Sequence[Mapping[str, Any]], about: str) -> str:
    """Tables of all experiments that have rows, as Markdown."""
    parts = [about]
    for kind in EXPERIMENTS:
        own = [r for r in rows if r["experiment"] == kind and r.get("what", "summary") == "summary"]
        if own:
            parts += [f"## {kind.capitalize()}", table(own, BY[kind], COLUMNS[kind]), NOTES[kind], f"![]({kind}.png)"]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run what is not done yet; write tables and plots."""
    parser = argparse.ArgumentParser(description="what streams are like: imbalance, arrival, drift")
    parser.add_argument("--only", choices=EXPERIMENTS, default=None, help="one experiment (default: all)")
    parser.add_argument("--steps", type=int, default=3000, help="learner steps of a trial (default 3000)")
    parser.add_argument(
        "--seeds", type=partial(integers, "--seeds"), default=[0, 1, 2], help="comma list (default 0,1,2)"
    )
    parser.add_argument(
        "--shares",
        type=partial(numbers, "--shares"),
        default=list(SHARES),
        help="imbalance: shares of the training samples that co-occur (default 0.01,0.03,0.1,0.3,1)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/streams"), help="folder of all results")
    parser.add_argument("--workers", type=int, default=1, help="trials side by side, a core each (default 1)")
    parser.add_argument("--data", default=None, help="folder of datasets (default: RECIPROCAL_DATA, or embedded)")
    parser.add_argument("--images", default="auto", help="as of launch.py")
    parser.add_argument("--speech", default="auto", help="as of launch.py")
    parser.add_argument("--part", choices=("validation", "test"), default="validation", help="what exams are made of")
    parser.add_argument("--preset", choices=PRESETS, default="small", help="network sizes (default small)")
    parser.add_argument(
        "--capacity", type=int, default=CAPACITY, help=f"arrival, drift: events kept (default {CAPACITY})"
    )
    parser.add_argument(
        "--least-paired", type=float, default=0.1, help="imbalance: least share of events that co-occur (default 0.1)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the learner, as in guides=pair"
    )
    parser.add_argument("--json", action="store_true", help="print the summary rows as JSON in the last line")
    options = parser.parse_args()
    require_matplotlib()
    cells = cells_of(options)
    images, speech = load(cells[0])
    judges = judges_of(cells[0], images, speech)  # once, for all workers
    rows = run_cells(cells, work, options.out, options.workers)
    known = ", ".join(f"{judge.name} {judge.accuracy:.2%}" for judge in judges.values())
    about = (
        f"# Streams\n\n{images.summary}.\n\n{speech.summary}.\n\nJudges: {known}. {options.steps} steps, "
        f"preset {options.preset}, seeds {', '.join(map(str, options.seeds))}."
    )
    text = report(rows, about)
    (options.out / "streams.md").write_text(text, "utf-8")
    for kind in EXPERIMENTS:
        if own := [r for r in rows if r["experiment"] == kind]:
            plot(kind, own, options.out / f"{kind}.png")
    print(text)
    if options.json:
        print(json.dumps([r for r in rows if r.get("what", "summary") == "summary"]))


if __name__ == "__main__":
    run_program(main)
