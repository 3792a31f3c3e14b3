"""`info RUN`: steps, exams, data, and the settings that differ from their defaults."""

import argparse
import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.command.entry import Subcommand
from sensors.system.paths import place

WIDTH = 12
"""Columns of the titles."""
FINDINGS = ("exam/", "judge/", "retrieval/", "consistency/")
"""Beginnings of the names of figures that exams find."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="directory of a run")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE.py", help="a plugin that has been moved")


def _run(given: argparse.Namespace, others: Sequence[str]) -> Iterator[str]:
    from agent.learned.saved_run import SavedRun

    run = SavedRun.read(place(given.run, "RUN"), given.plugin)
    for title, lines in facts(run.path, run.saved):
        for number, line in enumerate(lines):
            yield f"{title if not number else '':<{WIDTH}}{line}"


def facts(path: Path, saved: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What is told of a run: title and lines.

    Args:
        path: its directory.
        saved: what its `config.json` holds.

    Raises:
        UserError: its settings cannot be read.
    """
    by = saved.get("written_by", saved.get("version", "unknown"))
    yield "run", [f"{path}, written by version {by}"]
    yield "checkpoints", _checkpoints(path / "checkpoints")
    last = last_figures(path / "metrics.jsonl")
    if last:
        yield "figures", [f"step {last['step']:,.0f} after {last['time'] / 60:.1f} minutes"]
    yield "learner", [str(line) for line in saved.get("learner", [])] or ["not started yet"]
    taught = [str(line) for key, lines in saved.items() if key.startswith("teacher-") for line in lines]
    yield "data", taught or [f"{kind}: {told}" for kind, told in saved.get("datasets", {}).items()] or ["none yet"]
    yield "senses", [f"{name}: {form}" for name, form in saved.get("senses", {}).items()] or ["not kept"]
    yield "exams", exams(last) or ["none yet"]
    yield "settings", _settings(saved) or ["all have their defaults"]


def last_figures(metrics: Path) -> dict[str, Any]:
    """The newest value of every figure that exams find, with the newest `step` and `time`; empty without a line."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError), metrics.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, AttributeError):
                told = json.loads(line)
                found |= {k: v for k, v in told.items() if k in ("step", "time") or k.startswith(FINDINGS)}
    return found if {"step", "time"} <= found.keys() else {}


def exams(figures: Mapping[str, Any]) -> list[str]:
    """Lines about what exams found, each path with its judge's accuracy."""
    lines = []
    for key, value in figures.items():
        kind, _, path = key.partition("/")
        if not key.startswith(FINDINGS) or kind == "judge" or not isinstance(value, float | int):
            continue
        judge = figures.get(f"judge/{path.rpartition('_to_')[2]}") if kind == "exam" and "_to_" in path else None
        beside = "" if judge is None else f" (judge {judge:.2%})"
        lines.append(f"{kind} {path.replace('_to_', ' → ')}: {value:.2%}{beside}")
    return lines


def _checkpoints(folder: Path) -> list[str]:
    lines = []
    for path in sorted(folder.glob("step-*")) if folder.is_dir() else []:
        with contextlib.suppress(OSError):
            size = sum(part.stat().st_size for part in path.iterdir())
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(path.stat().st_mtime))
            lines.append(f"step {int(path.name.split('-')[1]):,}, {size / 2**20:.0f} MiB, {when}")
    return lines[::-1] or ["none yet"]


def _settings(saved: Mapping[str, Any]) -> list[str]:
    from runtime.config.page_facts import told_settings
    from runtime.config.settings import RunConfig

    config = RunConfig.from_saved(saved["config"])
    return [f"{one['key']}: {one['default']} -> {one['value']}" for one in told_settings(config) if one["changed"]]


ENTRY = Subcommand(
    name="info",
    usage="info RUN",
    about="steps, exams, data, and settings that differ from the defaults",
    arguments=_arguments,
    run=_run,
)
