"""Are things that a hand shows to the camera found, and nothing else?

    python benchmarks/proofs/things_seen.py --data DIR          # a table for people
    python benchmarks/proofs/things_seen.py --data DIR --json   # the same; the last line is one flat JSON object
    python benchmarks/proofs/things_seen.py --data DIR --part choose --pictures /tmp/scenes

Scenes of `benchmarks/harness/handheld.py` are given to the view finder `thing` picture by picture. The constants of the
finder were chosen on `--part choose`: training photographs of the Grocery Store dataset and seeds below 1,000. `--part
report` has its test photographs and other seeds. No background, hand or thing is in both.

`found`: share of the showings of a thing in which a view of it is reported, its box overlapping the truth by at least
0.25. `IoU`: overlap of all reports with the truth, median. `false`: share of the views that show no thing (overlap
below 0.25). `split`: views in a showing that is found. `ms`: of one core, for a picture of 640 x 480.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.harness.handheld import FPS, RENDERED, Box, HandheldScene, Showing, overlap, photographed, rendered
from benchmarks.harness.measured import machine, tell
from sensors.cutters.seeing import view_finder
from sensors.perception.perception import StreamConfig
from sensors.senses import configure
from sensors.signals.frames import fit_picture
from sensors.signals.readings import Frame

LEAST = 0.25
"""Overlap from which a view is one of the thing."""
PARTS = {"choose": ("train", 0), "report": ("test", 1_000)}
"""Part of the photographs, and first seed."""
KINDS = {
    "easy: even light, little noise": {"light": 0.2, "noise": 2.0},
    "light: lamps are switched, light drifts": {"light": 1.8, "noise": 3.0},
    "noise: 8 grey levels": {"light": 0.5, "noise": 8.0},
    "mixed": {},
}


@dataclass
class Found:
    """What became of the showings of some scenes."""

    due: int = 0
    found: int = 0
    views: int = 0
    false: int = 0
    split: int = 0
    overlaps: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """By name."""
        return {
            "due": self.due,
            "found": self.found / max(self.due, 1),
            "iou": statistics.median(self.overlaps) if self.overlaps else 0.0,
            "iou_tenth": float(np.percentile(self.overlaps, 10)) if self.overlaps else 0.0,
            "false": self.false / max(self.views, 1),
            "views": self.views,
            "split": self.split / max(self.found, 1),
            "ms": statistics.mean(self.ms),
            "ms_p95": float(np.percentile(self.ms, 95)),
        }


def watch(scene: HandheldScene, found: Found, pictures: Path | None = None, name: str = "") -> None:
    """Give a scene to the finder, and add what became of it."""
    finder = view_finder("thing").make(StreamConfig(), True, fit_picture)
    good: dict[int, bool] = {}
    seen: dict[int, set[int]] = {}
    for number in range(int(scene.seconds * FPS)):
        at = number / FPS
        picture, truth = scene.picture(at)
        frame = Frame(at + 1.0, picture)
        began = time.perf_counter()
        views: Sequence[Any] = finder.observe(frame, at)
        found.ms.append(1000 * (time.perf_counter() - began))
        for view in views:
            if not view.lasting:
                continue
            share = 0.0 if truth is None else overlap(view.box, truth)
            if share >= LEAST:
                found.overlaps.append(share)
                seen.setdefault(_index(scene, at), set()).add(view.number)
            good[view.number] = good.get(view.number, True) and share >= LEAST
            if pictures is not None:
                _draw(picture, view.box, truth, pictures / f"{name}-{number:04d}-{view.number}.png")
    due = [i for i, showing in enumerate(scene.showings) if showing.thing is not None]
    missed = [i for i in due if i not in seen]
    for i in missed if pictures is not None else []:
        showing: Showing = scene.showings[i]
        picture, truth = scene.picture((showing.held + showing.let) / 2)
        _draw(picture, None, truth, pictures / f"{name}-missed-{i}.png")  # type: ignore[operator]
    found.due += len(due)
    found.found += len(due) - len(missed)
    found.split += sum(len(seen[i]) for i in seen)
    found.views += len(good)
    found.false += sum(not right for right in good.values())


def _index(scene: HandheldScene, at: float) -> int:
    showing = scene.at(at)
    assert showing is not None
    return scene.showings.index(showing)


def _draw(picture: Any, box: Box | None, truth: Box | None, path: Path) -> None:
    for each, colour in ((truth, (0, 255, 0)), (box, (0, 0, 255))):
        if each is not None:
            left, top, width, height = (round(v) for v in each)
            cv2.rectangle(picture, (left, top), (left + width, top + height), colour, 3)
    cv2.imwrite(str(path), picture)


def scenes(root: Path, part: str, count: int, seed: int, kind: dict[str, float]) -> list[HandheldScene]:
    """Scenes of five things each: four cut out of photographs, one rendered."""
    folder, first = PARTS[part]
    paths = sorted((root / "grocery_store" / folder).rglob("*.jpg"))
    made = []
    for number in range(count):
        rng = np.random.default_rng((first, seed, number))
        chosen = [paths[i] for i in rng.choice(len(paths), 6, replace=False)]
        things = [*photographed(chosen[:4], rng), rendered(str(rng.choice(RENDERED)), rng)]
        textures = [np.asarray(cv2.imread(str(path)), np.uint8) for path in chosen[4:]]
        made.append(HandheldScene(things, first + 100 * seed + number, textures=textures, **kind))
    return made


def main() -> None:
    """Measure every kind of scene and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of the datasets")
    parser.add_argument("--part", choices=tuple(PARTS), default="report")
    parser.add_argument("--scenes", type=int, default=6, help="scenes of each kind (default 6)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", help="folder for a picture of every report and of what was missed")
    parser.add_argument("--json", action="store_true", help="also print one flat JSON object")
    options = parser.parse_args()
    if not options.data or not (Path(options.data) / "grocery_store").is_dir():
        parser.error("--data: name a directory with grocery_store, or set RECIPROCAL_DATA")
    pictures = None if options.pictures is None else Path(options.pictures)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    configure({"image": {"color": True}})
    figures: dict[str, Any] = {"part": options.part, "seed": options.seed}
    print("| scene | showings | found | IoU | a tenth below | false | split | ms | ms p95 |\n|" + "---|" * 9)
    whole = Found()
    for place, (name, kind) in enumerate(KINDS.items()):
        found = Found()
        for number, scene in enumerate(
            scenes(Path(options.data), options.part, options.scenes, 10 * options.seed + place, kind)
        ):
            watch(scene, found, pictures, f"{name.partition(':')[0]}-{number}")
        for key in ("due", "found", "views", "false", "split", "overlaps", "ms"):
            setattr(whole, key, getattr(whole, key) + getattr(found, key))
        _print(name, found.figures())
        figures |= {f"{name.partition(':')[0]}_{key}": round(v, 4) for key, v in found.figures().items()}
    _print("all", whole.figures())
    figures |= {f"all_{key}": round(v, 4) for key, v in whole.figures().items()}
    tell(figures, machine(), options.json)


def _print(name: str, f: dict[str, float]) -> None:
    print(
        f"| {name} | {f['due']:.0f} | {f['found']:.1%} | {f['iou']:.2f} | {f['iou_tenth']:.2f} | {f['false']:.1%} "
        f"| {f['split']:.2f} | {f['ms']:.1f} | {f['ms_p95']:.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
