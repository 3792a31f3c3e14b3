"""Photographs of real things, named by real words and by their own names: how well they are learned without labels.

    python benchmarks/studies/things/things.py --data DIR --out things   # all cells, on the test part
    python benchmarks/studies/things/things.py --data DIR --out choices --part validation --seeds 0   # chooses settings
    python benchmarks/studies/things/things.py --data DIR --out things --tables words --cells   # lists the cells

Tables (see `things_data.py`): `words`, 23 kinds of grocery named by 23 real words; `names`, 43 kinds named by their own
names in synthetic voices; fewer of these kinds, and 79 concepts with digits and letters, for the curve.

* `smart`: SMART without labels. A judge, trained with labels on the training part, says what is evoked: image → audio
  and audio → image.
* `contrastive`: two towers of the same encoders. They generate nothing: the judge says what the nearest training
  sample is that they retrieve.
* `reference`: the same encoder with a linear layer, trained with labels on the same training data, evenly over the
  concepts as a teacher shows them, with the same variations and as many updates with batches of the same size.
* `chance`: guessing.

Each cell is one run on one core; finished ones are kept, and the same command goes on where it was stopped. The test
part is only read by cells of `--part test`.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.config import LearnerConfig
from agent.exams.judge_cache import judges_folder
from agent.exams.judges import Training
from agent.exams.retrieval import retrieve
from agent.hardware import choose_hardware
from agent.networks.published import Networks, to_network
from benchmarks.harness.cells import Cell, Row, cell_key, integers, progress, run_cells, run_program, words
from benchmarks.harness.grades import balanced
from benchmarks.studies.things.things_data import PARTS, TABLES, build
from benchmarks.studies.things.things_report import report
from runtime.config.settings import RunConfig
from runtime.trial import Trial
from sensors.core.errors import ConfigError
from sensors.senses import configure
from teacher.config import DataConfig
from teacher.datasets import ExamSet
from teacher.datasets.choose import data_root
from teacher.folder.load import Things, load_things
from teacher.subjects import Taught

SENSES = {"image": {"size": 96, "color": True}}
"""Settings of the senses in every cell."""
PRESET = "medium"
MAIN = ("words", "names")
"""Tables that every seed and every learner has; the others have SMART's first seed alone."""
LEARNERS = ("smart", "contrastive", "reference")
STEPS = {"smart": 2000, "contrastive": 1500}
"""Learner steps of a run, which take both learners about the same time; a contrastive step updates both towers."""
UPDATES = 1000
"""Updates of a reference and of a judge."""
SETTINGS: Mapping[str, str] = {
    "learner.preset": PRESET,
    "learner.batch": "64",
    "learner.turn_steps": "100",
    "learner.weight": "10",
    "learner.mode": "0",
    "learner.min_events": "256",
    "learner.augment_from": "0",
    "learner.augment_growth": "1",
    "learner.average": "0.98",
    "learner.warmup_steps": "50",
    "learner.cooldown": "0.6",
    "teacher.style": "classroom",
    "teacher.jitter": "false",
    "replay.capacity": "8192",
    "replay.capacity_single": "1024",
}
"""Of both learners; chosen on the validation part."""
PIECE = 20
"""Steps between two looks at the clock."""
SAVE_EVERY = 500
"""Steps between two checkpoints of a cell."""
JUDGE_SEED = 7


def load(cell: Cell) -> Things:
    """The data of a cell."""
    configure(SENSES)
    root = build(cell["table"], cell["part"], Path(cell["data"]), Path(cell["folders"]))
    return load_things(root)


def exam_of(things: Things) -> ExamSet:
    """What is examined."""
    return ExamSet.of(dict(things.datasets), things.concepts)


def judge_training(things: Things, sense: str, network: str, seed: int, updates: int) -> Training:
    """The training of a judge or a reference; finished at once where it is in the cache."""
    return Training(
        sense,
        things.datasets[sense],
        updates,
        seed,
        judges_folder(),
        network,
        PRESET,
        concepts=len(things.concepts),
        precision=choose_hardware(LearnerConfig(device="cpu")).precision,
        even=True,
    )


