"""SMART turns on digits and TDLFT turns on letters in one learner: in turn, within their shares, and apart."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.algorithms.tdlft import LipReading
from agent.checkpoints.checkpoint import write_checkpoint
from agent.events.turns import Turns
from agent.learner import LONGEST
from agent.tdlft.turns import TdlftTurns
from sensors.core.errors import ConfigError, StateError
from tests.agent.learners import SmartLearner
from tests.agent.letter_rigs import LetterTables, tiny, world
from tests.agent.rigs import ListReplay, alike, config, tables


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    # The order of sums, and so the last bit, depends on the number of threads.
    torch.set_num_threads(1)


def both(letters: LetterTables | None, **changes: Any) -> SmartLearner:
    beside = [] if letters is None else [LipReading(TdlftTurns(tiny(**changes), letters, 3))]
    return SmartLearner(config(latent=64), ListReplay({"audio+image": tables()["audio+image"]}), 0, *beside)


def turns_of(it: SmartLearner) -> TdlftTurns:
    letters = it.algorithms["tdlft"]
    assert isinstance(letters, LipReading)
    return letters.turns


def test_smart_learns_bitwise_the_same_with_turns_on_letters_and_without() -> None:
    alone, beside = both(None), both(world(), share=0.6, embedding="transcoder")
    alone.run(300.0, steps=30)
    beside.run(300.0, steps=30)
    assert turns_of(beside).turn > 0 or turns_of(beside).rows is not None
    alike(alone.own.state_dict(), beside.own.state_dict(), "learner")
    alike(alone.replay.state_dict(), beside.replay.state_dict(), "replay")


def test_letters_alone_have_all_the_time() -> None:
    replay = ListReplay({}, 0)
    it = SmartLearner(config(latent=64), replay, 0, LipReading(TdlftTurns(tiny(share=0.1), world(), 3)))
    report = it.run(300.0)
    assert turns_of(it).turn == 1 and report.steps == 0
    assert report.waiting == "replay holds no events yet; 0 of 8 new labelled events have come"
    assert report.figures["tdlft/turns"] == 1.0 and 0.5 < report.figures["tdlft/share"] <= 1.0
    assert report.busy == pytest.approx(report.seconds, rel=0.5)


def test_both_go_on_in_one_run() -> None:
    it = both(world(), share=0.5)
    while turns_of(it).turn == 0:
        report = it.run(1.0)
        assert not report.waiting and report.turn
    assert it.steps > 0 and report.figures.keys() > {"tdlft/turns", "tdlft/share"}


PIECE = 0.01
"""Seconds of a piece of work that is not to be cut."""


class Slow:
    """TDLFT turns that always have work, and know when each piece of it began."""

    name, turn = "lips<speech", 0

    def __init__(self, share: float) -> None:
        self.share = share
        self.began: list[float] = []

    def step(self) -> bool:
        self.began.append(time.monotonic())
        time.sleep(PIECE)
        return True

    def waiting(self) -> str:
        return ""

    def figures(self) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, int]:
        # The learner keeps a copy of everything after a step that took long.
        return {"version": 1}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.9])
def test_the_share_holds_and_smart_is_never_long_without(share: float) -> None:
    slow: Any = Slow(share)
    it = SmartLearner(config(latent=64), ListReplay({"audio+image": tables()["audio+image"]}), 0, LipReading(slow))
    report = it.run(600.0, steps=25)
    assert report.steps == 25
    if not share:
        assert slow.began == []
        return
    worked = report.figures["tdlft/share"] * report.seconds
    smart = report.busy - worked
    # Of a piece that began within its time all is done, and its excess is owed: one piece in the end.
    assert 0 < worked <= smart * share / (1 - share) + 5 * PIECE
    assert LONGEST >= PIECE


def test_a_checkpoint_holds_both_and_what_rests_is_kept_for_later(tmp_path: Path) -> None:
    it = both(world(), share=0.8)
    it.run(300.0, steps=6)
    checkpoint = write_checkpoint(tmp_path, 6, it.save, {})
    assert {p.name for p in checkpoint.iterdir()} == {
        "manifest.json", "learner.json", "learner.safetensors", "smart.json", "smart.safetensors",
        "tdlft.json", "tdlft.safetensors", "random.json", "random.safetensors",
    }  # fmt: skip
    other = both(world(), share=0.8)
    other.restore(checkpoint)
    alike(other.state_dict(), it.state_dict(), "learner")
    alike(turns_of(other).state_dict(), turns_of(it).state_dict(), "letters")
    alone = both(None)
    alone.restore(checkpoint)
    alone.run(300.0, steps=2)
    later = write_checkpoint(tmp_path, 8, alone.save, {})
    back = both(world(), share=0.8)
    back.restore(later)
    assert back.steps == 8
    alike(turns_of(back).state_dict(), turns_of(it).state_dict(), "letters")
    # The other way round, letters begin with the run that is resumed.
    plain = write_checkpoint(tmp_path, 7, both(None).save, {})
    fresh = both(world())
    fresh.restore(plain)
    assert turns_of(fresh).turn == 0 and turns_of(fresh).networks is None
    (checkpoint / "tdlft.safetensors").unlink()
    with pytest.raises(StateError, match="tdlft cannot be read"):
        other.restore(checkpoint)


def test_smart_takes_no_turn_on_labelled_events() -> None:
    column = np.zeros((40, 1), np.uint16)
    labelled = {kind: {"letter": column} for kind in ("speech+lips+letter", "speech+letter", "audio+letter")}
    replay = ListReplay(labelled)
    turns = Turns(("audio", "image", "speech", "lips"), 16)
    assert turns.next(replay) is None and turns.waiting(replay) == "replay holds no events yet"
    replay.tables = {**labelled, "speech": {"speech": np.zeros((40, 24, 26))}}
    replay.owed = dict.fromkeys(replay.tables, 9.0) | {"speech": 0.0}
    turn = turns.next(replay)
    assert turn is not None and turn.kind == "speech"


def test_a_label_is_no_modality_of_smart() -> None:
    with pytest.raises(ConfigError, match=r"learner\.modalities: letter is a label"):
        SmartLearner(config(modalities="audio,image,letter"), ListReplay({}), 0)
