import dataclasses
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.algorithms import Algorithm, Declaration
from agent.algorithms.tdlft import LipReading
from agent.checkpoints.checkpoint import write_checkpoint
from agent.checkpoints.migrations import read_parts
from agent.config import STRATEGIES
from agent.hardware import choose_hardware
from agent.learner import LONGEST, Learner
from sensors.core.errors import ConfigError, StateError
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, clips, config, images, tables


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    # The order of sums, and so the last bit, depends on the number of threads.
    torch.set_num_threads(1)


def learner(seed: int = 0, **changes: object) -> SmartLearner:
    return SmartLearner(config(**changes), ListReplay(tables(), seed), seed)


def on_pairs(seed: int = 0, **changes: object) -> SmartLearner:
    return SmartLearner(config(**changes), ListReplay({"audio+image": tables()["audio+image"]}, seed), seed)


@pytest.mark.parametrize("guides", STRATEGIES)
def test_a_turn_leaves_the_other_side_and_all_guides_bitwise_alone(guides: str) -> None:
    """Whole turns: parameters, batch normalisation's statistics, averages and moments of the side that guides."""
    it = on_pairs(guides=guides, turn_steps=4)
    for _ in range(8):
        it.step()  # both sides have moments, and guides have been chosen
    shown = {m: torch.from_numpy(column).float() / 255 for m, column in tables()["audio+image"].items()}
    lesson = torch.arange(160) // 4
    with torch.no_grad():
        probe = {m: it.smart.sides[m].eval().autoencoder.encode(x) for m, x in shown.items()}
    targets: list[dict[str, Tensor]] = []
    for _ in range(6):
        before: dict[str, Tensor] = {}
        for step in range(4):
            it.step()
            side = it.turn.side if it.turn else ""
            frozen = parts(it, "audio" if side == "image" else "image")
            now = it.smart.guides.targets(probe, lesson)
            if step == 0:
                before, own, chosen = frozen, parts(it, side), now
                targets.append(now)
            assert any("running_var" in name for name in frozen) and any("exp_avg" in name for name in frozen)
            assert changed(before, frozen) == [], "the side that guides learned"
            assert changed(chosen, now) == [], "a guide moved within a turn"
        moved = changed(own, parts(it, side))
        for kind in ("running_mean", "exp_avg_sq", "encoder", "decoder", "transcoders"):
            assert any(kind in name for name in moved), f"the side whose turn it is did not learn: {kind}"
    if guides == "cluster":
        assert all(changed(a, b) for a, b in pairwise(targets)), "guides are chosen anew between turns"


def parts(it: SmartLearner, side: str) -> dict[str, Tensor]:
    """Everything of one side that could change, copied."""
    named: dict[str, Tensor] = {}
    for part, module in (("side", it.smart.sides[side]), ("average", it.smart.averages[side])):
        named |= {f"{part}.{k}": v.clone() for k, v in module.state_dict().items()}
    for number, moments in it.smart.optimisers[side].state_dict()["state"].items():
        named |= {f"moment.{number}.{k}": v.clone() for k, v in moments.items()}
    return named


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    assert before.keys() == after.keys()
    return [k for k in before if not torch.equal(before[k], after[k])]


def test_it_waits_and_says_why() -> None:
    waiting = SmartLearner(config(), ListReplay({}), 0)
    report = waiting.run(0.5)
    assert report.steps == 0 and report.waiting == "replay holds no events yet" and report.turn == ""


def test_turns_change_sides_after_their_steps() -> None:
    it = SmartLearner(config(turn_steps=2), ListReplay({"audio+image": tables()["audio+image"]}), 0)
    names = []
    for _ in range(6):
        it.step()
        names.append(it.turn.name if it.turn else "")
    assert names == ["audio<image"] * 2 + ["image<audio"] * 2 + ["audio<image"] * 2


@pytest.mark.parametrize(
    "least, asked, expected",
    [
        (0.0, (2.0, 1.0, 1.0), (12, 6, 6)),
        (0.5, (2.0, 1.0, 1.0), (12, 6, 6)),
        (0.0, (0.4, 1.8, 1.8), (2, 11, 11)),
        (0.5, (0.4, 1.8, 1.8), (12, 6, 6)),
    ],
)
def test_tables_are_learned_from_in_the_proportion_they_ask_but_for_rare_pairs(
    least: float, asked: tuple[float, ...], expected: tuple[int, ...]
) -> None:
    it = learner(turn_steps=1, paired_turns=least)
    replay = it.replay
    assert isinstance(replay, ListReplay)
    for _ in range(24):
        replay.owed = {k: v + w for (k, v), w in zip(replay.owed.items(), asked, strict=True)}
        it.step()
        replay.owed[replay.drawn[-1]] -= 4.0
    assert [replay.drawn.count(k) for k in ("audio+image", "audio", "image")] == pytest.approx(expected, abs=1)