def grade_cell(cell: Cell, folder: Path) -> Iterator[Row]:
    """Train one judge or reference and tell how well it reads the examined part."""
    things = load(cell)
    seed = JUDGE_SEED if cell["network"] == "first" else JUDGE_SEED + 200 + cell["seed"]
    training = judge_training(things, cell["sense"], cell["network"], seed, cell["updates"])
    while not training.finished:
        training.step()
        if training.done % PIECE == 0:
            progress(training.done, training.steps)
    part = exam_of(things).parts[cell["sense"]]
    said = training.judge.grade(to_network(part.samples, cell["sense"])).numpy()
    yield {"accuracy": float((said == part.labels).mean()), "balanced": balanced(said, part.labels)}


def learn_cell(cell: Cell, folder: Path) -> Iterator[Row]:
    """Let one learner learn, and examine it."""
    things = load(cell)
    config = RunConfig().override({**SETTINGS, **cell["set"]})
    taught = Taught("folder", things.concepts, things.datasets, things.lines, {"folder": f"x:{things.fingerprint}"})
    steps, kept = cell["steps"], folder / "checkpoint"
    arguments = (taught, config.teacher, config.replay, config.learner, cell["seed"], folder, steps)
    with Trial(*arguments, learn=(cell["learner"],)) as trial:
        trial.restore(kept)
        while trial.done < steps:
            trial.run(min(trial.done + PIECE, steps))
            if trial.done % SAVE_EVERY == 0 or trial.done == steps:
                trial.save(kept)
            progress(trial.done, steps)
        networks, minutes = trial.networks(), trial.seconds / 60
    exam = exam_of(things)
    found = retrieve(networks, exam)
    verdicts = {}
    for source, part in exam.parts.items():
        for target in exam.parts:
            judge = judge_training(things, target, "first", JUDGE_SEED, cell["updates"])
            said = _said(networks, judge, things, source, target)
            verdicts[f"{source}_to_{target}"] = float((said == part.labels).mean())
            verdicts[f"{source}_to_{target}_balanced"] = balanced(said, part.labels)
    yield {
        "learner": cell["learner"],
        **verdicts,
        **{name.replace("/", "_"): share for name, share in found.shares.items()},
        "r1": _mean(found.shares, "r1"),
        "five_way": _mean(found.shares, "five_way"),
        "minutes": minutes,
        "concepts": len(things.concepts),
        "tested": {sense: len(part) for sense, part in exam.parts.items()},
    }


def _said(networks: Networks, judge: Training, things: Things, source: str, target: str) -> NDArray[np.int64]:
    """What the judge says of what is evoked in `target`, or of the nearest training sample where nothing can be."""
    x = to_network(things.datasets[source].test, source)
    if networks.decodes:
        return judge.judge.grade(networks.evoke(x, source, target).clone()).numpy()
    trained = things.datasets[target].train
    gallery = networks.encode(to_network(trained, target), target)
    rows = networks.nearest(x, source, gallery, target)[:, 0].numpy()
    return judge.judge.grade(to_network(trained[rows], target)).numpy()


def _mean(shares: Mapping[str, float], depth: str) -> float:
    """Mean over both directions."""
    return float(np.mean([share for name, share in shares.items() if name.endswith(f"/{depth}")]))


