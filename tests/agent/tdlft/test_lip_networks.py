from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.tdlft.config import DbnConfig, EmbeddingConfig, TdlftConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import build_embedding
from agent.tdlft.fine_tuning import fine_tune
from agent.tdlft.lip_networks import LipNetwork, LipNetworks, speech_rows
from agent.tdlft.lips import to_rows
from sensors.core.errors import StateError, TransferError
from tests.agent.rigs import alike

CONFIG = DbnConfig(pretrain_epochs=40, pretrain_batch=4, epochs=40, learning_rate=1e-2, batch=4)


def corpus(
    count: int = 40, letters: int = 4, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int64]]:
    """Speech and lips that say the letter, each in its own way."""
    rng, labels = np.random.default_rng(seed), np.arange(count, dtype=np.int64) % letters
    speech = rng.normal(size=(count, 24, 26)).astype(np.float32)
    lips = rng.integers(110, 146, (count, 12, 60, 80), np.uint8)
    for n, label in enumerate(labels):
        speech[n, :, 3 * label] += 4
        lips[n, :, 12 * label : 12 * label + 12] += 60
    return speech, lips, labels


@pytest.fixture(scope="module")
def networks() -> LipNetworks:
    speech, lips, labels = corpus()
    made: list[DBN] = []
    for rows in (speech_rows(speech), to_rows(lips)):
        network = LipNetwork((32,), 4, CONFIG, 1) if made else DBN((rows.shape[1], 32), 4, CONFIG)
        network.pretrain(rows)
        network.finetune(rows, labels)
        made.append(network)
    audio, video = made
    embedding = build_embedding("knn", EmbeddingConfig(neighbours=3))
    embedding.fit(audio.layer(speech_rows(speech), 1), video.layer(to_rows(lips), 1), np.random.default_rng(0))
    star = audio.layer(speech_rows(speech), 1)
    tuned = fine_tune(video, embedding, 1, star, labels, TdlftConfig(epochs=10))
    return LipNetworks(audio, video, tuned, embedding, 1, 5, 40, 7, (2, 3))


def test_they_cross_processes_and_are_bitwise_the_same(networks: LipNetworks) -> None:
    there = networks.to_dict()
    assert isinstance(there["video"]["state"]["weights"]["0"], np.ndarray)
    back = LipNetworks.from_dict(there)
    alike(back.state_dict(), networks.state_dict(), "networks")
    assert (back.layer, back.turn, back.pairs, back.heard, back.unpaired) == (1, 5, 40, 7, (2, 3))
    speech, lips, _ = corpus(seed=1)
    assert np.array_equal(back.read(lips), networks.read(lips))
    assert np.array_equal(back.imagine(speech), networks.imagine(speech))
    assert not torch.equal(back.tuned.weights[1], back.video.weights[1])
    there["video"]["state"]["weights"]["0"][:] = 0
    assert np.array_equal(back.read(lips), networks.read(lips)), "what was sent is no longer shared"


def test_they_read_lips_and_imagine_them_from_speech(networks: LipNetworks) -> None:
    speech, lips, labels = corpus(seed=1)
    assert (networks.read(lips) == labels).mean() > 0.9
    imagined = networks.imagine(speech)
    assert imagined.shape == (40, 12, 60, 80) and imagined.dtype == np.float32
    brightest = imagined.reshape(40, 12, 5, 12, 80).mean((1, 3, 4))[:, :4].argmax(1)
    assert (brightest == labels).mean() > 0.9


def test_no_way_leads_down_from_labels(networks: LipNetworks) -> None:
    speech, _, labels = corpus()
    answers = networks.audio.layer(speech_rows(speech), 2)
    embedding = build_embedding("knn", EmbeddingConfig(neighbours=1)).fit(
        answers, np.eye(4)[labels], np.random.default_rng(0)
    )
    with pytest.raises(TransferError, match="layer 2 is the labels'"):
        replace(networks, layer=2, embedding=embedding).imagine(speech)


def test_state_is_strict(networks: LipNetworks) -> None:
    state = networks.state_dict()
    with pytest.raises(StateError, match="lacks heard"):
        LipNetworks.from_state({k: v for k, v in state.items() if k != "heard"})
    with pytest.raises(StateError, match="weights of 1 layers"):
        LipNetworks.from_state(state | {"weights": {"0": state["weights"]["0"]}})
    with pytest.raises(StateError, match="tuned biases 0"):
        LipNetworks.from_state(state | {"biases": state["biases"] | {"0": torch.zeros(2)}})
