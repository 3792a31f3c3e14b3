import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agent.checkpoints.checkpoint import load_state, save_state
from agent.config import GuideConfig, NetworkConfig, SmartConfig
from agent.smart.update import Smart
from sensors.core.errors import StateError

LESSONS = torch.arange(6)


def make(precision: str = "float32", **changes: object) -> Smart:
    config = SmartConfig(**changes)  # type: ignore[arg-type]  # the test's own keyword arguments
    guides = GuideConfig(guides="pair")
    return Smart(("audio", "image"), NetworkConfig(), config, guides, torch.device("cpu"), precision, 3)


def events(seed: int = 0, count: int = 6) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {"image": torch.rand(count, 1, 32, 32, generator=g), "audio": torch.rand(count, 1, 96, 96, generator=g)}


@pytest.mark.parametrize("side", ["image", "audio"])
@pytest.mark.parametrize("norm", ["norm", "squared"])
def test_losses_are_equations_1_and_2(side: str, norm: str) -> None:
    smart, x = make(norm=norm), events()
    other = "audio" if side == "image" else "image"
    twin = copy.deepcopy(smart.sides[side]).train()
    with torch.no_grad():
        z = twin.autoencoder.encode(x[side])
        guide = smart.sides[other].eval().autoencoder.encode(x[other])
        ours = (x[side] - twin.autoencoder.decode(z)).double().flatten(1)
        theirs = (guide - twin.transcoders[other](z)).double()
    power = 1 if norm == "norm" else 2
    by_hand = [sum(float((row @ row) ** (power / 2)) for row in part) / 6 for part in (ours, theirs)]
    losses = smart.step(side, x, LESSONS)
    assert float(losses[f"{side}/reconstruction"]) == pytest.approx(by_hand[0], rel=1e-4)
    assert float(losses[f"{side}/{other}"]) == pytest.approx(by_hand[1], rel=1e-4)


@pytest.mark.parametrize("side", ["image", "audio"])
def test_a_turn_leaves_the_other_side_bitwise_alone(side: str) -> None:
    smart = make()
    other = "audio" if side == "image" else "image"
    before = {k: v.clone() for k, v in smart.sides[other].state_dict().items()}
    mine = {k: v.clone() for k, v in smart.sides[side].state_dict().items()}
    smart.step(side, events(), LESSONS)
    assert all(torch.equal(before[k], v) for k, v in smart.sides[other].state_dict().items())
    moved = [
        k
        for k, _ in smart.sides[side].named_parameters()
        if not torch.equal(mine[k], smart.sides[side].state_dict()[k])
    ]
    assert {k.split(".")[0] for k in moved} == {"autoencoder", "transcoders"}


