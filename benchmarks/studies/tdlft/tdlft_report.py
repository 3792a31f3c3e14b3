"""What the cells of TDLFT's table come to: tables beside the paper's, paired comparisons, and what must hold."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.harness.cells import Row, table
from benchmarks.studies.tdlft.tdlft_problem import ORACLE, UNIMODAL, TableConfig
from benchmarks.studies.tdlft.tdlft_scores import Comparison, compare

COST = "cost"
"""In place of an embedding, in the row that says what a cell took."""
PAPER = {
    (UNIMODAL, None): 51.1,
    (ORACLE, 3): 61.7,
    ("knn", 3): 55.3,
    ("ncca", 3): 53.1,
    ("svr", 3): 54.8,
    (ORACLE, 0): 66.8,
    ("knn", 0): 34.4,
    ("ncca", 0): 32.1,
    ("svr", 0): 48.3,
}
"""Table 2 of the paper: five folds of AV-Letters, per cent of all letters."""
COLUMNS = ("all", "seen", "unseen", "harmonic", "area", "among_seen", "among_unseen")
Key = tuple[str, int | None, str]


def report(rows: Sequence[Row], out: Path) -> str:
    """Write `table.md`; returns the text."""
    costs = [row for row in rows if row["embedding"] == COST]
    lines = [
        "# TDLFT: lip reading of letters that were only heard",
        "",
        "Test data; per cent, mean ± standard deviation over folds and seeds. `seen`, `unseen`: rows of such labels, "
        "all labels to choose from; `harmonic` mean of both; `area` under the curve of both; `among_…`: only such "
        "labels to choose from. `minus unimodal`: points of `all`, paired over folds and seeds, with the 95 % interval "
        "and p of the corrected resampled t-test. `paper`: its Table 2, one figure for each embedding and layer.",
    ]
    for split in dict.fromkeys(row["split"] for row in rows):
        own = [row for row in rows if row["split"] == split and row["embedding"] != COST]
        share = fmean(row["test_share"] for row in costs if row["split"] == split)
        lines += ["", f"## {_TITLES[split]}", "", _table(own, share, split), "", *_rules(own, share)]
    lines += ["", *_costs(costs)]
    text = "\n".join(lines) + "\n"
    (out / "table.md").write_text(text, "utf-8")
    return text


_TITLES = {"five": "Five folds, the same speakers in training and test", "speakers": "Leave one speaker out"}


def group(rows: Sequence[Row]) -> dict[Key, dict[tuple[int, int], Row]]:
    """Rows by embedding, layer and variant, then by seed and fold."""
    made: dict[Key, dict[tuple[int, int], Row]] = {}
    for row in rows:
        made.setdefault((row["embedding"], row["i"], row["variant"]), {})[row["seed"], row["fold"]] = row
    return made


def against(first: Mapping[tuple[int, int], Row], second: Mapping[tuple[int, int], Row], share: float) -> Comparison:
    """`all` of the first minus that of the second, over the folds and seeds that both have."""
    both = [key for key in first if key in second]
    return compare([first[k]["all"] for k in both], [second[k]["all"] for k in both], share)


def _table(rows: Sequence[Row], share: float, split: str) -> str:
    groups = group(rows)
    alone = groups[UNIMODAL, None, ""]
    shown, notes = [], []
    for key, runs in groups.items():
        comparison = against(runs, alone, share)
        for row in runs.values():
            shown.append({**row, "i": "" if row["i"] is None else row["i"], "paper": ""})
        paper = PAPER.get(key[:2]) if split == "five" else None
        notes.append((_points(comparison) if key[0] != UNIMODAL else "", "" if paper is None else f"{paper:.1f}"))
    text = table(shown, ("embedding", "i", "variant"), dict.fromkeys(COLUMNS, ".1%")).splitlines()
    heads = [text[0] + " minus unimodal | paper |", text[1] + " --- | ---: |"]
    return "\n".join(
        [*heads, *(f"{line} {points} | {paper} |" for line, (points, paper) in zip(text[2:], notes, strict=True))]
    )


def _points(c: Comparison) -> str:
    if not math.isfinite(c.low):
        return f"{100 * c.mean:+.1f}"
    return f"{100 * c.mean:+.1f} ({100 * c.low:+.1f}…{100 * c.high:+.1f}), p {c.p:.2g}"


def _mean(runs: Mapping[tuple[int, int], Row], column: str) -> float:
    return float(sum(row[column] for row in runs.values()) / len(runs))


def _rules(rows: Sequence[Row], share: float) -> list[str]:
    """What must hold, and what is aimed at, each with its figures."""
    groups = group(rows)
    alone = groups[UNIMODAL, None, ""]
    layers = sorted({i for _, i, _ in groups if i is not None})
    low_layer, top = TableConfig().layers[0], TableConfig().layers[-2]
    if not {low_layer, top} <= set(layers):
        return [f"- What must hold is about layers {low_layer} and {top}: not all of them are there."]
    variants = [variant for name, i, variant in groups if (name, i) == (ORACLE, top)]
    lines = [f"- unimodal, all: {_mean(alone, 'all'):.1%}"]
    for variant in variants:
        low, high = groups[ORACLE, low_layer, variant], groups[ORACLE, top, variant]
        lines.append(
            f"- {variant}: oracle({low_layer}) - oracle({top}): {_points(against(low, high, share))}; "
            f"oracle({top}) - unimodal: {_points(against(high, alone, share))}"
        )
    transfers = {key: runs for key, runs in groups.items() if key[0] not in (ORACLE, UNIMODAL)}
    for (name, i, variant), runs in transfers.items():
        if i == top:
            unseen = compare([row["unseen"] for row in runs.values()], [0.0] * len(runs), share)
            among = f"among unseen {_mean(runs, 'among_unseen'):.1%}"
            lines.append(f"- {name}({i}) {variant}: unseen {_points(unseen)}; {among}")
    accuracy: Callable[[Key], float] = lambda key: _mean(transfers[key], "all")  # noqa: E731
    best = max(transfers, key=accuracy)
    gain = against(transfers[best], alone, share).mean
    # Looked up among test results: it says what the best of so many reached, it is no choice made in training.
    for i in dict.fromkeys((best[1], low_layer)):
        distance = max(against(groups[ORACLE, i, v], alone, share).mean for v in variants)
        closed = f"{gain / distance:.0%} of" if distance > 0 else "no"
        lines.append(
            f"- best transfer, {best[0]}({best[1]}) {best[2]}: {accuracy(best):.1%}, {closed} distance to oracle({i})"
        )
    return lines


def _costs(costs: Sequence[Row]) -> list[str]:
    if not costs:
        return []
    slowest, largest = max(row["networks_s"] for row in costs), max(row["gib"] for row in costs)
    total = sum(row["seconds"] for row in costs) / 60
    return [
        f"- {len(costs)} cells, {total:.0f} core minutes; both networks of a fold in at most {slowest:.0f} s; at most "
        f"{largest:.1f} GiB a cell",
        *sorted({f"- {row['machine']}" for row in costs} | {f"- {row['corpus']}" for row in costs}),
    ]
