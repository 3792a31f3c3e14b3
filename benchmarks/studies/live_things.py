"""Ten things, shown by a hand and named: are the pairs right, and are new views named and new voices understood?

    python benchmarks/studies/live_things.py --data DIR --out DIR [--minutes 10] [--seed 0] [--json]

`launch.py --sensors live --set sensors.view=thing` hears a real sound server and sees a real network camera. A script
shows ten things (cut out of photographs of the Grocery Store dataset) in a hand before a room, while synthetic voices
say their names, mostly two at each showing. Nothing in the run knows a label. The pairs that it made are held against
the script: a pair is right if its sound is that of one word, whole, and its picture was cut out of the script's picture
where that thing is. The place is found by correlation. Afterwards views in other rooms, hands and light are named by
the nearest voice that was heard, and voices that were not heard by the nearest of other views. Judges, trained with
labels on these views and voices, grade what the last checkpoint evokes. Beside it stands the simulated teacher's
learner after as many pairs and as many steps, taught the judges' training data. The grading of an interrupted benchmark
goes on with the same `--out`.
"""

import argparse
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from agent.config import LearnerConfig
from agent.exams.exam import examine
from agent.exams.judge_cache import judges_folder
from agent.exams.judges import Training
from agent.networks.published import Networks, to_network
from benchmarks.harness.handheld import Box, HandheldScene, Showing, Thing, photographed
from benchmarks.harness.job import Job, latest
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.stage import Line, Stage, parse_options
from benchmarks.studies.live_learning import START, learned
from replay.config import ReplayConfig
from replay.files import read_json, write_json
from replay.storage import Storage
from runtime.trial import Trial
from sensors.cutters.seeing.thing import crop
from sensors.senses import configure
from sensors.signals.spectrogram import SAMPLE_RATE
from teacher.config import TeacherConfig
from teacher.datasets import ExamSet
from teacher.folder.load import Things, load_things
from teacher.folder.speak import speak
from teacher.subjects import Taught

NAMES = {
    "aubergine": "Aubergine", "banana": "Banana", "carrot": "Carrots", "cucumber": "Cucumber", "lemon": "Lemon",
    "juice": "Juice", "onion": "Onion", "pepper": "Pepper", "tomato": "Tomato", "pineapple": "Pineapple",
}  # fmt: skip
"""Names as they are said, and the folders of the photographs from which the things are cut."""
SETTINGS = {
    "sensors.view": "thing",
    "learner.batch": "32",
    "learner.mode": "0",
    "learner.weight": "10",
    "learner.augment_from": "0",
    "learner.augment_growth": "500",
}
JUDGE_STEPS = 300
SAVE_EVERY = 200
"""Steps of the simulated teacher's learner between two checkpoints."""
VIEWS = {"train": 40, "test": 20}
"""Views of each thing for judges and for the exam."""
SIDES = tuple(round(40 * 1.12**k) for k in range(22))
"""Sides of the squares that a stored picture may have been cut out of, in pixels of the camera."""
SMALL = 16
"""Side of what is compared, in pixels."""
EACH = 0.3
"""Seconds between the pictures of the script in which it is looked for."""
COVERED = 0.5
"""Share of the thing's box that a square holds from which it shows the thing."""
Views = tuple[Box | None, list[NDArray[Any]]]
SLACK = 0.35
"""Seconds by which a sound may come later, or end otherwise, than it was played."""


HEARD = 13
"""Voices of twenty that are heard in the run; the others say the names in the exam alone."""


@dataclass(frozen=True)
class ThingsScript:
    """What is shown and said.

    Attributes:
        scene: what is shown when.
        lines: the words; `digit` is the number of the thing that each one names.
        things: what is shown, in the order of `NAMES`.
    """

    scene: HandheldScene
    lines: list[Line]
    things: list[Thing]