def test_gradients_reach_exactly_what_each_term_lists() -> None:
    smart, x = make(learning_rate=1e-7), events()
    smart.step("image", x, LESSONS)
    both = {k for k, p in smart.sides["image"].named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {k.rsplit(".", 1)[0].split(".")[0] for k in both} == {"autoencoder", "transcoders"}
    assert all(p.grad is None for p in smart.sides["audio"].parameters())
    smart.step("image", {"image": x["image"]}, LESSONS)
    alone = {k for k, p in smart.sides["image"].named_parameters() if p.grad is not None}
    assert alone and all(k.startswith("autoencoder") for k in alone)


def test_single_modality_events_have_the_first_term_alone() -> None:
    losses = make().step("audio", {"audio": events()["audio"]}, LESSONS)
    assert set(losses) == {"audio/reconstruction"}


def test_lambda_zero_leaves_the_transcoder_as_it_is() -> None:
    smart = make(weight=0.0, weight_decay=0.0)
    before = {k: p.clone() for k, p in smart.sides["image"].transcoders.named_parameters()}
    smart.step("image", events(), LESSONS)
    assert all(torch.equal(before[k], p) for k, p in smart.sides["image"].transcoders.named_parameters())


def test_turns_lower_both_terms() -> None:
    smart, x = make(), events(count=16)
    lessons = torch.arange(16)
    first = {**smart.step("image", x, lessons), **smart.step("audio", x, lessons)}
    for _ in range(15):
        last = {**smart.step("image", x, lessons), **smart.step("audio", x, lessons)}
    assert all(float(last[name]) < float(first[name]) for name in first)


def test_three_modalities_guide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from sensors.core import modalities

    monkeypatch.setattr(modalities, "_REGISTRY", dict(modalities._REGISTRY))
    modalities.register(modalities.Modality("touch", (1, 32, 32), np.dtype(np.uint8), "pressure", 1 / 255))
    names = ("audio", "image", "touch")
    smart = Smart(names, NetworkConfig(), SmartConfig(), GuideConfig(guides="pair"), torch.device("cpu"), "float32", 0)
    x = events() | {"touch": events(1)["image"]}
    assert set(smart.step("touch", x, LESSONS)) == {"touch/reconstruction", "touch/audio", "touch/image"}
    del x["image"]
    assert set(smart.step("touch", x, LESSONS)) == {"touch/reconstruction", "touch/audio"}
    assert smart.guided["touch"] == {"audio": 2, "image": 1}


def test_resume_is_bitwise(tmp_path: Path) -> None:
    whole, first = make(), make()
    for k in range(8):
        whole.step(("image", "audio")[k % 2], events(k), LESSONS)
    for k in range(4):
        first.step(("image", "audio")[k % 2], events(k), LESSONS)
    second = make()
    save_state(tmp_path, "smart", first.state_dict())
    second.load_state_dict(load_state(tmp_path, "smart"))
    for k in range(4, 8):
        second.step(("image", "audio")[k % 2], events(k), LESSONS)
    for side in ("image", "audio"):
        for part in ("sides", "averages"):
            ours, theirs = getattr(second, part)[side].state_dict(), getattr(whole, part)[side].state_dict()
            assert all(torch.equal(ours[k], theirs[k]) for k in theirs)


def test_far_guides_keep_their_say_until_a_side_was_guided_for_a_while() -> None:
    smart, alike = make(mode=1.0, mode_from=1, mode_growth=1), make(mode=0.0)
    alone = {"image": events()["image"]}
    for _ in range(3):  # however many steps on events of one modality came before
        for it in (smart, alike):
            it.step("image", alone, LESSONS)
    assert smart.guided["image"] == {"audio": 0} and smart.steps["image"] == 3
    losses = [
        [it.step("image", events(seed, 64), LESSONS)["image/audio"] for seed in range(3)] for it in (smart, alike)
    ]
    assert smart.guided == {"audio": {"image": 0}, "image": {"audio": 3}}
    assert torch.equal(losses[0][0], losses[1][0]) and torch.equal(losses[0][1], losses[1][1])
    assert not torch.equal(losses[0][2], losses[1][2])


def test_steps_without_a_guide_are_told_from_guided_ones() -> None:
    smart, x = make(), events()
    smart.step("image", {"image": x["image"]}, LESSONS)
    state = smart.state_dict()
    assert state["guided"] == {"audio": {"image": 0}, "image": {"audio": 0}}
    smart.step("image", x, LESSONS)
    other = make()
    other.load_state_dict(smart.state_dict())
    assert other.guided == {"audio": {"image": 0}, "image": {"audio": 1}}
    with pytest.raises(StateError, match="lacks guided"):
        other.load_state_dict({k: v for k, v in state.items() if k != "guided"})


def test_only_guiding_sides_and_averages_are_recalibrated() -> None:
    guides = GuideConfig(guides="pair")
    network = NetworkConfig(preset="medium", latent=16)
    smart = Smart(("audio", "image"), network, SmartConfig(), guides, torch.device("cpu"), "float32", 3)
    assert smart.whitens and not make().whitens
    x = events(count=32)
    before = {m: {k: v.clone() for k, v in side.state_dict().items()} for m, side in smart.sides.items()}
    smart.recalibrate("image", [x])
    changed = {
        m: [k for k, v in s.state_dict().items() if not torch.equal(v, before[m][k])] for m, s in smart.sides.items()
    }
    assert changed["image"] == []
    assert {name.rsplit(".", 1)[-1] for name in changed["audio"]} == {"mean", "covariance", "matrix"}
    for side in (smart.sides["audio"], *smart.averages.values()):
        with torch.no_grad():
            z = side.eval().autoencoder.encoder(x[side.name])
        assert z.mean(0).abs().max() < 1e-3


def test_a_state_of_other_sizes_is_refused_by_name() -> None:
    state = make().state_dict()
    del state["sides"]["image"]["autoencoder.encoder.0.weight"]
    with pytest.raises(StateError, match=r"image.*encoder\.0\.weight"):
        make().load_state_dict(state)
    with pytest.raises(StateError, match="guides"):
        make().load_state_dict({k: v for k, v in make().state_dict().items() if k != "guides"})


@pytest.mark.parametrize("side", ["image", "audio"])
def test_the_third_term_shapes_the_side_whose_turn_it_is_alone(side: str) -> None:
    plain, apart = make(), make(contrast=30.0)
    other = "audio" if side == "image" else "image"
    before = {k: v.clone() for k, v in apart.sides[other].state_dict().items()}
    assert set(plain.step(side, events(), LESSONS)) == {f"{side}/reconstruction", f"{side}/{other}"}
    losses = apart.step(side, events(), LESSONS)
    assert float(losses[f"{side}/{other}/contrast"]) > 0
    assert all(torch.equal(before[k], v) for k, v in apart.sides[other].state_dict().items())
    mine = dict(plain.sides[side].autoencoder.encoder.named_parameters())
    assert any(not torch.equal(mine[k], v) for k, v in apart.sides[side].autoencoder.encoder.named_parameters())


def test_a_single_sense_has_no_third_term() -> None:
    losses = make(contrast=30.0).step("image", {"image": events()["image"]}, LESSONS)
    assert set(losses) == {"image/reconstruction"}
