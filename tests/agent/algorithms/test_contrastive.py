"""The loss by its definition, what it leaves out, and that it brings together what belongs together."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.algorithms import CONTRASTIVE, Setup
from agent.algorithms.contrastive import COLDEST, Contrastive, JointNetworks, info_nce
from agent.hardware import choose_hardware
from agent.inference import build_networks
from sensors.core.errors import StateError
from sensors.core.event import NO_LESSON
from tests.agent.rigs import ListReplay, clips, config, images, tables


def towers(own: dict[str, Any] | None = None, concepts: int = 10, **changes: Any) -> Contrastive:
    torch.set_num_threads(1)
    settings = config(latent=64, **changes)
    replay = ListReplay(tables(192, concepts=concepts))
    it = CONTRASTIVE.build(Setup(settings, choose_hardware(settings), replay, replay, 0, {"contrastive": own or {}}))
    assert isinstance(it, Contrastive)
    return it


def unit(rows: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, 8, generator=generator), dim=1)


def test_the_loss_is_that_of_its_equation() -> None:
    ours, theirs, tau = unit(6, 1), unit(6, 2), 0.2
    lesson = torch.tensor([4, 4, 7, NO_LESSON, NO_LESSON, 7])
    expected = 0.0
    for a, b in ((ours, theirs), (theirs, ours)):
        for i in range(6):
            others = [j for j in range(6) if lesson[j] != lesson[i] or lesson[i] == NO_LESSON]
            terms = [math.exp(float(a[i] @ b[j]) / tau) for j in {i, *others}]
            expected -= math.log(math.exp(float(a[i] @ b[i]) / tau) / sum(terms)) / 6 / 2
    assert float(info_nce(ours, theirs, lesson, torch.tensor(1 / tau))) == pytest.approx(expected, rel=1e-5)


def test_events_of_one_lesson_are_no_counterexamples_and_others_are() -> None:
    same, scale = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor(10.0)
    assert float(info_nce(same, same, torch.tensor([3, 3]), scale)) == pytest.approx(0.0)
    assert float(info_nce(same, same, torch.tensor([3, 4]), scale)) == pytest.approx(math.log(2))
    alone = torch.full((2,), NO_LESSON)
    assert float(info_nce(same, same, alone, scale)) == pytest.approx(math.log(2))


def test_single_senses_are_never_drawn() -> None:
    it = towers()
    for _ in range(4):
        it.step()
    assert isinstance(it.replay, ListReplay) and set(it.replay.drawn) == {"audio+image"}
    assert it.turn == "audio=image" and "co-occurring" in towers_without_pairs().waiting()


def towers_without_pairs() -> Contrastive:
    it = towers()
    it.replay = ListReplay({"audio": tables()["audio"]})
    return it


def test_both_towers_and_the_temperature_learn() -> None:
    it = towers({"temperature": 0.2})
    before = {name: tensor.clone() for name, tensor in it.model.state_dict().items()}
    for _ in range(3):
        it.step()
    moved = {name for name, tensor in it.model.state_dict().items() if not torch.equal(before[name], tensor)}
    assert {"scale", "towers.audio.head.weight", "towers.image.head.weight"} <= moved
    assert it.figures()["contrastive/temperature"] != pytest.approx(0.2)
    still = towers({"temperature": 0.2, "learn_temperature": False})
    still.step()
    assert still.temperature == pytest.approx(0.2)


def test_the_temperature_has_a_floor() -> None:
    it = towers({"temperature": COLDEST}, learning_rate=1.0)
    for _ in range(4):
        it.step()
        assert it.temperature >= COLDEST * 0.999


def test_pictures_are_found_among_sounds_and_the_reverse() -> None:
    """Three concepts, never labelled: each is a bar at its own height, and a sound at its own pitch."""
    it = towers(concepts=3, batch=32, learning_rate=2e-3)
    for _ in range(60):
        it.step()
    published = it.publish(-1)
    assert published is not None
    networks = build_networks(published)
    assert isinstance(networks, JointNetworks) and not networks.decodes
    rng = np.random.default_rng(5)
    concepts = np.arange(30) % 3
    seen = torch.from_numpy(images(concepts, rng)).float() / 255
    heard = torch.from_numpy(clips(concepts, rng)).float() / 255
    for x, source, gallery, target in ((seen, "image", heard, "audio"), (heard, "audio", seen, "image")):
        found = networks.nearest(x, source, networks.encode(gallery, target), target)[:, 0]
        assert (concepts[found.numpy()] == concepts).mean() > 0.9, f"{source} to {target}"
    z = networks.encode(seen, "image")
    assert torch.allclose(z.norm(dim=1), torch.ones(30), atol=1e-5)


def test_weights_of_other_sizes_are_refused(tmp_path: Path) -> None:
    it = towers()
    it.step()
    with pytest.raises(StateError, match=r"learner\.latent=64"):
        towers_of(latent=32).load_state_dict(it.state_dict())
    with pytest.raises(StateError, match="contrastive: "):
        towers({"width": 16}).load_state_dict(it.state_dict())


def towers_of(latent: int) -> Contrastive:
    settings = config(latent=latent)
    replay = ListReplay(tables())
    it = CONTRASTIVE.build(Setup(settings, choose_hardware(settings), replay, replay, 0))
    assert isinstance(it, Contrastive)
    return it