def things_of(data: Path, seed: int) -> list[Thing]:
    """One thing of each name."""
    rng = np.random.default_rng((seed, 1))
    found = []
    for name, folder in NAMES.items():
        paths = sorted((data / "grocery_store" / "train" / folder).rglob("*.jpg"))
        found += photographed([paths[int(rng.integers(len(paths)))]], rng, name)
    return found


def make_folder(data: Path, root: Path, things: Sequence[Thing], seed: int) -> None:
    """Labelled views and voices, for judges (`train`) and for the exam (`test`): a folder of things."""
    rng = np.random.default_rng((seed, 2))
    for part, count in VIEWS.items():
        for thing in things:
            place = root / part / "image" / thing.name
            place.mkdir(parents=True)
            for number in range(count):
                scene = HandheldScene([thing], int(rng.integers(2**31)), empty=0)
                (showing,) = scene.showings
                picture, box = scene.picture(float(rng.uniform(showing.held + 0.2, showing.let)))
                assert box is not None
                left, top, width, height = (round(v) for v in box)
                cv2.imwrite(str(place / f"{number}.png"), crop(picture, (left, top, width, height)))
    speak(root)
    for name in NAMES:
        for path in sorted((root / "train" / "audio" / name).iterdir())[HEARD:]:
            place = root / "test" / "audio" / name
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / path.name)


def write_script(root: Path, things: list[Thing], seconds: float, seed: int) -> ThingsScript:
    """A script of so many seconds; mostly two words at each showing, now and then an empty hand."""
    rng = np.random.default_rng((seed, 3))
    order: list[int] = []
    while len(order) < seconds / 4:
        order += rng.permutation(len(things)).tolist()
    scene = HandheldScene([things[i] for i in order], seed, empty=0.08, light=0.8)
    voices = {name: sorted((root / "train" / "audio" / name).iterdir()) for name in NAMES}
    lines: list[Line] = []
    numbers = iter(order)
    for showing in scene.showings:
        number = next(numbers) if showing.thing is not None else None
        if number is None or showing.end > seconds:
            continue
        at = showing.held + rng.uniform(0.2, 0.4)
        for _ in range(2):
            paths = voices[things[number].name]
            sound, _ = soundfile.read(paths[int(rng.integers(len(paths)))], dtype="float32")
            voice = np.asarray(0.08 * sound / max(float(np.sqrt(np.mean(sound**2))), 1e-4), np.float32)
            heard = at + len(voice) / SAMPLE_RATE
            if heard > showing.let:
                break
            lines.append(Line(at, at, heard, heard, number, None, voice, (0.0, 0.0)))
            at = heard + rng.uniform(0.5, 0.7)
    return ThingsScript(scene, lines, things)