def test_the_learning_rate_rises_and_falls() -> None:
    it = SmartLearner(config(turn_steps=100, warmup_steps=4, cooldown=0.5), ListReplay(tables()), 0)
    rates = []
    for _ in range(5):
        it.step()
        side = it.turn.side if it.turn else ""
        rates.append(it.smart.optimisers[side].param_groups[0]["lr"])
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])
    it.remaining = 0.25
    it.step()
    assert it.smart.optimisers[side].param_groups[0]["lr"] == pytest.approx(0.5e-3)


def test_a_loss_that_is_not_finite_stops_with_the_remedy_and_is_not_saved(tmp_path: Path) -> None:
    it = learner()
    with torch.no_grad():
        next(it.smart.sides["audio"].parameters()).fill_(torch.nan)
    with pytest.raises(StateError, match="learning_rate"):
        it.run(5.0, steps=2)
    with pytest.raises(StateError, match="not finite"):
        it.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_make_is_refused(tmp_path: Path) -> None:
    saved = learner()
    saved.step()
    checkpoint = write_checkpoint(tmp_path, 1, saved.save, {})
    with pytest.raises(StateError, match="latent 512"):
        learner(latent=64).restore(checkpoint)


def test_settings_that_cannot_work_are_named() -> None:
    with pytest.raises(ConfigError, match="at least two"):
        learner(modalities="image")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="--device cuda"):
            learner(device="cuda")


def test_a_picture_evokes_its_sound_and_the_reverse() -> None:
    """Three concepts, never labelled: each is a bar at its own height, and a sound at its own pitch."""
    it = SmartLearner(
        config(batch=32, turn_steps=10, clusters=6, bank=256, learning_rate=2e-3),
        ListReplay({"audio+image": tables(192, concepts=3)["audio+image"]}),
        0,
    )
    for _ in range(140):
        it.step()
    sides = {m: s for m, s in it.smart.averages.items()}
    rng = np.random.default_rng(5)
    concepts = np.arange(30) % 3
    with torch.no_grad():
        for source, make, target, band in (("image", images, "audio", 9), ("audio", clips, "image", 3)):
            x = torch.from_numpy(make(concepts, rng)).float() / 255
            z = sides[source].transcoders[target](sides[source].autoencoder.encode(x))
            rows = sides[target].autoencoder.decode(z)[:, 0].mean(2)
            loudest = rows[:, : 3 * band].reshape(30, 3, band).mean(2).argmax(1).numpy()
            assert (loudest == concepts).mean() > 0.9, f"{source} to {target}"


class Pieces:
    """TDLFT turns of a few pieces, without networks."""

    share, name = 0.25, "lips<speech"

    turn = 0

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def step(self) -> bool:
        self.pieces -= 1
        return self.pieces >= 0

    def describe(self) -> list[str]:
        return []

    def waiting(self) -> str:
        return "no new labelled events"

    def figures(self) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, object]:
        return {"version": 1}

    def load_state_dict(self, state: Mapping[str, object]) -> None: ...


def pieces(count: int) -> Learner:
    turns: Any = Pieces(count)
    return Learner([LipReading(turns)], ListReplay(tables(), 0), choose_hardware(config()))


def test_where_no_algorithm_takes_all_the_time_pieces_of_work_are_the_steps() -> None:
    it = pieces(12)
    assert it.run(60.0, steps=5).steps == 5
    report = it.run(60.0)
    assert (report.steps, report.step, report.waiting) == (7, 12, "no new labelled events")
    assert isinstance(it.replay, ListReplay) and it.replay.drawn == [] and not it.describe()[1:]
    assert set(it.parts()) == {"learner", "random", "tdlft"}
    again = pieces(1)
    again.load_state_dict(it.state_dict())
    assert again.run(60.0).step == 13


