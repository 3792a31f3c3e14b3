"""The table and the plot of `benchmarks/studies/things/things.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.harness.cells import table
from benchmarks.studies.streams.stream_plots import require_matplotlib

Rows = Sequence[Mapping[str, Any]]
WAYS = {"image_to_audio": "reference_image", "audio_to_image": "reference_audio"}
"""Each way, and the reference that reads the same samples with labels."""
COLUMNS = ("image_to_audio", "audio_to_image", "reference_image", "reference_audio", "r1", "five_way")


def report(rows: Rows, out: Path) -> str:
    """Markdown: the figures of all learners, and how near learning without labels comes to learning with them.

    With more than one number of concepts the plot is written to `out/concepts.png`.
    """
    parts = [table(rows, ("table", "learner"), COLUMNS)]
    lines = ["| table | way | without labels ÷ the same encoder with labels |", "| --- | --- | ---: |"]
    for name, ratios in shares(rows).items():
        lines += [f"| {name} | {way.replace('_to_', ' → ')} | {ratio:.3f} |" for way, ratio in ratios.items()]
    parts.append("\n".join(lines))
    if len({row["concepts"] for row in rows if row.get("concepts")}) > 1:
        plot(rows, out / "concepts.png")
    text = "\n\n".join(parts)
    (out / "table.md").write_text(text + "\n", "utf-8")
    return text


def shares(rows: Rows) -> dict[str, dict[str, float]]:
    """Table -> way -> mean accuracy of SMART over the mean of its references; only where there are both."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(row["table"] for row in rows):
        own = [row for row in rows if row["table"] == name and row["learner"] == "smart"]
        for way, reference in WAYS.items():
            known = [row for row in own if reference in row]
            if known:
                ratio = fmean(row[way] for row in known) / max(fmean(row[reference] for row in known), 1e-9)
                found.setdefault(name, {})[way] = ratio
    return found


def plot(rows: Rows, path: Path) -> None:
    """How accuracy falls as the concepts become more."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    # Of the 23 kinds other words are the names: they are no point of this curve.
    own = [row for row in rows if row["learner"] == "smart" and row["table"] != "words"]
    counts = sorted({row["concepts"] for row in own})
    for number, (way, reference) in enumerate(WAYS.items()):
        said = way.replace("_to_", " → ")
        for name, style, label in ((way, "o-", said), (reference, "x:", f"{said}, same encoder with labels")):
            points = [(c, [r[name] for r in own if r["concepts"] == c and name in r]) for c in counts]
            there = [(c, 100 * fmean(values)) for c, values in points if values]
            if there:
                axes.plot([c for c, _ in there], [v for _, v in there], style, color=f"C{number}", label=label)
    axes.plot(counts, [100 / c for c in counts], "--", color="grey", label="chance")
    axes.set_xticks(counts, [str(c) for c in counts])
    axes.set(xlabel="concepts", ylabel="accuracy, %", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
