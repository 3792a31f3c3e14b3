"""SMART's table: both styles, both directions, with the judges beside them, over several sets of data and seeds.

    python benchmarks/studies/smart/smart_table.py --data DIR --out table   # everything that is found there
    python benchmarks/studies/smart/smart_table.py --data DIR --out table --only mnist+fsdd --seeds 0 --styles hybrid
    python benchmarks/studies/smart/smart_table.py --data DIR --out table --only loso --speakers theo --workers 2 --json

Sets of data: `mnist+fsdd` (official split), `mnist+fsdd+gcdd` (with Speech Commands' digits, split by speaker), `loso`
(the same, but all that one of FSDD's six speakers said is test: neither these nor Speech Commands' test speakers were
ever heard), `mnist+gcdd` (the paper's own split, where the whole set is found).

Each cell is one trial (`runtime/trial.py`) of a fixed number of learner steps on one core. Nothing is chosen by test
data: the curve is recorded and not used. Judges are trained with labels on the same training data: a first and
an independent second one, and the reference, which is the learner's own encoder with a linear layer. The same command
goes on where it was stopped. In the folders of seed 0's cells, below that of --out, are a contact sheet and the
sounds that digits evoke.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from agent.exams.judge_networks import NETWORKS
from agent.exams.judges import Judge
from agent.exams.sheet import draw_sheet
from agent.hardware import choose_hardware, cpu_name
from agent.networks.published import Networks, to_network
from benchmarks.harness.cells import Cell, Row, cell_folder, integers, progress, run_cells, run_program, words
from benchmarks.harness.grades import grade_judges, grade_paths, judge_training, load_examiners
from benchmarks.studies.smart.smart_report import CROSSING, STYLES, report
from replay.files import read_json, write_json
from runtime.config.settings import RunConfig
from runtime.trial import Trial
from sensors.core.errors import ConfigError, DataError
from sensors.signals.griffin_lim import invert, write_wav
from sensors.signals.spectrogram import dequantise
from teacher.config import CONCEPTS, DataConfig
from teacher.datasets import ExamSet, Samples, load_images, load_speech
from teacher.datasets.choose import data_root
from teacher.datasets.readers import fsdd, gcdd, mnist
from teacher.subjects.digits import taught_digits

SPEECH = {"mnist+fsdd": "fsdd", "mnist+fsdd+gcdd": "fsdd+gcdd", "loso": "fsdd+gcdd", "mnist+gcdd": "gcdd"}
LOOKS, APART = 10, 1000
"""Points of a curve, and the fewest steps between two: an exam on all test data takes a quarter of a minute."""
SAVE_EVERY = 60.0
"""Seconds between two checkpoints of a cell."""
WAVS = 10
"""Concepts of which the evoked sound is written."""
TAIL = 1600
"""Samples of silence, 0.1 s, that are left after a word."""
PIECE = 20
"""Steps between two looks at the clock."""


def settings_of(cell: Cell) -> RunConfig:
    """The settings of a cell, or of one of its judges.

    Raises:
        ConfigError: one of `--set` names no setting, or has a bad value.
    """
    changes = {
        "learner.preset": cell["preset"],
        "data.images": "mnist",
        "data.speech": SPEECH[cell["data"]],
        "data.held_out": cell["held_out"],
        **({"teacher.style": cell["style"]} if "style" in cell else {}),
        **cell["set"],
    }
    return RunConfig().override(changes)


def train_judge(cell: Cell, folder: Path) -> Iterator[Row]:
    """Have one judge in the cache: a cell of its own, so that judges are trained side by side and once."""
    config = settings_of(cell)
    samples = (load_images if cell["modality"] == "image" else load_speech)(config.data)
    training = judge_training(
        cell["modality"], samples, cell["network"], config.monitor, cell["preset"], _device(config)
    )
    begun = time.monotonic()
    while not training.finished:
        training.step()
        progress(training.done, training.steps)
    seconds = time.monotonic() - begun
    yield {"judge": training.judge.name, "accuracy": training.judge.accuracy, "seconds": seconds}


def run_cell(cell: Cell, folder: Path) -> Iterator[Row]:
    """One cell: a trial with exams along the way, and its final exam by all judges."""
    config = settings_of(cell)
    images, speech = load_images(config.data), load_speech(config.data)
    parts = parts_of(config.data, speech)
    device = _device(config)
    examiners = load_examiners({"image": images, "audio": speech}, config.monitor, cell["preset"], device=device)
    steps, seed = cell["steps"], cell["seed"]
    with Trial(
        taught_digits(images, speech), config.teacher, config.replay, config.learner, seed, folder, steps
    ) as trial:
        exam = trial.machine.exam()

        def look() -> dict[str, float]:
            return grade_paths(_on(trial.networks(), device), examiners, exam, device=device)

        curve = _learn(trial, folder, look)
        networks = _on(trial.networks(), device)
        figures = grade_paths(networks, examiners, exam, ("first", "second"), parts, device)
        figures |= grade_judges(examiners, exam, parts)
        if seed == 0:
            show(trial.networks(), {m: made["first"] for m, made in examiners.items()}, exam, folder)
        hardware = trial.learner.hardware
        yield {
            **{k: cell[k] for k in ("data", "held_out", "preset", "style", "seed", "steps")},
            "minutes": trial.seconds / 60,
            "steps_per_s": trial.done / trial.seconds,
            "events": trial.events,
            "events_by_kind": trial.events_by_kind,
            **figures,
            "images": len(exam.parts["image"]),
            "clips": len(exam.parts["audio"]),
            **{f"clips_{name}": rows.stop - rows.start for name, rows in parts.items()},
            "speech": speech.summary,
            "machine": cpu_name() if hardware.device.type == "cpu" else hardware.name,
            "precision": hardware.precision,
            "threads": torch.get_num_threads(),
            "date": date.today().isoformat(),
            "curve": curve,
        }


def _learn(trial: Trial, folder: Path, look: Callable[[], dict[str, float]]) -> list[dict[str, float]]:
    """All steps of a trial, from its checkpoint on where there is one; returns the curve."""
    place, kept = folder / "curve.json", folder / "checkpoint"
    curve: list[dict[str, float]] = []
    if trial.restore(kept) and place.exists():
        curve = [point for point in read_json(place)["points"] if point["step"] <= trial.done]
    count = min(LOOKS, max(trial.steps // APART, 1))
    looks = sorted({max(1, round(trial.steps * k / count)) for k in range(1, count + 1)})
    saved, note = time.monotonic(), ""
    while trial.done < trial.steps:
        trial.run(min(trial.done + PIECE, next(step for step in looks if step > trial.done)))
        if trial.done in looks:
            figures = look()
            curve.append({"step": trial.done, "minutes": trial.seconds / 60, "events": trial.events, **figures})
            write_json(place, {"points": curve})
            note = " ".join(f"{name.replace('_to_', '>')} {figures[name]:.2%}" for name in CROSSING)
        # After the last step, too: whatever happens in the final exam, the learning is not lost.
        if time.monotonic() - saved >= SAVE_EVERY or trial.done == trial.steps:
            trial.save(kept)
            saved = time.monotonic()
        progress(trial.done, trial.steps, note)
    return curve


def parts_of(data: DataConfig, speech: Samples) -> dict[str, slice]:
    """Where speech is of two sets: the test clips of each; with a speaker held out, 'fsdd' is that speaker."""
    if data.speech != "fsdd+gcdd" or data.part != "test":
        return {}
    first = len(load_speech(data.replace(speech="fsdd")).test)
    return {"fsdd": slice(0, first), "gcdd": slice(first, len(speech.test))}


def show(networks: Networks, judges: Mapping[str, Judge], exam: ExamSet, folder: Path) -> None:
    """A contact sheet, and the sounds that the first image of each concept evokes."""
    done, png = cv2.imencode(
        ".png", draw_sheet(networks, judges, exam, f"step {networks.step:,}, test data", range(len(exam.concepts)))
    )
    if done:
        (folder / "sheet.png").write_bytes(png.tobytes())
    seen = exam.parts["image"]
    for concept, word in enumerate(CONCEPTS[:WAVS]):
        rows = np.flatnonzero(seen.labels == concept)[:1]
        if len(rows):
            made = networks.evoke(to_network(seen.samples[rows], "image"), "image", "audio")
            stored = (made.clamp(0, 1) * 255).round().numpy().astype(np.uint8)
            sound = invert(dequantise(stored)[0])
            loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
            # The silence that fills a spectrogram after a word says nothing.
            write_wav(folder / f"image-of-{word}-evokes.wav", sound[: loud[-1] + TAIL] if len(loud) else sound)


def found_sets(root: Path) -> dict[str, str]:
    """Every set of data -> why it cannot be run, or an empty string."""
    words, images, clips = gcdd.find(root), mnist.find(root), fsdd.find(root)
    no_images = "" if images else mnist.missing(root)
    no_clips = "" if clips else fsdd.missing(root)
    no_words = "" if words else gcdd.missing(root)
    # The split by name needs more than the names that train; an archive is taken to be whole.
    whole = words is not None and (words.archive or min(len(words.files[w]) for w in CONCEPTS) > gcdd.PAPER_TRAIN)
    partial = f"gcdd: only a part of it is there ({words.counts})" if words and not whole else ""
    return {
        "mnist+fsdd": no_images or no_clips,
        "mnist+fsdd+gcdd": no_images or no_clips or no_words,
        "loso": no_images or no_clips or no_words,
        "mnist+gcdd": no_images or no_words or partial,
    }


def speakers_of(root: Path) -> list[str]:
    """FSDD's speakers, sorted."""
    folder = fsdd.find(root)
    names = [m["speaker"] for p in folder.iterdir() if (m := fsdd.NAME.fullmatch(p.name))] if folder else []
    return sorted(set(names))


