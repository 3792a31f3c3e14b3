"""Plots of what streams are like, made by matplotlib (extra `bench`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.streams.prequential import PATHS, BatchScore, running
from benchmarks.studies.streams.stream_figures import GROUPS, PHASES
from sensors.core.errors import ConfigError

WINDOW = 512
"""Events of the running prequential window."""
Rows = Sequence[Mapping[str, Any]]


def require_matplotlib() -> None:
    """Refuse to begin hours of work whose plots could not be drawn.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError("plots need matplotlib; pip install 'reciprocal[bench]'")


def plot(kind: str, rows: Rows, path: Path) -> None:
    """Draw one experiment's rows into a PNG file."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    draw: dict[str, Callable[[Any, Rows], None]] = {"imbalance": _imbalance, "arrival": _arrival, "drift": _drift}
    figure = Figure(figsize=(12, 8 if kind == "arrival" else 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw[kind](figure, rows)
    figure.savefig(path, dpi=110)


def _imbalance(figure: Any, rows: Rows) -> None:
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    for axes, name in zip(figure.subplots(1, 2, sharey=True), PATHS, strict=True):
        for arm in arms:
            # With every sample paired there is no rest: all curves end in the same trials.
            own = [r for r in rows if r["arm"] == arm or r["share"] == 1]
            shares = sorted({r["share"] for r in own})
            values = [[100 * r[name] for r in own if r["share"] == share] for share in shares]
            bars = [np.std(v, ddof=1) if len(v) > 1 else 0.0 for v in values]
            at = [100 * share for share in shares]
            axes.errorbar(at, [np.mean(v) for v in values], bars, marker="o", capsize=3, label=arm)
        axes.set_xscale("log")
        ticks = sorted({100 * r["share"] for r in rows})
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        _dress(axes, name, "co-occurring share of the training samples, %")
    axes.legend()


def _arrival(figure: Any, rows: Rows) -> None:
    removers = list(dict.fromkeys(r["remover"] for r in rows))
    grid = figure.subplots(len(removers), 2, sharex=True, sharey=True, squeeze=False)
    for line, remover in zip(grid, removers, strict=True):
        own = [r for r in rows if r["remover"] == remover]
        phase = next(r["phase"] for r in own if r["what"] == "answers")
        for axes, name in zip(line, PATHS, strict=True):
            for k, group in enumerate(GROUPS):
                trials = [
                    [(e["events"], np.mean([e[name][c] for c in group])) for e in exams]
                    for exams in _by_seed(own, "exam")
                ]
                axes.plot(*_mean(trials), marker=".", label=f"{group[0]}, {group[-1]}")
                for p in (p for p in range(PHASES) if p % len(GROUPS) == k):
                    axes.axvspan(p * phase, (p + 1) * phase, color=f"C{k}", alpha=0.12, lw=0)
            axes.plot(*_mean(_answers(own, name)), color="black", lw=1, label="prequential")
            _dress(axes, f"{name}, {remover}", "events")
    grid[0, -1].legend(title="concepts", loc="center left", bbox_to_anchor=(1, 0.5))


def _drift(figure: Any, rows: Rows) -> None:
    drifts = list(dict.fromkeys(r["drift"] for r in rows))
    for axes, name in zip(figure.subplots(1, 2, sharey=True), PATHS, strict=True):
        for k, drift in enumerate(drifts):
            own = [r for r in rows if r["drift"] == drift]
            axes.plot(*_mean(_answers(own, name)), color=f"C{k}", label=drift)
            worse = [[(e["events"], e[f"{name} worse"]) for e in exams] for exams in _by_seed(own, "exam")]
            axes.plot(*_mean(worse), color=f"C{k}", ls="none", marker="o", mfc="none")
        about = next(r for r in rows if r["what"] == "answers")
        axes.axvspan(about["start"], about["start"] + about["length"], color="grey", alpha=0.2, lw=0)
        _dress(axes, f"{name}: prequential (circles: exams on both drifts)", "events")
    axes.legend(loc="lower left")


def _by_seed(rows: Rows, what: str) -> list[Rows]:
    chosen = [r for r in rows if r["what"] == what]
    return [[r for r in chosen if r["seed"] == seed] for seed in dict.fromkeys(r["seed"] for r in chosen)]


def _answers(rows: Rows, path: str) -> list[list[tuple[int, float]]]:
    return [
        running([BatchScore(**a) for a in row["answers"]], path, WINDOW)
        for trial in _by_seed(rows, "answers")
        for row in trial
    ]


def _mean(trials: Sequence[Iterable[tuple[float, Any]]]) -> tuple[Any, Any]:
    """Mean curve in per cent over trials that were asked at about the same events."""
    curves = [np.array(list(points), float) for points in trials]
    at = min((c[:, 0] for c in curves), key=len)
    return at, 100 * np.mean([np.interp(at, c[:, 0], c[:, 1]) for c in curves], 0)


def _dress(axes: Any, title: str, x: str) -> None:
    axes.set_title(title.replace("_to_", " → "))
    axes.set_xlabel(x)
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)
