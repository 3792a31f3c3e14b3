"""TDLFT's table: lip reading of letters that were only ever heard, by every embedding at every layer.

    python benchmarks/studies/tdlft/tdlft_table.py --data DIR --out table --workers 2
    python benchmarks/studies/tdlft/tdlft_table.py --data DIR --out table --splits speakers --seeds 0 --workers 2
    python benchmarks/studies/tdlft/tdlft_table.py --corpus FOLDER --out other --json

Splits: `five` (five folds, as the paper has it) and `speakers` (leave one speaker out, which the paper omits). A cell
is a fold of a seed: it trains both networks, and answers with the target network alone ('unimodal'), after transfer by
every embedding at every layer i, and after the perfect transfer at the same i ('oracle'), in these variants:

    faithful      Algorithm 1 to the letter
    mixed         the best of several ways to mix in rows of labels known before
    calibrated    likewise, with an offset on the scores of unseen labels, for the best accuracy
    balanced      likewise, for the best harmonic mean of seen and unseen accuracy

The way to mix and the offset are chosen inside the fold's training rows, by problems of the same kind: the last of the
seen labels (O to T) stand for unseen ones. Neither test rows nor target rows of unseen labels have a part in it, except
that the oracle sees the latter. The same command goes on where it was stopped.

`--corpus` takes any parallel corpus in the layout that `teacher/datasets/readers/parallel.py` describes.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.hardware import cpu_name
from benchmarks.harness.cells import Cell, Row, progress, read_rows, run_cells, run_program
from benchmarks.studies.tdlft.tdlft_problem import (
    RECIPES,
    UNIMODAL,
    Problem,
    TableConfig,
    Trained,
    Transfers,
    fit_frames,
    inner_problems,
    make_problem,
    scores_of,
    train_networks,
    true_labels,
    ways,
)
from benchmarks.studies.tdlft.tdlft_report import COST, report
from benchmarks.studies.tdlft.tdlft_scores import Scores, add_offset, best_offset, score, weighted
from sensors.core.errors import ConfigError, DataError
from teacher.config import DataConfig
from teacher.datasets.choose import data_root
from teacher.datasets.core.folds import Fold, group_folds, stratified_folds
from teacher.datasets.readers import avletters
from teacher.datasets.readers.parallel import ParallelCorpus, from_utterances, load_folder

SPLITS = ("five", "speakers")
AVLETTERS = "avletters"
Choices = Mapping[str, tuple[str, float]]
"""Variant -> the recipe, and the offset on unseen labels' scores."""


class _Bar:
    """Counts what a cell has done."""

    def __init__(self, total: int) -> None:
        self.done, self.total = 0, total

    def step(self) -> None:
        self.done += 1
        progress(min(self.done, self.total), self.total)


def run_cell(cell: Cell, folder: Path) -> Iterator[Row]:
    """One fold: a row for the target network alone, one for every way and variant, and one of what it cost."""
    begun = time.monotonic()
    seed, config = cell["seed"], TableConfig().override(cell["set"])
    corpus = load_corpus(cell["corpus"], config)
    if corpus.fingerprint != cell["fingerprint"]:
        raise DataError(f"{cell['corpus']}: its data changed while the table was made; start again with another --out")
    fold = folds_of(corpus, cell["split"], seed)[cell["fold"]]
    outer = make_problem(corpus, fold.train, fold.test)
    inner = inner_problems(outer, config.choice.problems, seed)
    epochs = sum(4 * c.pretrain_epochs + c.epochs for c in (config.audio, config.video))
    bar = _Bar((len(inner) + 1) * epochs + (len(inner) + 1) * len(list(ways(cell["layers"], all(corpus.frames)))))

    choices = choose(inner, config, cell["layers"], seed, outer.share, bar)
    since = time.monotonic()
    trained = train_networks(outer, config, seed, bar.step)
    networks_s = time.monotonic() - since
    common = {**{k: cell[k] for k in ("split", "seed", "fold")}, "held_out": fold.name}
    labels, kinds = true_labels(outer), (outer.seen, outer.unseen)
    alone = score(scores_of(trained.video, outer), labels, *kinds)
    yield {**common, "embedding": UNIMODAL, "i": None, "variant": "", **alone}
    for way, transfers in _walk(outer, trained, config, cell["layers"], seed):
        fitted = transfers.embedding(way[0])
        answers = {r: transfers.answer(way[0], fitted, r) for r in {recipe for recipe, _ in choices[way].values()}}
        bar.step()
        for variant, (recipe, offset) in choices[way].items():
            figures = score(add_offset(answers[recipe], outer.unseen, offset), labels, *kinds)
            yield {
                **common,
                **{"embedding": way[0], "i": way[1], "variant": variant},
                **figures,
                **{"recipe": recipe, "offset": offset},
            }
    yield {
        **common,
        **{"embedding": COST, "i": None, "variant": "", "networks_s": networks_s},
        "seconds": time.monotonic() - begun,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "machine": cpu_name(),
        "corpus": corpus.summary,
        "test_share": len(fold.test) / len(fold.train),
    }