def make_cells(options: argparse.Namespace, root: Path) -> list[dict[str, Any]]:
    """The cells that the command asks for; sets that are not there are skipped and named.

    Raises:
        ConfigError: an unknown set, style or speaker, or a bad setting.
        DataError: none of the sets is there.
    """
    only, styles = options.only or list(SPEECH), options.styles
    for name, given, known in (("--only", only, SPEECH), ("--styles", styles, STYLES)):
        if unknown := sorted(set(given) - set(known)):
            raise ConfigError(f"{name}: no {', '.join(unknown)}; known: {', '.join(known)}")
    missing = {data: why for data, why in found_sets(root).items() if why and data in only}
    for data, why in missing.items():
        print(f"skipped {data}: {why}", file=sys.stderr)
    if len(missing) == len(set(only)):
        raise DataError("none of the sets of data is there")
    speakers = speakers_of(root)
    if options.speakers and (unknown := sorted(set(options.speakers) - set(speakers))):
        raise ConfigError(f"--speakers: no {', '.join(unknown)}; there are {', '.join(speakers)}")
    cells = [
        {
            "data": data,
            "held_out": speaker,
            "style": style,
            "seed": seed,
            "steps": options.steps,
            "preset": options.preset,
            "set": options.set,
        }
        for data in only
        if data not in missing
        for seed in options.seeds
        for speaker in ((options.speakers or speakers) if data == "loso" else ("",))
        for style in styles
    ]
    for cell in cells:
        settings_of(cell)
    return cells


