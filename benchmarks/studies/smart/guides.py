"""Guides without labels: strategies, numbers of clusters, rare and wrong pairs, and turns against their alternatives.

    python benchmarks/studies/smart/guides.py --data DIR [--only strategies] [--seeds 0,1,2] [--out DIR] [--json]

Every cell trains the same stream with the same seeds by `Trial` and is examined on a part held out of the training
data (`--part test` takes the test data instead). Labels measure; no learner sees one. An interrupted run goes on.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.cells import cell_key, integers, read_rows, run_cells, run_program, table
from benchmarks.studies.smart.guide_cells import load, work
from benchmarks.studies.smart.guide_report import draw_latents
from sensors.core.errors import ConfigError
from teacher.config import DataConfig

BASE: Mapping[str, Any] = {"guides": "cluster", "clusters": 30, "lesson": 1, "wrong": 0.0}
STRATEGIES: tuple[Mapping[str, Any], ...] = (
    {"guides": "pair"},
    {},
    {"guides": "lesson", "lesson": 4},
    {"lesson": 4, "selector": "lesson"},
)
STUDIES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "strategies": STRATEGIES,
    "clusters": (*({"clusters": k} for k in (5, 10, 30, 100, 300)), {"variant": "refit"}),
    "wrong": tuple(
        {"wrong": share, **guides} for share in (0.0, 0.05, 0.1, 0.2, 0.4) for guides in ({"guides": "pair"}, {})
    ),
    "pairs": tuple(
        {"pairs": n, **guides}
        for n in (128, 1024, 10_000)
        for guides in ({}, {"guides": "pair"}, {"guides": "pair", "mode": 0.0})
    ),
    "uneven": tuple(
        {"imbalance": 1.0, **guides} for guides in ({}, {"guides": "pair"}, {"guides": "pair", "mode": 0.0})
    ),
    "confusable": tuple({"noise": 0.3, **guides} for guides in ({}, {"guides": "pair"})),
    "modes": tuple({"guides": "pair", "mode": m, "wrong": w} for w in (0.0, 0.05, 0.1, 0.2, 0.4) for m in (0.0, 1.0)),
    "turns": tuple(
        {"guides": "pair", **training}
        for training in ({}, *({"training": t} for t in ("together", "audio teaches", "image teaches")))
    ),
}
SHOWN = (
    "guides",
    "clusters",
    "variant",
    "lesson",
    "selector",
    "mode",
    "wrong",
    "pairs",
    "imbalance",
    "noise",
    "training",
)
COLUMNS = {
    "image_to_audio": "",
    "audio_to_image": "",
    "image_to_image": "",
    "audio_to_audio": "",
    "purity": "",
    "purity_halfway": "",
    "latent_purity": "",
    "shift": ".2f",
    "reassigned": "",
    "cost": "",
    "steps_per_s": ".1f",
}


def cells(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All cells that the options ask for.

    Raises:
        ConfigError: no such study.
    """
    names = options.only.split(",") if options.only else list(STUDIES)
    if unknown := set(names) - set(STUDIES):
        raise ConfigError(f"--only {sorted(unknown)[0]!r}: choose from {', '.join(STUDIES)}")
    data = {"data": options.data, "part": options.part}
    seen = set()
    for name in names:
        for seed in integers("--seeds", options.seeds):
            for change in STUDIES[name]:
                cell = {**BASE, **change, "seed": seed, "steps": options.steps, "data": data}
                # A cell may stand in several studies; it is run once.
                if (key := json.dumps(cell, sort_keys=True)) not in seen:
                    seen.add(key)
                    yield cell


def study_rows(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Rows of one study, in its order."""
    wanted = [{**BASE, **change} for change in STUDIES[name]]

    def place(row: Mapping[str, Any]) -> int:
        own = {k: row[k] for k in SHOWN if row.get(k) is not None}
        return wanted.index(own) if own in wanted else -1

    return sorted((r for r in rows if place(r) >= 0), key=place)


def report(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Markdown tables, one a study."""
    parts = []
    for name in names:
        own = [{"training": "turns", **row} for row in study_rows(rows, name)]
        if own:
            by = [k for k in SHOWN if len({json.dumps(r.get(k)) for r in own}) > 1] or ["guides"]
            parts.append(f"## {name}\n\n{table(own, by, COLUMNS)}\n")
    return "\n".join(parts)


def main() -> None:
    """Run what is missing, then print and write the tables."""
    parser = argparse.ArgumentParser(description="guides without labels, compared on the same streams")
    parser.add_argument("--data", default=None, help="directory with datasets (default: RECIPROCAL_DATA, or embedded)")
    parser.add_argument("--part", default="validation", choices=("validation", "test"), help="what exams are made of")
    parser.add_argument("--only", default="", help=f"comma list of {', '.join(STUDIES)} (default: all)")
    parser.add_argument("--seeds", default="0", help="comma list (default 0)")
    parser.add_argument("--steps", type=int, default=2000, help="learner steps of a cell (default 2000)")
    parser.add_argument("--out", type=Path, default=Path("runs/guides"), help="results (default runs/guides)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="cells side by side (default: cores)")
    parser.add_argument("--report", action="store_true", help="run nothing; tables of what is finished")
    parser.add_argument("--json", action="store_true", help="print the rows, one JSON object a line, at the end")
    options = parser.parse_args()
    if options.steps < 60:
        raise ConfigError(f"--steps {options.steps}: a cell has at least 60")
    names = options.only.split(",") if options.only else list(STUDIES)
    todo = list(cells(options))
    if options.report:
        wanted = {cell_key(cell) for cell in todo}
        rows = [row for row in read_rows(options.out) if row["cell"] in wanted]
    else:
        load(DataConfig.from_dict(todo[0]["data"]))  # trains the judges once, before cells need them side by side
        rows = run_cells(todo, work, options.out, options.workers)
    text = report(rows, names)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tables.md").write_text(text, "utf-8")
    draw_latents(options.out)
    if options.json:
        for row in rows:
            print(json.dumps(row))


if __name__ == "__main__":
    run_program(main)