class Timed(Algorithm):
    """Work of a known length for as long as there is some.

    Args:
        name: of the algorithm.
        seconds: of a step.
        share: as `Algorithm.share`.
        busy: whether there is work.
        state_device: as `Algorithm.state_device`.
    """

    def __init__(
        self, name: str, seconds: float, share: float | None = None, busy: bool = True, state_device: str = "cpu"
    ) -> None:
        super().__init__()
        self._declared = Declaration(name, "", lambda setup: self, lambda kind, modalities: True, ())
        self.seconds, self._share, self.busy, self._device = seconds, share, busy, state_device

    @property
    def name(self) -> str:
        return self._declared.name

    @property
    def share(self) -> float | None:
        return self._share

    @property
    def state_device(self) -> str:
        return self._device

    @property
    def version(self) -> int:
        return 0

    def step(self) -> dict[str, Tensor] | None:
        if not self.busy:
            return None
        time.sleep(self.seconds)
        return {}

    def waiting(self) -> str:
        return "" if self.busy else "no work"

    def describe(self) -> list[str]:
        return []

    def publish(self, version: int) -> dict[str, Any] | None:
        return None

    def state_dict(self) -> dict[str, Any]:
        return {"version": 1}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def timed(*algorithms: Timed) -> Learner:
    return Learner(algorithms, ListReplay({}), choose_hardware(config()))


def test_where_all_have_shares_the_time_is_divided_by_them() -> None:
    figures = timed(Timed("a", 0.004, 0.1), Timed("b", 0.004, 0.8)).run(1.0).figures
    assert figures["b/share"] > 5 * figures["a/share"] > 0
    # Nobody's steps count against one that has a share of nothing.
    assert timed(Timed("a", 0.001, 0.0)).run(0.1).figures["a/share"] > 0.5


def test_debts_are_bounded_and_time_is_that_of_the_one_that_worked() -> None:
    idle, working = Timed("a", 0.004, 0.4, busy=False), Timed("b", 0.4, 0.4)
    it = timed(idle, working)
    figures = it.run(600.0, steps=4).figures
    assert figures["a/share"] == 0.0 and figures["b/share"] > 0.9
    assert all(abs(credit) <= LONGEST for credit in it._credit.values())
    idle.busy, working.seconds = True, 0.004
    assert it.run(600.0, steps=1).figures["b/share"] == 0.0, "the one that is behind is next"


def test_steps_take_turns_whatever_they_cost_and_the_division_of_the_time_is_told() -> None:
    report = timed(Timed("quick", 0.001), Timed("slow", 0.02)).run(600.0, steps=10)
    assert report.figures["slow/share"] > 3 * report.figures["quick/share"] > 0
    assert "quick/share" not in timed(Timed("quick", 0.001)).run(600.0, steps=2).figures


def test_each_algorithm_says_where_its_saved_tensors_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TDLFT works on the CPU, also where no other algorithm learns and the learner has a GPU."""
    asked: list[dict[str, Any]] = []

    def read(checkpoint: Path, devices: Mapping[str, Any]) -> dict[str, Any]:
        asked.append({name: str(device) for name, device in devices.items()})
        return read_parts(checkpoint, {})

    monkeypatch.setattr("agent.learner.read_parts", read)
    letters, smart = pieces(1), learner()
    for it in (letters, smart, timed(Timed("own", 0.0, state_device="meta"))):
        it.hardware = dataclasses.replace(it.hardware, device=torch.device("meta"))
        stage = tmp_path / next(iter(it.algorithms))
        stage.mkdir()
        it.save(stage)
        it.restore(stage)
    assert asked == [{"tdlft": "cpu"}, {"smart": "cpu"}, {"own": "meta"}]
    smart.own.hardware = dataclasses.replace(smart.own.hardware, device=torch.device("meta"))
    assert smart.own.state_device == torch.device("meta")


def test_a_checkpoint_s_other_algorithms_are_told_of(tmp_path: Path) -> None:
    first = timed(Timed("a", 0.0), Timed("b", 0.0))
    first.run(600.0, steps=5)
    first.save(tmp_path)
    again = timed(Timed("b", 0.0), Timed("c", 0.0))
    assert len(again.describe()) == 1
    again.restore(tmp_path)
    assert again.describe()[1:] == [
        "c begins anew at step 5: the checkpoint has no state of it",
        "a rests: the checkpoint's state of it is kept",
    ]


def test_a_learner_without_an_algorithm_is_none() -> None:
    with pytest.raises(ConfigError, match="nothing to do"):
        Learner([], ListReplay({}), choose_hardware(config()))
