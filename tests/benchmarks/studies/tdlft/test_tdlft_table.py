"""TDLFT's table: scores by hand, no leak of test or unseen rows, and the whole command on a synthetic corpus."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.cells import run_program
from benchmarks.studies.tdlft import tdlft_table
from benchmarks.studies.tdlft.tdlft_problem import (
    ORACLE,
    RECIPES,
    UNIMODAL,
    Problem,
    TableConfig,
    Transfers,
    inner_problems,
    make_problem,
    scores_of,
    train_networks,
)
from benchmarks.studies.tdlft.tdlft_report import COST
from benchmarks.studies.tdlft.tdlft_scores import add_offset, best_offset, compare, score
from benchmarks.studies.tdlft.tdlft_table import folds_of
from sensors.core.errors import ConfigError, DataError
from teacher.datasets.readers.parallel import ParallelCorpus, load_folder

ROOT = Path(__file__).parents[4]
VARIANTS = ("faithful", "mixed", "calibrated", "balanced")
SMALL = {
    "sizes.first": "24",
    "sizes.second": "16",
    "sizes.third": "12",
    "choice.problems": "1",
    "audio.pretrain_epochs": "3",
    "video.pretrain_epochs": "3",
    "audio.epochs": "15",
    "video.epochs": "15",
    "tdlft.epochs": "2",
    "embedding.neighbours": "3",
    "embedding.correlations": "4",
    "embedding.regularisation": "0.1",
    "embedding.svr_cost": "1",
    "embedding.svr_width": "1",
    "embedding.transcoder_epochs": "2",
    "embedding.transcoder_width": "8",
}


def write_corpus(folder: Path) -> Path:
    """Synthetic: a label's source and target rows are noisy images of the same hidden point."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels, speakers = np.repeat(np.arange(7), 12), np.tile(np.repeat(np.arange(3), 4), 7)
    points = rng.normal(size=(7, 4))[labels] + 0.2 * rng.normal(size=(84, 4))
    for name, width in (("source", 10), ("target", 14)):
        rows = points @ rng.normal(size=(4, width)) + 0.1 * rng.normal(size=(84, width))
        np.save(folder / f"{name}.npy", rows.astype(np.float32).reshape(84, 2, -1))
    lines = [f"word{k},voice{s}" for k, s in zip(labels, speakers, strict=True)]
    (folder / "labels.csv").write_text("\n".join(["label,speaker", *lines]) + "\n")
    (folder / "unseen.txt").write_text("word5\nword6\n")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> ParallelCorpus:
    return load_folder(write_corpus(tmp_path_factory.mktemp("corpora") / "synthetic"))


