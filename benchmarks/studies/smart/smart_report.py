"""What the cells of SMART's table come to: the table beside the paper's, as Markdown, and the curves."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.cells import Row, table

STYLES = ("hybrid", "classroom")
PAPER = (
    {"style": "hybrid", "image_to_audio": 0.9959, "audio_to_image": 0.9733, "mlc": 0.9947, "glc": 0.9615},
    {"style": "classroom", "image_to_audio": 0.9905, "audio_to_image": 0.9719, "mlc": 0.9947, "glc": 0.9615},
)
"""The paper's figures, as fractions."""
CROSSING = ("image_to_audio", "audio_to_image")
REFERENCES = ("mlc", "glc", "reference_image", "reference_audio")
COLUMNS = (*CROSSING, *REFERENCES, "image_to_image", "audio_to_audio")
RULES = (("image_to_audio", "reference_image"), ("audio_to_image", "reference_audio"))
"""What crosses without labels is to reach what the learner's own encoder reaches with them."""
_HEARD = ("audio_to_image", "glc", "reference_audio")


def report(rows: Sequence[Row], out: Path) -> str:
    """Write `table.md` and, where matplotlib is installed, the curves; returns the text."""
    by_speaker = [row for row in rows if row["held_out"]]
    lines = [
        "# SMART: label-free crossing of modalities",
        "",
        "Test data; accuracy by the first judge, mean ± standard deviation over runs. `mlc`, `glc`: that judge's own "
        "accuracy on clean test data. `reference_…`: the learner's encoder trained with labels on the same data.",
        "",
        table(rows, ("data", "style"), dict.fromkeys(COLUMNS, ".2%") | {"minutes": ".1f", "events": ".0f"}),
        "",
        "What crosses without labels, minus what the same encoder recognises with labels, percentage points:",
        "",
        table(_margins(rows), ("data", "style"), {f"{path} - {reference}": "+.2f" for path, reference in RULES}),
        "",
        "The paper (MNIST and the whole of GCDD):",
        "",
        table(PAPER, ("style",), (*CROSSING, "mlc", "glc")),
        "",
        "The same outputs, by the second, independent judge:",
        "",
        table(rows, ("data", "style"), (*(f"{c}_second" for c in CROSSING), "mlc2", "glc2")),
        "",
        "Balanced over concepts:",
        "",
        table(rows, ("data", "style"), [f"{c}_balanced" for c in (*CROSSING, *REFERENCES)]),
    ]
    if parted := [row for row in rows if "clips_fsdd" in row]:
        endings = [f"{c}{part}" for part in ("_fsdd", "_gcdd", "_gcdd_balanced") for c in _HEARD]
        lines += ["", "Sounds of each set apart:", "", table(parted, ("data", "style"), endings)]
    if by_speaker:
        columns = [f"{c}_fsdd" for c in _HEARD]
        lines += ["", "The speaker left out:", "", table(by_speaker, ("held_out", "style"), columns)]
    machines = sorted({f"{r['machine']}, {r['precision']}, preset {r['preset']}, {r['steps']} steps" for r in rows})
    lines += ["", *(f"- {text}" for text in machines), *sorted({f"- {row['data']}: {row['speech']}" for row in rows})]
    text = "\n".join(lines) + "\n"
    (out / "table.md").write_text(text, "utf-8")
    draw_curves(rows, out)
    return text


def _margins(rows: Sequence[Row]) -> list[Row]:
    return [
        {**row, **{f"{path} - {reference}": 100 * (row[path] - row[reference]) for path, reference in RULES}}
        for row in rows
    ]


def draw_curves(rows: Sequence[Row], out: Path) -> None:
    """Accuracy against minutes of learning and against events, a picture for each set of data."""
    try:
        importlib.import_module("matplotlib").use("Agg")
        plot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        print("no curves drawn: matplotlib is not installed (the points are in rows.jsonl)", file=sys.stderr)
        return
    for data in dict.fromkeys(row["data"] for row in rows):
        figure, panels = plot.subplots(1, 2, figsize=(11, 4), sharey=True)
        for row in (r for r in rows if r["data"] == data):
            for panel, x in zip(panels, ("minutes", "events"), strict=True):
                for path, line in zip(CROSSING, ("-", "--"), strict=True):
                    points = [(point[x], 100 * point[path]) for point in row["curve"]]
                    name = f"{path.replace('_to_', ' → ')}, {row['style']}"
                    panel.plot(
                        *zip(*points, strict=True), line, color=f"C{STYLES.index(row['style'])}", lw=1, label=name
                    )
                panel.set_xlabel({"minutes": "learning, minutes", "events": "events"}[x])
                panel.grid(alpha=0.3)
        panels[0].set_ylabel("test accuracy, %")
        panels[0].set_ylim(90, 100.2)
        lines, names = panels[1].get_legend_handles_labels()
        # Seeds share a line's manner, and so one entry.
        once = dict(zip(names, lines, strict=True))
        panels[1].legend(once.values(), once.keys(), loc="lower right")
        figure.suptitle(data)
        figure.tight_layout()
        figure.savefig(out / f"curves-{data}.png", dpi=120)
        plot.close(figure)
