"""SMART over three modalities, streamed: an image, a microphone near by and one far away."""

import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.checkpoints.checkpoint import write_checkpoint
from agent.inference import build_networks
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core import modalities
from sensors.core.modalities import Modality
from teacher.config import CONCEPTS, TeacherConfig
from teacher.machine import Machine
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, alike, config, datasets, images

NAMES = ("audio", "image", "audio_far")
TOGETHER, HEARD_TWICE = "+".join(NAMES), "audio+audio_far"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A replay on disk that a teacher filled, in a room with two microphones."""
    torch.set_num_threads(1)
    data = datasets(train=200, test=20)
    few = ",".join(CONCEPTS[3:])
    lessons = TeacherConfig(warmup_events=160, batch_events=16, missing=f"audio:{few} image:{few}", derived="audio_far")
    machine = Machine(lessons, data, CONCEPTS, "t", 1)
    limits = ReplayConfig(capacity=512, capacity_single=256, min_size=16, samples_per_insert=1.0)
    buffer = Buffer(tmp_path / "replay", limits, 0)
    for _ in range(48):
        assert not buffer.insert(machine.step()).throttled_ms
    assert set(buffer.stats()) == {*NAMES, TOGETHER, HEARD_TWICE}
    buffer.close()
    return tmp_path / "replay"


def learner(room: Path, seed: int = 0) -> SmartLearner:
    settings = config(modalities="image,audio_far,audio", turn_steps=2, latent=64, learning_rate=2e-3)
    return SmartLearner(settings, Reader(room, seed), 0)


def test_a_stream_of_three_lowers_every_term_of_every_pair(room: Path) -> None:
    it = learner(room)
    assert it.smart.modalities == NAMES, "in the registry's order, whatever the settings say"
    assert {m: set(side.transcoders) for m, side in it.smart.sides.items()} == {
        m: {other for other in NAMES if other != m} for m in NAMES
    }
    terms: dict[str, list[float]] = {}
    kinds = set()
    for _ in range(90):
        losses = it.step()
        assert losses is not None and it.turn is not None
        kinds.add(it.turn.kind)
        for name, loss in losses.items():
            terms.setdefault(name, []).append(float(loss))
    assert kinds == {*NAMES, TOGETHER, HEARD_TWICE}
    assert set(terms) == {f"{m}/reconstruction" for m in NAMES} | {f"{a}/{b}" for a, b in permutations(NAMES, 2)}
    for name, values in terms.items():
        assert np.mean(values[-3:]) < 0.9 * np.mean(values[:3]), f"{name}: {values}"


def test_each_side_is_guided_by_both_others_in_its_turn(room: Path) -> None:
    it = learner(room)
    turns = set()
    for _ in range(40):
        losses = it.step()
        assert losses is not None and it.turn is not None
        if it.turn.kind == TOGETHER:
            turns.add(it.turn.name)
            assert {name.partition("/")[0] for name in losses} == {it.turn.side}
    assert turns == {"audio<image+audio_far", "image<audio+audio_far", "audio_far<audio+image"}


def test_events_of_two_of_the_three_guide_each_other_and_leave_the_third_alone(room: Path) -> None:
    it = learner(room)
    seen = set()
    for _ in range(90):
        image = {k: v.clone() for k, v in it.smart.sides["image"].state_dict().items()}
        losses = it.step()
        assert losses is not None and it.turn is not None
        if it.turn.kind == HEARD_TWICE:
            seen |= set(losses)
            assert all(torch.equal(image[k], v) for k, v in it.smart.sides["image"].state_dict().items())
    assert seen == {"audio/reconstruction", "audio/audio_far", "audio_far/reconstruction", "audio_far/audio"}


def test_it_resumes_bitwise(room: Path, tmp_path: Path) -> None:
    shutil.copytree(room, tmp_path / "other", ignore=shutil.ignore_patterns("lock"))
    whole, first = learner(room), learner(tmp_path / "other")
    for _ in range(30):
        whole.step()
    for _ in range(14):
        first.step()
    checkpoint = write_checkpoint(tmp_path / "checkpoints", 14, first.save, {})
    assert isinstance(first.replay, Reader)
    first.replay.close()
    second = learner(tmp_path / "other", seed=9)
    second.restore(checkpoint)
    for _ in range(16):
        second.step()
    alike(whole.state_dict(), second.state_dict(), "learner")


def test_any_of_them_evokes_any_other(room: Path) -> None:
    it = learner(room)
    it.step()
    networks = build_networks(published(it))
    x = {m: torch.rand(2, *modalities.modality(m).shape) for m in NAMES}
    for source, target in permutations(NAMES, 2):
        assert networks.evoke(x[source], source, target).shape == x[target].shape


def test_a_modality_registered_by_somebody_else_needs_no_line_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another alphabet's handwriting, registered on the spot, beside the two of the paper."""
    monkeypatch.setattr(modalities, "_REGISTRY", dict(modalities._REGISTRY))
    modalities.register(Modality("kanji", (1, 64, 64), np.dtype(np.uint8), "brightness", 1 / 255, "picture"))
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 64)
    pictures = images(labels, rng)
    events = {"audio": np.repeat(np.repeat(pictures, 3, 2), 3, 3), "image": pictures,
              "kanji": np.repeat(np.repeat(pictures, 2, 2), 2, 3)}  # fmt: skip
    it = SmartLearner(
        config(modalities="kanji,audio,image", guides="pair", latent=64, turn_steps=1),
        ListReplay({"audio+image+kanji": events}),
        0,
    )
    losses: list[dict[str, Tensor]] = [step for _ in range(3) if (step := it.step()) is not None]
    assert set(losses[2]) == {"kanji/reconstruction", "kanji/audio", "kanji/image"}