def log(rows: list[list[float]]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.log(np.array(rows, np.float32))


SCORES = log([[0.7, 0.1, 0.2], [0.3, 0.4, 0.3], [0.5, 0.1, 0.4], [0.1, 0.6, 0.3]])
LABELS = np.array([0, 1, 2, 2])


def test_accuracies_by_hand() -> None:
    figures = score(SCORES, LABELS, [0, 1], [2])
    assert figures["all"] == 0.5 and figures["seen"] == 1.0 and figures["unseen"] == 0.0
    assert figures["harmonic"] == 0.0 and figures["among_seen"] == figures["among_unseen"] == 1.0
    # Margins of seen rows: log 7/2, log 4/3; of unseen rows: log 5/4, log 2. An offset between log 5/4 and log 4/3
    # wins one unseen row for nothing, one past log 4/3 costs a seen row, past log 2 wins the other.
    assert figures["area"] == pytest.approx(0.5 * 0.5 + 0.5 * 1.0)


def test_an_offset_trades_seen_for_unseen() -> None:
    moved = score(add_offset(SCORES, [2], math.log(1.3)), LABELS, [0, 1], [2])
    assert (moved["seen"], moved["unseen"]) == (1.0, 0.5)
    assert score(add_offset(SCORES, [2], 9.0), LABELS, [0, 1], [2])["unseen"] == 1.0
    before, after = (score(s, LABELS, [0, 1], [2]) for s in (SCORES, add_offset(SCORES, [2], 9.0)))
    assert before["area"] == pytest.approx(after["area"])


def test_the_best_offset_separates_what_can_be_separated() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    scores = rng.normal(size=(400, 4)).astype(np.float32)
    scores[np.arange(400), labels] += 8
    scores[:, 2:] -= 6
    for aim in ("all", "harmonic"):
        offset, figure = best_offset(scores, labels, [0, 1], [2, 3], 0.5, aim)
        assert 4 < offset < 8 and figure > 0.95
    assert best_offset(scores, labels, [0, 1], [2, 3], 0.0, "all")[0] < 0


def test_comparisons_are_the_corrected_t_test() -> None:
    made = compare([0.6, 0.5, 0.7], [0.5, 0.45, 0.55], 0.25)
    deviation = 0.05 * math.sqrt(1 / 3 + 0.25)
    assert made.mean == pytest.approx(0.1) and made.high - made.mean == pytest.approx(4.302653 * deviation)
    statistic = 0.1 / deviation
    assert made.p == pytest.approx(1 - statistic / math.sqrt(2 + statistic**2))  # of two degrees of freedom
    assert compare([0.5], [0.4], 0.25).p == 1.0 and compare([0.5, 0.5], [0.5, 0.5], 0.25).p == 1.0
    with pytest.raises(ValueError, match="cannot be paired"):
        compare([0.5], [], 0.25)


def test_a_folder_is_read_as_written(corpus: ParallelCorpus) -> None:
    assert corpus.source.shape == (84, 10) and corpus.target.shape == (84, 14)
    assert (
        corpus.label_names[corpus.labels[0]] == "word0" and corpus.unseen == (5, 6) and corpus.seen == (0, 1, 2, 3, 4)
    )
    assert corpus.speaker_names == ("voice0", "voice1", "voice2")
    assert "84 utterances" in corpus.summary


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("source.npy", None, "no such file"),
        ("source.npy", b"abc", "no array of numbers"),
        ("unseen.txt", b"word9\n", "no row of labels.csv has the label 'word9'"),
        ("unseen.txt", b"word1\n", "expected two of each or more"),
        ("labels.csv", b"label,speaker\nword0,voice0\n", "84 source rows, 84 target rows, 1 labels"),
        ("labels.csv", b"word0\n", "no lines 'label,speaker'"),
    ],
)
def test_a_damaged_folder(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    folder = write_corpus(tmp_path / "synthetic")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_folder(folder)


def test_pickled_and_infinite_rows_are_refused(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "synthetic")
    np.save(folder / "source.npy", np.array([[{}]] * 84, object), allow_pickle=True)
    with pytest.raises(DataError, match="no array of numbers"):
        load_folder(folder)
    np.save(folder / "source.npy", np.full((84, 3), np.nan))
    with pytest.raises(DataError, match="not finite"):
        load_folder(folder)


def problem_of(corpus: ParallelCorpus) -> Problem:
    fold = folds_of(corpus, "five", 0)[0]
    return make_problem(corpus, fold.train, fold.test)


def test_choices_are_made_inside_the_seen_training_rows(corpus: ParallelCorpus) -> None:
    outer = problem_of(corpus)
    inner = inner_problems(outer, 2, seed=0)
    assert len(inner) == 2 and not set(inner[0].test) & set(inner[1].test)
    for problem in inner:
        rows = {*problem.train.tolist(), *problem.test.tolist()}
        assert rows == set(outer.pairs.tolist())
        assert not set(problem.train.tolist()) & set(problem.test.tolist())
        assert problem.seen == (0, 1, 2) and problem.unseen == (3, 4)


def test_neither_test_rows_nor_unseen_target_rows_change_an_answer(corpus: ParallelCorpus) -> None:
    """The networks and every embedding but the oracle's are bitwise the same whatever stands in those rows."""
    outer, config = problem_of(corpus), TableConfig().override(SMALL)
    target, source = corpus.target.copy(), corpus.source.copy()
    target[outer.star] = 77
    target[outer.test[1:]] = -5
    source[outer.test] = 3
    spoilt = ParallelCorpus(**{**vars(corpus), "target": target, "source": source})
    problems = [Problem(c, outer.train, outer.test[:1], outer.seen, outer.unseen) for c in (corpus, spoilt)]
    trained = [train_networks(p, config, 0, lambda: None) for p in problems]
    for i in (0, 2):
        for name in ("knn", "ncca"):
            for recipe in RECIPES:
                answers = []
                for p, t in zip(problems, trained, strict=True):
                    transfers = Transfers(p, t, i, config, 0)
                    answers.append(transfers.answer(name, transfers.embedding(name), recipe))
                assert (answers[0] == answers[1]).all()
    one, other = (Transfers(p, t, 2, config, 0) for p, t in zip(problems, trained, strict=True))
    seen = [t.answer(ORACLE, t.embedding(ORACLE), "parallel") for t in (one, other)]
    assert (seen[0] != seen[1]).any()


def test_embeddings_see_fields_of_hidden_layers_alone(corpus: ParallelCorpus) -> None:
    fold = folds_of(corpus, "five", 0)[0]
    problem, config = make_problem(corpus, fold.train, fold.test), TableConfig().override(SMALL)
    trained = train_networks(problem, config, 0, lambda: None)
    means = config.override({"heard.hidden": "means"})
    for i in config.layers:
        seen, plain = (Transfers(problem, trained, i, kind, 0) for kind in (config, means))
        assert np.array_equal(seen.lips, plain.lips), "the target's rows are the network's own"
        assert np.array_equal(plain.audio, trained.audio.layer(corpus.source[problem.pairs], i))
        hidden = 1 <= i <= trained.audio.depth
        assert np.array_equal(seen.audio, plain.audio) != hidden
        assert np.array_equal(seen.audio_star, plain.audio_star) != hidden
        if hidden:
            assert np.allclose(seen.audio.mean(0), 0, atol=1e-3) and np.abs(seen.audio_star.mean(0)).max() > 0.01


def test_algorithm_1_to_the_letter_has_a_step_size_of_its_own(corpus: ParallelCorpus) -> None:
    fold = folds_of(corpus, "five", 0)[0]
    problem = make_problem(corpus, fold.train, fold.test)
    config = TableConfig().override(SMALL).override({"faithful.learning_rate": "0"})
    trained = train_networks(problem, config, 0, lambda: None)
    transfers = Transfers(problem, trained, 1, config, 0)
    perfect, before = transfers.embedding("oracle"), scores_of(trained.video, problem)
    assert np.array_equal(transfers.answer("oracle", perfect, "faithful"), before)
    assert not np.array_equal(transfers.answer("oracle", perfect, "parallel"), before)


def test_labels_that_take_no_part_get_no_score(corpus: ParallelCorpus) -> None:
    inner = inner_problems(problem_of(corpus), 1, 0)[0]
    trained = train_networks(inner, TableConfig().override(SMALL), 0, lambda: None)
    scores = scores_of(trained.video, inner)
    assert np.isneginf(scores[:, [5, 6]]).all() and np.isfinite(scores[:, :5]).all()


def test_unknown_settings() -> None:
    with pytest.raises(ConfigError, match="groups of settings are"):
        TableConfig().override({"nothing.at_all": "1"})
    with pytest.raises(ConfigError, match="unknown setting 'depth'"):
        TableConfig().override({"video.depth": "1"})


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "benchmarks/studies/tdlft/tdlft_table.py", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250)