def make_cells(options: argparse.Namespace, data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Cells of judges and references, and those of learners.

    Raises:
        ConfigError: an unknown table or learner, or a bad setting.
    """
    for name, given, known in (("--tables", options.tables, TABLES), ("--learners", options.learners, LEARNERS)):
        if unknown := sorted(set(given) - set(known)):
            raise ConfigError(f"{name}: no {', '.join(unknown)}; known: {', '.join(known)}")
    RunConfig().override({**SETTINGS, **options.set})
    judges: list[dict[str, Any]] = []
    learners: list[dict[str, Any]] = []
    updates = max(1, round(UPDATES * options.scale))
    for table in options.tables:
        base = {"table": table, "part": options.part}
        # Last, as the line that shows a cell's progress begins with what tells it from others.
        places = {"data": str(data), "folders": str(options.out / "folders")}
        seeds = options.seeds if table in MAIN else options.seeds[:1]
        for sense in ("image", "audio"):
            own = {**base, "sense": sense, "updates": updates}
            judges.append({**own, "network": "first", "seed": 0, **places})
            if "reference" in options.learners and table in MAIN:
                judges += [{**own, "network": "reference", "seed": seed, **places} for seed in seeds]
        for learner in [name for name in STEPS if name in options.learners]:
            if learner == "smart" or table in MAIN:
                steps = max(1, round(STEPS[learner] * options.scale))
                own = {**base, "learner": learner, "steps": steps, "updates": updates, "set": options.set}
                learners += [{**own, "seed": seed, **places} for seed in seeds]
    return judges, learners


def rows_of(judged: Sequence[Row], learned: Sequence[Row]) -> list[dict[str, Any]]:
    """A row of each run, of each reference and of chance, with the references' and judges' accuracy beside them."""
    own = [({**json.loads(row["cell"])}, row) for row in judged]
    rows = []
    for row in learned:
        cell = json.loads(row["cell"])
        rows.append({"table": cell["table"], "seed": cell["seed"], **row, **_beside(own, cell)})
    for cell, _ in own:
        if cell["network"] == "reference" and cell["sense"] == "image":
            beside = _beside(own, cell)
            about = {"table": cell["table"], "seed": cell["seed"], "learner": "reference"}
            # Each sense is read by its own reference: what it says of a sample is what the sample is to evoke.
            ways = {"image_to_audio": beside["reference_image"], "audio_to_image": beside["reference_audio"]}
            rows.append({**about, **ways, **beside})
    for table, concepts in {row["table"]: row["concepts"] for row in rows if "concepts" in row}.items():
        guess = dict.fromkeys(("image_to_audio", "audio_to_image", "r1"), 1 / concepts)
        rows.append({"table": table, "seed": None, "learner": "chance", **guess, "five_way": 1 / 5})
    return rows


def _beside(judged: Sequence[tuple[Cell, Row]], cell: Cell) -> dict[str, float]:
    """Accuracy of the judges, and of the references of a cell's table and seed."""
    found = {}
    for other, row in judged:
        if other["table"] == cell["table"] and other["network"] == "first":
            found[f"judge_{other['sense']}"] = row["accuracy"]
        elif other["table"] == cell["table"] and other["seed"] == cell["seed"]:
            found[f"reference_{other['sense']}"] = row["accuracy"]
            found[f"reference_{other['sense']}_balanced"] = row["balanced"]
    return found


def main() -> None:
    """Run the cells, write the table and the plot; with --json the rows are printed, one object a line."""
    options = _options()
    data = data_root(DataConfig(data=options.data))
    if data is None:
        raise ConfigError("no data: name the folder of datasets with --data DIR or RECIPROCAL_DATA")
    options.out = options.out.resolve()
    judges, learners = make_cells(options, data.resolve())
    if options.cells:
        for cell in (*judges, *learners):
            print(cell_key(cell))
        return
    for table in options.tables:
        # Built here, because two cells side by side would build the same folder at once and leave it damaged.
        build(table, options.part, data.resolve(), options.out / "folders")
    judged = run_cells(judges, grade_cell, options.out / "judges", options.workers)
    learned = run_cells(learners, learn_cell, options.out, options.workers)
    rows = rows_of(judged, learned)
    print(report(rows, options.out))
    if options.json:
        for row in rows:
            print(json.dumps({k: v for k, v in row.items() if k not in ("cell", "cell_rows")}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", help="directory with the datasets; default: RECIPROCAL_DATA")
    text = "where rows, table, plot and finished cells are written; the same command goes on with what lies there"
    parser.add_argument("--out", type=Path, required=True, help=text)
    for option, default in (("--tables", TABLES), ("--learners", LEARNERS)):
        text = f"comma list of {', '.join(default)}; default: all"
        parser.add_argument(option, type=partial(words, option), default=list(default), help=text)
    text = "comma list of numbers; 'words' and 'names' are run for all, other tables for the first; default: 0,1,2"
    parser.add_argument("--seeds", type=partial(integers, "--seeds"), default=[0, 1, 2], help=text)
    text = "what is examined: 'validation' to choose settings by, 'test' once in the end; default: test"
    parser.add_argument("--part", choices=PARTS, default="test", help=text)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all steps and updates; default: 1")
    parser.add_argument("--workers", type=int, default=1, help="cells side by side, a core each; 0: in this process")
    text = "a setting of the learners' runs, as in launch.py; may be given again"
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help=text)
    parser.add_argument("--cells", action="store_true", help="list the cells and stop")
    parser.add_argument("--json", action="store_true", help="print the rows too, one JSON object a line")
    options = parser.parse_args()
    changes = {}
    for assignment in options.set:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment!r}: expected SECTION.FIELD=VALUE")
        changes[key] = text
    options.set = changes
    return options


if __name__ == "__main__":
    run_program(main)
