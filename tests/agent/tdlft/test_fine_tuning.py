from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.tdlft.config import EMBEDDINGS, DbnConfig, EmbeddingConfig, TdlftConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import Embedding, IdentityEmbedding, build_embedding
from agent.tdlft.fine_tuning import ParallelLayer, Tdlft, fine_tune, tdlft
from sensors.core.errors import TransferError

SEEN, ALL, DEPTH = 6, 8, 2
CONFIG = TdlftConfig(epochs=30, batch=16, learning_rate=0.02)
MIXED = CONFIG.replace(parallel=0.6)
Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Two modalities that share their causes; the last labels are heard, not seen."""

    audio: DBN
    video: DBN
    x_a: Rows
    x_v: Rows
    z: Labels
    x_star: Rows
    y_star: Labels
    x_test: Rows
    y_test: Labels
    v_star: Rows

    def pairs(self) -> tuple[Rows, Rows, Labels]:
        return self.x_a, self.x_v, self.z

    def parallel(self, i: int) -> ParallelLayer:
        return ParallelLayer(self.audio.layer(self.x_a, i), self.video.layer(self.x_v, i), self.z)

    def embedding(self, name: str, i: int) -> Embedding:
        rows = self.parallel(i)
        config = EmbeddingConfig(neighbours=3, correlations=6, regularisation=0.01, transcoder_width=48)
        return build_embedding(name, config).fit(rows.audio, rows.video, np.random.default_rng(0))

    def accuracy(self, network: DBN) -> tuple[float, float]:
        """Of labels seen and unseen."""
        right, seen = network.predict(self.x_test) == self.y_test, self.y_test < SEEN
        return float(right[seen].mean()), float(right[~seen].mean())


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(0)
    # Labels are the corners of a cube, and the unseen two lie opposite: all that they consist of was seen in others.
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    centres = corners[[1, 2, 3, 4, 5, 6, 0, 7]]
    hear, see = rng.normal(size=(3, 24)), rng.normal(size=(3, 40))

    def draw(labels: Labels) -> tuple[Rows, Rows]:
        cause = centres[labels] + 0.25 * rng.normal(size=(len(labels), 3))
        x_a = cause @ hear + 0.1 * rng.normal(size=(len(labels), 24))
        x_v = cause @ see + 0.1 * rng.normal(size=(len(labels), 40))
        return x_a.astype(np.float32), x_v.astype(np.float32)

    z, y_star = np.arange(180, dtype=np.int64) % SEEN, SEEN + np.arange(60, dtype=np.int64) % (ALL - SEEN)
    y_test = np.arange(160, dtype=np.int64) % ALL
    (x_a, x_v), (x_star, v_star), (_, x_test) = draw(z), draw(y_star), draw(y_test)
    config = DbnConfig(pretrain_epochs=15, epochs=20, batch=16, gaussian_rate=0.005, learning_rate=0.02)
    audio, video = DBN((24, 30, 20), ALL, config), DBN((40, 32, 24), ALL, config, seed=1)
    audio.pretrain(np.concatenate([x_a, x_star]))
    audio.finetune(np.concatenate([x_a, x_star]), np.concatenate([z, y_star]))
    video.pretrain(x_v)
    video.finetune(x_v, z)
    return World(audio, video, x_a, x_v, z, x_star, y_star, x_test, y_test, v_star)


def test_the_network_before_knows_no_unseen_label(world: World) -> None:
    seen, unseen = world.accuracy(world.video)
    assert seen > 0.9 and unseen == 0


@pytest.mark.parametrize("i", range(DEPTH + 2))
def test_only_layers_from_i_upwards_change(world: World, i: int) -> None:
    before = world.video.copy()
    tuned = tdlft(
        world.audio, world.video, world.embedding("knn", i), i, world.x_star, world.y_star, MIXED, world.pairs()
    )
    for j in range(DEPTH + 1):
        same = torch.equal(tuned.weights[j], before.weights[j]) and torch.equal(tuned.biases[j], before.biases[j])
        assert same == (j < i)
    assert torch.equal(tuned.inputs.basis, before.inputs.basis)
    for j in range(DEPTH):
        assert torch.equal(tuned.rbms[j].weight, before.rbms[j].weight)
    if i > 0:
        assert np.array_equal(tuned.layer(world.x_test, i - 1), before.layer(world.x_test, i - 1))
    # The given network stays as it was.
    assert all(torch.equal(a, b) for a, b in zip(world.video.weights, before.weights, strict=True))


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_labels_that_were_only_heard_are_seen(world: World, name: str) -> None:
    tuned = tdlft(
        world.audio, world.video, world.embedding(name, 0), 0, world.x_star, world.y_star, MIXED, world.pairs()
    )
    seen, unseen = world.accuracy(tuned)
    assert unseen > 0.8 and seen > 0.9


def test_the_oracle_learns_as_from_video(world: World) -> None:
    for i in range(DEPTH + 1):
        h = world.video.layer(world.v_star, i)
        perfect = IdentityEmbedding(EmbeddingConfig()).fit(h, h, np.random.default_rng(0))
        seen, unseen = world.accuracy(fine_tune(world.video, perfect, i, h, world.y_star, MIXED, world.parallel(i)))
        assert seen > 0.9 and unseen > 0.85


def test_to_the_letter_old_labels_are_forgotten_and_echoes_keep_them(world: World) -> None:
    i, embedding = 0, world.embedding("svr", 0)

    def tuned(config: TdlftConfig) -> tuple[float, float]:
        h = world.audio.layer(world.x_star, i)
        return world.accuracy(fine_tune(world.video, embedding, i, h, world.y_star, config, world.parallel(i)))

    alone, echoed = tuned(CONFIG), tuned(CONFIG.replace(echo=0.6))
    assert alone[1] > 0.9 and alone[0] < 0.3
    assert echoed[0] > 0.8 and echoed[1] > 0.8


def test_the_first_step_is_a_step_down_the_gradient_written_out(world: World) -> None:
    """One epoch of one batch of plain SGD against the chain rule by hand, at the layer below the softmax."""
    i, embedding = DEPTH, world.embedding("knn", DEPTH)
    h_a = world.audio.layer(world.x_star, i)
    config = CONFIG.replace(epochs=1, batch=1000, optimiser="sgd", sgd_momentum=0.0, learning_rate=0.5)
    tuned = fine_tune(world.video, embedding, i, h_a, world.y_star, config)
    h_v = embedding.transfer(h_a)
    delta = world.video.from_layer(h_v, i)
    delta[np.arange(len(delta)), world.y_star] -= 1
    expected = world.video.weights[i].numpy() - 0.5 * h_v.T @ delta / len(delta)
    assert np.allclose(tuned.weights[i].numpy(), expected, atol=1e-5)
    assert np.allclose(tuned.biases[i].numpy(), world.video.biases[i].numpy() - 0.5 * delta.mean(0), atol=1e-5)


def test_epoch_by_epoch_is_the_same_as_at_once(world: World) -> None:
    embedding, h = world.embedding("knn", 1), world.audio.layer(world.x_star, 1)
    turn = Tdlft(world.video, embedding, 1, h, world.y_star, MIXED, world.parallel(1))
    losses = list(turn.run())
    assert len(losses) == MIXED.epochs and losses[-1] < losses[0]
    once = fine_tune(world.video, embedding, 1, h, world.y_star, MIXED, world.parallel(1))
    assert all(torch.equal(a, b) for a, b in zip(turn.network.weights, once.weights, strict=True))


def test_a_grown_label_space_takes_transfers(world: World) -> None:
    video = world.video.copy()
    video.grow(ALL + 1)
    i, new = DEPTH, np.full(60, ALL)
    h = world.audio.layer(world.x_star, i)
    tuned = fine_tune(video, world.embedding("knn", i), i, h, new, MIXED, world.parallel(i))
    assert (tuned.predict(world.v_star) == ALL).mean() > 0.5


def test_errors_name_the_thing(world: World) -> None:
    embedding, h = world.embedding("knn", 1), world.audio.layer(world.x_star, 1)
    for i in (-1, DEPTH + 2):
        with pytest.raises(TransferError, match=rf"layer i = {i}.*0…{DEPTH + 1}"):
            fine_tune(world.video, embedding, i, h, world.y_star, CONFIG)
    with pytest.raises(TransferError, match="knn: the embedding is not fitted"):
        fine_tune(world.video, build_embedding("knn", EmbeddingConfig()), 1, h, world.y_star, CONFIG)
    with pytest.raises(TransferError, match=r"label 8: outside the label space 0…7"):
        fine_tune(world.video, embedding, 1, h, world.y_star + 1, CONFIG)
    with pytest.raises(TransferError, match=r"label -2"):
        fine_tune(world.video, embedding, 1, h, world.y_star - ALL, CONFIG)
    with pytest.raises(TransferError, match=r"X_A\* is empty"):
        fine_tune(world.video, embedding, 1, h[:0], world.y_star[:0], CONFIG)
    with pytest.raises(TransferError, match="60 rows and 59 labels"):
        fine_tune(world.video, embedding, 1, h, world.y_star[1:], CONFIG)
    with pytest.raises(TransferError, match=r"T\^\(2\).*rows of 24"):
        fine_tune(world.video, embedding, 2, h, world.y_star, CONFIG)
    with pytest.raises(TransferError, match="need the parallel rows"):
        fine_tune(world.video, embedding, 1, h, world.y_star, MIXED)
    with pytest.raises(TransferError, match="exceed 1"):
        fine_tune(world.video, embedding, 1, h, world.y_star, MIXED.replace(echo=0.5), world.parallel(1))
    with pytest.raises(TransferError, match="not pretrained"):
        fine_tune(DBN((40, 8), ALL, DbnConfig()), embedding, 1, h, world.y_star, CONFIG)
    with pytest.raises(TransferError, match="equal depths"):
        shallow = DBN((24, 8), ALL, DbnConfig())
        tdlft(shallow, world.video, embedding, 1, world.x_star, world.y_star, CONFIG)