@pytest.mark.slow
def test_the_command_makes_the_table_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_corpus(tmp_path / "synthetic")
    settings = [text for key, value in SMALL.items() for text in ("--set", f"{key}={value}")]
    command = ["--corpus", str(folder), "--out", str(tmp_path / "out"), "--seeds", "0", "--folds", "0,1"]
    done = run(*command, "--workers", "0", "--json", *settings)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    kinds = {(r["embedding"], r["i"], r["variant"]) for r in rows}
    names = (ORACLE, "knn", "ncca", "svr", "transcoder")
    assert {(n, i, v) for n in names for i in range(5) for v in VARIANTS} <= kinds
    assert {(UNIMODAL, None, ""), (COST, None, "")} <= kinds and len(rows) == 2 * len(kinds)
    for row in rows:
        assert {"embedding", "i", "seed", "fold"} <= set(row)
        assert row["embedding"] == COST or all(0 <= row[k] <= 1 for k in ("all", "seen", "unseen"))
    # At l+1 nothing is left to train: the network answers as it did alone.
    alone = {r["fold"]: r["all"] for r in rows if r["embedding"] == UNIMODAL}
    assert all(r["all"] == alone[r["fold"]] for r in rows if r["i"] == 4 and r["variant"] == "faithful")
    table = (tmp_path / "out/table.md").read_text()
    assert "minus unimodal" in table and "oracle(0) - oracle(3)" in table and "synthetic" in table
    here(monkeypatch, *command, "--workers", "0", *settings)
    tdlft_table.main()
    assert "2 cells are finished already" in capsys.readouterr().err


def here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The command line for a `main` that is called in this process."""
    monkeypatch.delenv("RECIPROCAL_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["tdlft_table.py", *arguments])


def test_the_command_names_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here(monkeypatch, "--corpus", str(tmp_path), "--out", str(tmp_path / "out"))
    with pytest.raises(SystemExit) as ended:
        run_program(tdlft_table.main)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: ") and "source.npy" in said