def judge_cells(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """A cell for each judge that these cells need; equal ones are merged."""
    made = []
    for cell in cells:
        own = {k: v for k, v in cell["set"].items() if k.startswith(("monitor.", "data."))}
        for modality in ("audio", "image"):
            # Judges of images do not depend on the speech.
            where = ("mnist+fsdd", "") if modality == "image" else (cell["data"], cell["held_out"])
            place = dict(zip(("data", "held_out"), where, strict=True))
            base = {**place, "preset": cell["preset"], "set": own, "modality": modality}
            made += [{**base, "network": network} for network in NETWORKS]
    return list({json.dumps(c, sort_keys=True): c for c in made}.values())


def main() -> None:
    """Run the cells, write the table; with --json the rows are printed, one object a line."""
    options = _options()
    root = data_root(DataConfig(data=options.data))
    if root is None:
        raise ConfigError("no data: name the folder of datasets with --data DIR or RECIPROCAL_DATA")
    os.environ["RECIPROCAL_DATA"] = str(root.resolve())  # the workers' too; no part of a cell's settings
    cells = make_cells(options, root)
    run_cells(judge_cells(cells), train_judge, options.out / "judges", options.workers)
    rows = run_cells(cells, run_cell, options.out, options.workers)
    for cell in cells:
        shutil.rmtree(cell_folder(options.out, cell) / "checkpoint", ignore_errors=True)
    print(report(rows, options.out))
    if options.json:
        for row in rows:
            print(json.dumps({k: v for k, v in row.items() if k not in ("cell", "cell_rows", "curve")}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="SMART's table", allow_abbrev=False)
    parser.add_argument("--data", help="folder of datasets (default: RECIPROCAL_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="where rows, table and cells go; resumes what is there")
    for option, default, text in (
        ("--only", [], f"sets of data, of {', '.join(SPEECH)} (default all)"),
        ("--styles", list(STYLES), "default hybrid,classroom"),
        ("--speakers", [], "speakers of FSDD that loso leaves out (default all)"),
    ):
        parser.add_argument(option, type=partial(words, option), default=default, help=text)
    parser.add_argument("--seeds", type=partial(integers, "--seeds"), default=[0, 1, 2], help="default 0,1,2")
    parser.add_argument("--steps", type=int, default=40_000, help="learner steps of a cell (default 40000)")
    parser.add_argument("--preset", choices=("small", "paper"), default="small", help="network sizes (default small)")
    parser.add_argument("--workers", type=int, default=1, help="cells side by side, a core each; 0: in this process")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="as in launch.py")
    parser.add_argument("--json", action="store_true", help="print the rows, one JSON object a line")
    options = parser.parse_args()
    changes = {}
    for assignment in options.set:
        key, equals, text = assignment.partition("=")
        if not equals or "." not in key:
            raise ConfigError(f"--set {assignment}: expected section.field=value")
        changes[key.strip()] = text.strip()
    options.set = changes
    if options.steps < 1 or options.workers < 0:
        raise ConfigError("--steps and --workers: expected a positive number")
    return options


def _device(config: RunConfig) -> str:
    return str(choose_hardware(config.learner).device)


def _on(networks: Networks, device: str) -> Networks:
    return networks.to(device)


if __name__ == "__main__":
    run_program(main)
