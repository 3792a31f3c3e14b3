"""A learner that is killed and resumed ends bitwise where one that was never stopped does.

Run as a program, this file is the process that gets killed, or the one that takes over.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.algorithms.tdlft import LipReading
from agent.checkpoints.checkpoint import load_state, newest_checkpoint, save_state, write_checkpoint
from agent.config import STRATEGIES
from agent.tdlft.turns import TdlftTurns
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import EventBatch
from tests.agent.learners import SmartLearner
from tests.agent.letter_rigs import said, tiny
from tests.agent.rigs import ListReplay, alike, config, tables

ROOT = Path(__file__).parents[2]
PAIRS = "audio+image"
MOVED = {"augment_from": 20, "augment_growth": 20}
"""Samples are moved at random, ever more from before the kill to after it."""


def fill(directory: Path, kinds: list[str]) -> None:
    """A replay on disk with 64 events in each table."""
    buffer = Buffer(directory, ReplayConfig(capacity=256, capacity_single=256, min_size=16), 0)
    for k, kind in enumerate(kinds):
        order = np.arange(64 * k, 64 * k + 64)
        moment = order.astype(np.float64)
        buffer.insert(EventBatch("teacher", 0, order, moment, moment, order // 4, tables(64, seed=k)[kind]))
    buffer.close()


def on_disk(directory: Path) -> SmartLearner:
    # The order of sums, and so the last bit, depends on the number of threads.
    torch.set_num_threads(1)
    return SmartLearner(config(turn_steps=7, latent=64, **MOVED), Reader(directory, 4), 0)


def take(it: SmartLearner, steps: int) -> None:
    for _ in range(steps):
        assert it.step() is not None


def program(directory: Path, role: str) -> None:
    """What the subprocesses do: 'first' takes 30 steps, saves and waits to be killed; 'second' resumes and ends."""
    it = on_disk(directory / "replay")
    if role == "second":
        newest = newest_checkpoint(directory / "checkpoints")
        assert newest is not None
        it.restore(newest)
        take(it, 30)
        save_state(directory, "end", it.state_dict())
        return
    take(it, 30)
    write_checkpoint(directory / "checkpoints", it.steps, it.save, {})
    print("saved", flush=True)
    while True:  # until it is killed: at rest, or in the middle of steps that nobody will remember
        time.sleep(0.01) if role == "first" else take(it, 1)


def start(directory: Path, role: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.agent.test_resume", str(directory), role]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("role", "kinds"),
    [("first", ["audio", "image", PAIRS]), ("first, learning on", [PAIRS])],
    ids=["at-rest", "mid-step"],
)
def test_sixty_steps_are_thirty_a_sigkill_a_resume_and_thirty(tmp_path: Path, role: str, kinds: list[str]) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    fill(parts / "replay", kinds)
    shutil.copytree(parts, whole)
    with start(parts, role) as first:
        assert first.stdout is not None and first.stdout.readline() == "saved\n"
        time.sleep(0.2)
        first.kill()
    assert first.returncode == -9
    with start(parts, "second") as second:
        it = on_disk(whole / "replay")
        take(it, 60)
        assert second.wait(120) == 0
    save_state(whole, "end", it.state_dict())
    theirs, ours = load_state(parts, "end"), load_state(whole, "end")
    assert ours["steps"] == 60 and min(ours["algorithms"]["smart"]["smart"]["steps"].values()) > 20
    alike(ours, theirs, "learner")


def both_on_disk(directory: Path) -> SmartLearner:
    """SMART and TDLFT in turns; how long a turn on letters is depends on what is in the tables alone."""
    torch.set_num_threads(1)
    reader = Reader(directory, 4)
    turns = TdlftTurns(tiny(embedding="transcoder", tune_epochs=8), reader, 3)
    return SmartLearner(config(turn_steps=7, latent=64, **MOVED), reader, 0, LipReading(turns))


def letters_of(it: SmartLearner) -> TdlftTurns:
    found = it.algorithms["tdlft"]
    assert isinstance(found, LipReading)
    return found.turns


def fill_both(directory: Path) -> None:
    fill(directory, [PAIRS])
    buffer = Buffer(directory, ReplayConfig(capacity=256, capacity_single=256, min_size=16), 0)
    for k, samples in enumerate((said([0, 1, 2] * 6), {m: x for m, x in said([3] * 6).items() if m != "lips"})):
        order = np.arange(len(samples["letter"]))
        moment = order.astype(np.float64)
        buffer.insert(EventBatch(f"letters-{k}", 0, order, moment, moment, order, samples))
    buffer.close()


def alternate(it: SmartLearner, steps: int, pieces: int) -> None:
    """So many steps of SMART, and TDLFT turns piece by piece beside them until none is due."""
    for _ in range(steps):
        assert it.step() is not None
        for _ in range(pieces):
            letters_of(it).step()


def letters_program(directory: Path, role: str) -> None:
    it = both_on_disk(directory / "replay")
    letters = letters_of(it)
    if role == "letters, first":
        # As a run does it: snapshots between steps, written while the learner is at the next ones.
        while letters.rows is None:
            alternate(it, 1, 1)
        alternate(it, 3, 1)
        assert it.snapshot() is not None
        step = it.steps
        write_checkpoint(directory / "checkpoints", step, lambda stage: it.last_snapshot.save(stage, step), {})
        print(it.steps, flush=True)
        while True:
            alternate(it, 1, 1)
            assert letters.rows is not None or it.steps > 40
    newest = newest_checkpoint(directory / "checkpoints")
    assert newest is not None
    it.restore(newest)
    assert letters.rows is not None and letters.turn == 0
    alternate(it, 40 - it.steps, 6)
    save_state(directory, "end", it.state_dict())
    save_state(directory, "end-letters", letters.state_dict())


def test_killed_in_the_middle_of_a_turn_on_letters_it_ends_bitwise_as_if_undisturbed(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    fill_both(parts / "replay")
    shutil.copytree(parts, whole)
    with start(parts, "letters, first") as first:
        assert first.stdout is not None
        saved = int(first.stdout.readline())
        time.sleep(0.2)
        first.kill()
    assert first.returncode == -9 and 3 < saved < 40
    with start(parts, "letters, second") as second:
        it = both_on_disk(whole / "replay")
        alternate(it, 40, 6)
        assert second.wait(120) == 0
    assert letters_of(it).turn == 1 and letters_of(it).rows is None
    save_state(whole, "end", it.state_dict())
    save_state(whole, "end-letters", letters_of(it).state_dict())
    alike(load_state(whole, "end"), load_state(parts, "end"), "learner")
    alike(load_state(whole, "end-letters"), load_state(parts, "end-letters"), "letters")


@pytest.mark.parametrize("guides", STRATEGIES)
def test_every_strategy_resumes_bitwise(tmp_path: Path, guides: str) -> None:
    def fresh() -> SmartLearner:
        torch.set_num_threads(1)
        return SmartLearner(
            config(guides=guides, turn_steps=7, latent=64, **MOVED), ListReplay({PAIRS: tables()[PAIRS]}), 0
        )

    whole, first, second = fresh(), fresh(), fresh()
    take(whole, 40)
    take(first, 17)
    checkpoint = write_checkpoint(tmp_path, 17, first.save, {})
    second.replay.sample(PAIRS, 5)  # a reader that has moved on
    second.restore(checkpoint)
    assert second.turn is not None and second.turn.step == 17 % 7
    take(second, 23)
    alike(whole.state_dict(), second.state_dict(), guides)


def test_whitened_latents_resume_bitwise(tmp_path: Path) -> None:
    def fresh() -> SmartLearner:
        torch.set_num_threads(1)
        replay = ListReplay({PAIRS: tables()[PAIRS]})
        return SmartLearner(config(preset="medium", guides="pair", turn_steps=3, latent=32, **MOVED), replay, 0)

    whole, first, second = fresh(), fresh(), fresh()
    take(whole, 8)
    take(first, 4)
    checkpoint = write_checkpoint(tmp_path, 4, first.save, {})
    second.restore(checkpoint)
    take(second, 4)
    alike(whole.state_dict(), second.state_dict(), "whitened")


if __name__ == "__main__":
    (letters_program if sys.argv[2].startswith("letters") else program)(Path(sys.argv[1]), sys.argv[2])