def choose(
    problems: Sequence[Problem], config: TableConfig, layers: Sequence[int], seed: int, share: float, bar: _Bar
) -> dict[tuple[str, int], Choices]:
    """Recipe and offset of every way and variant, by what they reach on the inner problems together.

    Args:
        problems: inner ones, with the same seen and unseen labels.
        config: the table's.
        layers: i of TDLFT(i).
        seed: of networks and transfers.
        share: of unseen labels among all, where the choices are to serve.
        bar: to tell.
    """
    answers: dict[tuple[str, int], dict[str, list[Scores]]] = {}
    for number, problem in enumerate(problems):
        trained = train_networks(problem, config, 100 * (number + 1) + seed, bar.step)
        for way, transfers in _walk(problem, trained, config, layers, seed):
            fitted = transfers.embedding(way[0])
            bar.step()
            for recipe in RECIPES:
                answer = transfers.answer(way[0], fitted, recipe)
                answers.setdefault(way, {}).setdefault(recipe, []).append(answer)
    labels = np.concatenate([true_labels(problem) for problem in problems])
    kinds = problems[0].seen, problems[0].unseen
    return {way: _choose(made, labels, kinds, share) for way, made in answers.items()}


def _choose(
    answers: Mapping[str, Sequence[Scores]], labels: Any, kinds: tuple[Sequence[int], Sequence[int]], share: float
) -> Choices:
    joined = {recipe: np.concatenate(parts) for recipe, parts in answers.items()}
    plain = {recipe: score(scores, labels, *kinds) for recipe, scores in joined.items()}
    best = max(plain, key=lambda recipe: weighted(plain[recipe]["seen"], plain[recipe]["unseen"], share, "all"))
    made = {"faithful": (RECIPES[0], 0.0), "mixed": (best, 0.0)}
    for variant, aim in (("calibrated", "all"), ("balanced", "harmonic")):
        offsets = {recipe: best_offset(scores, labels, *kinds, share, aim) for recipe, scores in joined.items()}
        recipe = max(offsets, key=lambda name: offsets[name][1])
        made[variant] = (recipe, offsets[recipe][0])
    return made


def _walk(
    problem: Problem, trained: Trained, config: TableConfig, layers: Sequence[int], seed: int
) -> Iterator[tuple[tuple[str, int], Transfers]]:
    """Every way with the rows at its layer."""
    transfers: Transfers | None = None
    frames = fit_frames(problem, config, seed)
    for name, i in ways(layers, frames is not None):
        if transfers is None or transfers.i != i:
            transfers = Transfers(problem, trained, i, config, seed, frames)
        yield (name, i), transfers


def load_corpus(name: str, config: TableConfig) -> ParallelCorpus:
    """AV-Letters from the datasets' folder, shown as configured, or a corpus of the user's own from its folder.

    Raises:
        DataError: not there, or damaged.
    """
    if name != AVLETTERS:
        return load_folder(Path(name))
    return from_utterances(avletters.load(data_root(DataConfig())), config.sight.blur)