def perceive(script: ThingsScript, out: Path, minutes: float, seed: int) -> dict[str, Any]:
    """The live run; its directory is `out/run`.

    Returns:
        `steps`, `events` by kind, `right` and `pairs`, `found` and `due`, `lessons`, and what was dropped.

    Raises:
        SystemExit: the run failed.
    """
    home, run = out / "stage", out / "run"
    for old in (home, run):
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir(parents=True)
    with Stage(home, script.lines, seed, paint=lambda at: script.scene.picture(at)[0]) as stage:
        arguments = ["--sensors", "live", "--camera", stage.camera, "--run-dir", str(run), "--seed", str(seed)]
        arguments += [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        arguments += ["--set", "run.dashboard=false", "--page", "none"]
        with Job(*arguments, "--minutes", str(minutes), environment=stage.environment) as job:
            for opened in ("microphone live", "camera live"):
                job.wait_for(opened, START)
            stage.begin()
            code = job.process.wait(60 * minutes + START)
        print(job.text, flush=True)
        if code:
            raise SystemExit(f"the live run failed with exit code {code}")
        assert stage.began is not None
        verdict = judge(run / "replay", script, stage.began, stage.at - 3.0)
    last = latest(run)
    return {
        "steps": last["step"],
        "events": {k.removeprefix("events/"): int(v) for k, v in last.items() if k.startswith("events/")},
        **verdict,
        "dropped": sum(v for k, v in last.items() if k.startswith("dropped/")),
    }


def judge(replay: Path, script: ThingsScript, began: float, until: float) -> dict[str, Any]:
    """Hold the pairs against the script, as far as it was played."""
    storage = Storage(replay / "audio+image", writable=False)
    rows = storage.live()
    matched: Counter[int] = Counter()
    wrong = []
    views: dict[int, list[Views]] = {}
    for row, picture in zip(storage.meta[rows], np.array(storage.samples["image"][rows]), strict=True):
        start, end = float(row["start"]) - began, float(row["end"]) - began
        near = [i for i, line in enumerate(script.lines) if line.said < end and line.heard > start]
        said = next((i for i in near if _is_whole(script.lines[i], start, end)), None)
        shown = _shown(script, start, picture, views)
        if said is None or shown != script.lines[said].digit or matched[said]:
            wrong.append(f"{start:.2f}…{end:.2f}: word {said}, thing {shown}")
        else:
            matched[said] += 1
    due = [i for i, line in enumerate(script.lines) if line.heard < until]
    print(*wrong[:20], sep="\n")
    pairs = int(np.count_nonzero(rows)) if rows.dtype == bool else len(rows)
    lessons = len(np.unique(storage.meta[rows]["lesson"]))
    found = sum(matched[i] > 0 for i in due)
    return {"pairs": pairs, "right": sum(matched.values()), "due": len(due), "found": found, "lessons": lessons}


def _is_whole(line: Line, start: float, end: float) -> bool:
    return abs(start - line.said) < SLACK and abs(end - line.heard) < SLACK


def _shown(script: ThingsScript, at: float, picture: NDArray[np.uint8], views: dict[int, list[Views]]) -> int | None:
    """The thing in the picture of the script from which a stored picture was cut; None where it shows none.

    The place of the stored picture is looked for in pictures of each showing about then, at every size. Where it is
    found best, it shows the thing if it holds most of it.
    """
    small = cv2.resize(picture.transpose(1, 2, 0), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    best, shown = -1.0, None
    for place, showing in enumerate(script.scene.showings):
        if not showing.start - 4 < at < showing.end + 4:
            views.pop(place, None)
            continue
        if place not in views:
            views[place] = _views(script.scene, showing)
        for truth, scales in views[place]:
            alike, box = _found(small, scales)
            if alike > best:
                best, shown = alike, None
                if showing.thing is not None and truth is not None and _covered(truth, box) >= COVERED:
                    shown = next(i for i, thing in enumerate(script.things) if thing is showing.thing)
    return shown


def _views(scene: HandheldScene, showing: Showing) -> list[Views]:
    """Pictures of a showing, `EACH` seconds apart: the box of the thing, and the picture at each scale."""
    views = []
    for moment in np.arange(showing.start, showing.end, EACH):
        picture, truth = scene.picture(float(moment))
        shapes = [(round(picture.shape[1] * SMALL / side), round(picture.shape[0] * SMALL / side)) for side in SIDES]
        colours = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        views.append((truth, [cv2.resize(colours, shape, interpolation=cv2.INTER_AREA) for shape in shapes]))
    return views


def _covered(one: Box, other: Box) -> float:
    """Share of a box that lies in another."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0) / (one[2] * one[3])


def _found(small: NDArray[Any], scales: Sequence[NDArray[Any]]) -> tuple[float, Box]:
    """Where in a picture a cut-out is found best: the correlation, and left, top, width and height in pixels."""
    best: tuple[float, Box] = -1.0, (0.0, 0.0, 0.0, 0.0)
    for side, picture in zip(SIDES, scales, strict=True):
        _, most, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(picture, small, cv2.TM_CCOEFF_NORMED))
        if most > best[0]:
            best = most, (left * side / SMALL, top * side / SMALL, float(side), float(side))
    return best


def simulate(things: Things, live: Mapping[str, Any], learner: LearnerConfig, out: Path, seed: int) -> Networks:
    """The simulated teacher's learner after as many pairs and steps, alone in this process."""
    taught = Taught("folder", things.concepts, things.datasets, things.lines, {"folder": f"x:{things.fingerprint}"})
    teacher = TeacherConfig(style="classroom", lesson_length=1, single_share=0.0, jitter=False, batch_events=16)
    replay = ReplayConfig(samples_per_insert=0.0, min_size=16)
    total = max(16, 16 * round(live["pairs"] / 16))
    steps = int(live["steps"])
    with Trial(taught, teacher, replay, learner, seed, out / "simulated", steps, total) as trial:
        trial.restore(out / "simulated-checkpoint")
        while trial.done < steps:
            trial.run(min(steps, trial.done + SAVE_EVERY))
            trial.save(out / "simulated-checkpoint")
        return trial.networks()


def nearest(networks: Networks, things: Things) -> dict[str, float]:
    """Share of the exam's views whose nearest voice, of those that were heard, says their name; and the reverse."""
    found = {}
    for source, target in (("image", "audio"), ("audio", "image")):
        own, other = things.datasets[source], things.datasets[target]
        gallery = networks.encode(to_network(other.train, target), target)
        rows = networks.nearest(to_network(own.test, source), source, gallery, target)[:, 0].numpy()
        found[f"nearest_{source}_to_{target}"] = round(float((other.train_labels[rows] == own.test_labels).mean()), 4)
    return found


def main() -> None:
    """Perceive, grade, simulate, grade; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="ten things that a hand shows and a voice names")
    parser.add_argument("--out", required=True, help="directory of the run and of what was measured")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the script (default 10)")
    options = parse_options(parser)
    out, data = Path(options.out), Path(options.data)
    configure({"image": {"color": True}})
    things = things_of(data, options.seed)
    folder = out / "folder"
    if not (folder / "test" / "audio").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(data, folder, things, options.seed)
    done = out / "live.json"
    if not done.exists():
        script = write_script(folder, things, 60 * options.minutes, options.seed)
        write_json(done, perceive(script, out, options.minutes, options.seed))
    live = read_json(done)
    print(live, flush=True)
    began = time.monotonic()
    known = load_things(folder)
    judges, figures = {}, {k: v for k, v in live.items() if k != "events"}
    figures |= {f"events_{kind.replace('+', '_')}": n for kind, n in live["events"].items()}
    networks = learned(out / "run")
    figures |= {f"live_{name}": share for name, share in nearest(networks, known).items()}
    print(figures, flush=True)
    for sense, samples in known.datasets.items():
        count = len(known.concepts)
        training = Training(
            sense, samples, JUDGE_STEPS, 7, judges_folder(), "first", "small", concepts=count, even=True
        )
        while not training.finished:
            training.step()
        judges[sense] = training.judge
        figures[f"judge_{sense}"] = round(training.judge.accuracy, 4)
    exam = ExamSet.of(dict(known.datasets), known.concepts)
    learner = LearnerConfig.from_dict(read_json(out / "run" / "config.json")["config"]["learner"]).replace(device="cpu")
    figures |= {f"live_{k}": round(v, 4) for k, v in examine(networks, judges, exam).accuracy.items()}
    print(figures, flush=True)
    taught = simulate(known, live, learner, out, options.seed)
    figures |= {f"simulated_{name}": share for name, share in nearest(taught, known).items()}
    simulated = examine(taught, judges, exam).accuracy
    figures |= {f"simulated_{k}": round(v, 4) for k, v in simulated.items()}
    figures |= {"minutes": options.minutes, "seed": options.seed, "graded_s": round(time.monotonic() - began)}
    tell(figures, machine(), options.json)


if __name__ == "__main__":
    main()
