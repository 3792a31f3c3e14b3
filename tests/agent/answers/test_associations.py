import threading

import numpy as np
import pytest
import torch

from agent.answers.associations import MOST, Associations
from agent.inference import build_networks
from agent.networks.published import Networks, to_network
from sensors.core.errors import EventError, StateError
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, config, images, tables


def networks(steps: int, seed: int = 0) -> Networks:
    it = SmartLearner(config(), ListReplay(tables()), seed)
    for _ in range(steps):
        it.step()
    return build_networks(published(it))


@pytest.fixture(scope="module")
def known() -> Networks:
    return networks(6)


def picture(count: int = 3) -> np.ndarray:
    return images(np.arange(count, dtype=np.int64), np.random.default_rng(2))


def test_it_answers_as_the_published_networks_do(known: Networks) -> None:
    it = Associations()
    it.update(known)
    assert it.step == known.step and it.modalities == ("audio", "image")
    evoked = it.evoke("image", picture())
    assert evoked.step == known.step and list(evoked.samples) == ["audio"]
    expected = known.evoke(to_network(picture(), "image"), "image", "audio") * 255
    made = evoked.samples["audio"]
    assert made.dtype == np.uint8 and made.shape == (3, 1, 96, 96)
    assert np.abs(made - expected.numpy()).max() <= 0.51
    own = it.evoke("image", picture()[0], "image").samples
    assert own["image"].shape == (1, 1, 32, 32)


def test_nothing_is_known_before_the_first_weights() -> None:
    it = Associations()
    assert it.step == -1 and it.modalities == ()
    with pytest.raises(StateError, match="nothing is learned yet"):
        it.evoke("image", picture())


@pytest.mark.parametrize(
    ("modality", "samples", "target"),
    [
        ("speech", np.zeros((1, 24, 26), np.float32), None),
        ("image", np.zeros((1, 1, 32, 32), np.uint8), "lips"),
        ("image", np.zeros((1, 1, 32, 31), np.uint8), None),
        ("image", np.zeros((0, 1, 32, 32), np.uint8), None),
        ("image", np.zeros((MOST + 1, 1, 32, 32), np.uint8), None),
        ("image", np.zeros((1, 1, 32, 32), np.float32), None),
        ("image", [[0]], None),
    ],
)
def test_what_cannot_be_answered_is_refused(known: Networks, modality: str, samples: object, target: str) -> None:
    it = Associations()
    it.update(known)
    with pytest.raises(EventError):
        it.evoke(modality, samples, target)  # type: ignore[arg-type]  # what comes over the wire may be anything
    assert it.figures()["answer/asked"] == 0


def test_answers_from_several_threads_are_whole_while_weights_change(known: Networks) -> None:
    it = Associations()
    it.update(known)
    later = networks(9, 1)
    expected = {n.step: n.evoke(to_network(picture(), "image"), "image", "audio") * 255 for n in (known, later)}
    wrong: list[int] = []

    def ask() -> None:
        for _ in range(40):
            evoked = it.evoke("image", picture())
            if np.abs(evoked.samples["audio"] - expected[evoked.step].numpy()).max() > 0.51:
                wrong.append(evoked.step)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        it.update((known, later)[turn % 2])
    for thread in threads:
        thread.join()
    assert not wrong
    figures = it.figures()
    assert figures["answer/asked"] == 120 and 0 < figures["answer/ms_p50"] <= figures["answer/ms_p99"]
    assert figures["answer/step"] == it.step and figures["answer/weights_age_s"] >= 0
    assert torch.get_num_threads() >= 1