def folds_of(corpus: ParallelCorpus, split: str, seed: int) -> list[Fold]:
    """The folds of a split."""
    if split == "speakers":
        return group_folds(corpus.speakers, corpus.speaker_names)
    return stratified_folds(corpus.labels, corpus.speakers, seed)


def make_cells(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The cells that the command asks for.

    Raises:
        ConfigError: an unknown split or setting.
        DataError: no corpus.
    """
    if unknown := sorted(set(options.splits) - set(SPLITS)):
        raise ConfigError(f"--splits: no {', '.join(unknown)}; known: {', '.join(SPLITS)}")
    name = str(options.corpus.resolve()) if options.corpus else AVLETTERS
    config = TableConfig().override(options.set)
    config.check_layers(options.layers)
    corpus = load_corpus(name, config)
    if not options.splits or not options.seeds:
        raise ConfigError("--splits, --seeds: name one of each at least")
    return [
        {
            **{"split": split, "seed": seed, "fold": fold, "set": options.set},
            **{"layers": options.layers or list(config.layers)},
            **{"corpus": name, "fingerprint": corpus.fingerprint},
        }
        for split in options.splits
        for seed in options.seeds
        for fold in options.folds or range(len(folds_of(corpus, split, seed)))
    ]


def main() -> None:
    """Run the cells, write the table; with --json the rows are printed, one object a line."""
    options = _options()
    root = data_root(DataConfig(data=options.data))
    if root is not None:
        os.environ["RECIPROCAL_DATA"] = str(root.resolve())  # the workers' too; no part of a cell's settings
    cells = make_cells(options)
    rows = run_cells(cells, run_cell, options.out, options.workers)
    print(report(_alike(read_rows(options.out), cells[0]), options.out))
    if options.json:
        for row in rows:
            print(json.dumps({k: v for k, v in row.items() if k not in ("cell", "cell_rows")}))


def _alike(rows: Sequence[Row], cell: Cell) -> list[Row]:
    """Rows of one experiment: other folds, seeds and layers too, but no other settings, nor another corpus."""
    shared = ("set", "corpus", "fingerprint")
    return [row for row in rows if all(json.loads(row["cell"])[name] == cell[name] for name in shared)]


def _options() -> argparse.Namespace:
    def words(text: str) -> list[str]:
        return [word.strip() for word in text.split(",") if word.strip()]

    def numbers(text: str) -> list[int]:
        return [int(word) for word in words(text)]

    parser = argparse.ArgumentParser(description="TDLFT's table", allow_abbrev=False)
    parser.add_argument("--data", help="folder of datasets (default: RECIPROCAL_DATA)")
    parser.add_argument("--corpus", type=Path, help="a parallel corpus of your own in place of AV-Letters")
    parser.add_argument("--out", type=Path, required=True, help="where rows and table go; resumes what is there")
    parser.add_argument("--splits", type=words, default=["five"], help="five, speakers or both (default five)")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], help="default 0,1,2")
    parser.add_argument("--folds", type=numbers, default=[], help="only these folds (default all)")
    parser.add_argument("--layers", type=numbers, default=[], help="i of TDLFT(i) (default all)")
    parser.add_argument("--workers", type=int, default=1, help="cells side by side, a core each; 0: in this process")
    parser.add_argument(
        "--set", action="append", default=[], metavar="GROUP.NAME=VALUE", help="such as video.epochs=90"
    )
    parser.add_argument("--json", action="store_true", help="print the rows, one JSON object a line")
    options = parser.parse_args()
    if wrong := [text for text in options.set if "=" not in text]:
        raise ConfigError(f"--set {wrong[0]}: expected group.name=value")
    options.set = dict(text.split("=", 1) for text in options.set)
    if options.workers < 0:
        raise ConfigError("--workers: expected a positive number, or 0")
    return options


if __name__ == "__main__":
    run_program(main)
