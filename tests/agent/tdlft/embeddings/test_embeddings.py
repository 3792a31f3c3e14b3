import json
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray
from sklearn.svm import SVR

from agent.checkpoints.checkpoint import load_state, save_state
from agent.tdlft.config import EMBEDDINGS, EmbeddingConfig
from agent.tdlft.embeddings import Embedding, KnnEmbedding, NccaEmbedding, SvrEmbedding, build_embedding
from agent.tdlft.embeddings.ncca import solve
from agent.tdlft.embeddings.search import misranked, searching, split
from sensors.core.errors import StateError, TransferError

CONFIG = EmbeddingConfig(
    transcoder_epochs=60,
    transcoder_width=48,
    transcoder_batch=32,
    source_frames=1,
    target_frames=1,
    frame_reach=0,
    frame_gain=1.0,
)
Rows = NDArray[np.float32]


def pairs(count: int, seed: int = 0) -> tuple[Rows, Rows]:
    """Rows of 12 and of 7 values that share three causes, as two networks' layers do."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(77)
    causes = rng.normal(size=(count, 3))
    a, v = causes @ world.normal(size=(3, 12)), np.tanh(causes @ world.normal(size=(3, 7)))
    return (a + 0.05 * rng.normal(size=a.shape)).astype(np.float32), (3 + v).astype(np.float32)


def fitted(name: str, config: EmbeddingConfig = CONFIG, seed: int = 0) -> Embedding:
    return build_embedding(name, config).fit(*pairs(160), np.random.default_rng(seed))


@pytest.fixture(params=(*EMBEDDINGS, "frames"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_transfers_rows_never_seen_far_better_than_the_mean(name: str) -> None:
    source, target = pairs(80, seed=1)
    embedding = fitted(name)
    guess = embedding.transfer(source)
    assert guess.dtype == np.float32 and guess.shape == target.shape and guess.flags.c_contiguous
    error, worst = np.square(guess - target).mean(), np.square(target.mean(0) - target).mean()
    assert error < 0.35 * worst


def test_rows_do_not_depend_on_their_company(name: str) -> None:
    embedding, source = fitted(name), pairs(20, seed=1)[0]
    alone = np.concatenate([embedding.transfer(row[None]) for row in source])
    assert np.allclose(alone, embedding.transfer(source), atol=1e-4)
    assert embedding.transfer(np.zeros((0, 12))).shape == (0, 7)


def test_same_generator_same_transfer_and_inputs_stay(name: str) -> None:
    source, target = pairs(160)
    kept = source.copy(), target.copy()
    torch.manual_seed(1)
    one = build_embedding(name, CONFIG).fit(source, target, np.random.default_rng(4)).transfer(source)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    two = build_embedding(name, CONFIG).fit(source, target, np.random.default_rng(4)).transfer(source)
    assert np.array_equal(one, two)
    assert np.array_equal(source, kept[0]) and np.array_equal(target, kept[1])
    assert torch.equal(torch.get_rng_state(), before)


def test_later_changes_of_the_pairs_change_nothing(name: str) -> None:
    source, target = pairs(160)
    new = pairs(9, seed=3)[0]
    embedding = build_embedding(name, CONFIG).fit(source, target, np.random.default_rng(0))
    before = embedding.transfer(new)
    source[:], target[:] = 0, 0
    assert np.array_equal(embedding.transfer(new), before)


def test_piece_by_piece_is_the_same_fit(name: str) -> None:
    source, target = pairs(160)
    embedding, pieces = build_embedding(name, CONFIG), 0
    for _ in embedding.fitting(source, target, np.random.default_rng(0)):
        pieces += 1
        assert not embedding.fitted
        np.random.default_rng(1).normal(size=100)
        torch.rand(3)
    assert embedding.fitted and pieces > 3
    assert np.array_equal(embedding.transfer(source), fitted(name).transfer(source))


def test_fitting_again_forgets(name: str) -> None:
    source, target = pairs(160)
    embedding = fitted(name)
    embedding.fit(source[:, :5], target[:, :2], np.random.default_rng(0))
    again = build_embedding(name, CONFIG).fit(source[:, :5], target[:, :2], np.random.default_rng(0))
    assert np.array_equal(embedding.transfer(source[:, :5]), again.transfer(source[:, :5]))


def test_state_travels_without_pickle_and_transfers_the_same(name: str, tmp_path: Path) -> None:
    embedding, source = fitted(name), pairs(30, seed=1)[0]
    save_state(tmp_path, "embedding", embedding.state_dict())
    assert json.loads((tmp_path / "embedding.json").read_text())["name"] == name
    other = build_embedding(name, CONFIG)
    other.load_state_dict(load_state(tmp_path, "embedding"))
    assert np.array_equal(other.transfer(source), embedding.transfer(source))
    unfitted = build_embedding(name, CONFIG)
    other.load_state_dict(unfitted.state_dict())
    assert not other.fitted


def test_state_is_strict(name: str) -> None:
    embedding = fitted(name)
    state = embedding.state_dict()
    tensor, last = next(iter(embedding.TENSORS)), list(embedding.TENSORS)[-1]
    for broken, message in (
        (state | {"version": 0}, "version"),
        (state | {"extra": 1}, "unknown extra"),
        ({k: v for k, v in state.items() if k != tensor}, f"lacks {tensor}"),
        (state | {"name": "other"}, "saved by other"),
        (state | {tensor: [1.0]}, f"{tensor} must be a float32 tensor"),
        (state | {"widths": [3]}, "widths"),
        (state | {"widths": [12, 8]}, "does not fit|parameters"),
        (state | {last: state[last][:-1]}, "does not fit|parameters"),
    ):
        with pytest.raises(StateError, match=message):
            embedding.load_state_dict(broken)
    assert embedding.transfer(pairs(3)[0]).shape == (3, 7)


def test_errors_name_the_thing(name: str) -> None:
    source, target = pairs(30)
    fresh, rng = build_embedding(name, CONFIG), np.random.default_rng(0)
    with pytest.raises(TransferError, match=f"{name}.*not fitted"):
        fresh.transfer(source)
    with pytest.raises(TransferError, match="30 source and 29 target rows"):
        fresh.fit(source, target[1:], rng)
    with pytest.raises(TransferError, match="two pairs"):
        fresh.fit(source[:1], target[:1], rng)
    with pytest.raises(TransferError, match="target row 2"):
        fresh.fit(source, np.where(np.arange(30)[:, None] == 2, np.nan, target), rng)
    with pytest.raises(TransferError, match="groups"):
        fresh.fit(source, target, rng, np.zeros(4))
    assert not fresh.fitted
    fresh.fit(source, target, rng)
    with pytest.raises(TransferError, match="rows of 12 values, got rows of 11"):
        fresh.transfer(source[:, 1:])


@pytest.mark.parametrize("count", [2, 3])
def test_few_pairs_and_constant_values_are_no_danger(name: str, count: int) -> None:
    source, target = pairs(count)
    source[:, 2], target[:, 3] = 5, 4
    embedding = build_embedding(name, CONFIG).fit(source, target, np.random.default_rng(0))
    guess = embedding.transfer(pairs(10, seed=1)[0])
    assert np.isfinite(guess).all()


def test_constant_outputs_stay_constant(name: str) -> None:
    source, target = pairs(100)
    target[:, 3] = 4
    guess = build_embedding(name, CONFIG).fit(source, target, np.random.default_rng(0)).transfer(source)
    assert np.allclose(guess[:, 3], 4, atol=0.05)


def test_transfer_is_fast_enough_for_a_stream() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(480, 250)), rng.normal(size=(480, 250))
    for name, config in (
        ("knn", CONFIG.replace(neighbours=5)),
        ("ncca", CONFIG.replace(correlations=32, regularisation=0.1)),
    ):
        embedding = build_embedding(name, config).fit(source, target, rng)
        assert embedding.transfer(rng.normal(size=(4000, 250))).shape == (4000, 250)


def test_unknown_embedding() -> None:
    with pytest.raises(TransferError, match=r"'pca'.*knn, svr, ncca, transcoder"):
        build_embedding("pca", CONFIG)


def test_identity_is_the_perfect_transfer() -> None:
    rows = pairs(20)[1]
    oracle = build_embedding("identity", CONFIG).fit(rows, rows, np.random.default_rng(0))
    assert np.array_equal(oracle.transfer(rows), rows)


# KNN


def test_knn_averages_the_targets_of_the_nearest() -> None:
    source, target = pairs(60)
    embedding = KnnEmbedding(CONFIG.replace(neighbours=4)).fit(source, target, np.random.default_rng(0))
    new = pairs(8, seed=2)[0]
    distances = np.linalg.norm(new[:, None].astype(np.float64) - source, axis=2)
    expected = target[np.argsort(distances, 1)[:, :4]].mean(1)
    assert np.allclose(embedding.transfer(new), expected, atol=1e-5)


def test_knn_of_more_neighbours_than_rows_is_the_mean() -> None:
    source, target = pairs(6)
    embedding = KnnEmbedding(CONFIG.replace(neighbours=50)).fit(source, target, np.random.default_rng(0))
    assert np.allclose(embedding.transfer(source), target.mean(0), atol=1e-5)


# SVR


def test_svr_is_sklearns_of_each_output() -> None:
    source, target = pairs(60)
    embedding = SvrEmbedding(CONFIG.replace(svr_cost=3.0, svr_width=1.0)).fit(source, target, np.random.default_rng(0))
    new = pairs(15, seed=2)[0]
    for output in range(target.shape[1]):
        mean, scale = target[:, output].mean(), target[:, output].std()
        machine = SVR(kernel="rbf", C=3.0, epsilon=CONFIG.svr_margin, gamma=embedding.gamma)
        machine.fit(source, (target[:, output] - mean) / scale)
        assert np.allclose(embedding.transfer(new)[:, output], machine.predict(new) * scale + mean, atol=5e-3)


def test_svr_in_parallel_is_the_same() -> None:
    source, target = pairs(60)
    one, two = (
        SvrEmbedding(CONFIG.replace(jobs=jobs)).fit(source, target, np.random.default_rng(0)).transfer(source)
        for jobs in (1, 2)
    )
    assert np.array_equal(one, two)


# NCCA, Eq. 1


def centred(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, v = (rows.astype(np.float64) for rows in pairs(count))
    v = v + 0.3 * np.random.default_rng(5).normal(size=v.shape)
    return a - a.mean(0), v - v.mean(0)


def test_ncca_keeps_the_constraints_of_equation_1() -> None:
    a, v = centred(200)
    u, w, correlations = solve(a, v, 0.0, 7)
    assert u.shape == (12, 7) and w.shape == (7, 7)
    assert np.allclose(u.T @ a.T @ a @ u, np.eye(7), atol=1e-6)
    assert np.allclose(w.T @ v.T @ v @ w, np.eye(7), atol=1e-6)
    assert np.allclose(u.T @ a.T @ v @ w, np.diag(correlations), atol=1e-6)
    assert (np.diff(correlations) <= 1e-9).all() and correlations[0] <= 1 + 1e-6


def test_ncca_maximises_equation_1() -> None:
    """The maximum is the sum of the singular values of the whitened cross-covariance, and no feasible pair has more."""
    a, v = centred(200)
    u, w, _ = solve(a, v, 0.0, 4)
    reached = np.trace(u.T @ a.T @ v @ w)
    white_a, white_v = (scipy.linalg.inv(scipy.linalg.sqrtm(h.T @ h)) for h in (a, v))
    exact = scipy.linalg.svdvals(white_a @ a.T @ v @ white_v)
    assert np.isclose(reached, exact[:4].sum(), atol=1e-6)
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.1, 10.0):
        for _ in range(50):
            others = []
            for h, now in ((a, u), (v, w)):
                moved = now + size * rng.normal(size=now.shape) * np.abs(now).mean()
                gram = moved.T @ h.T @ h @ moved
                others.append(moved @ scipy.linalg.inv(scipy.linalg.sqrtm(gram)).real)
            assert np.trace(others[0].T @ a.T @ v @ others[1]) <= reached + 1e-9


def test_ncca_ridge_serves_layers_wider_than_their_rows() -> None:
    rng = np.random.default_rng(0)
    a, v = rng.normal(size=(20, 60)), rng.normal(size=(20, 50))
    a, v = a - a.mean(0), v - v.mean(0)
    u, w, correlations = solve(a, v, 0.5, 5)
    for h, x in ((a, u), (v, w)):
        s = h.T @ h
        s += 0.5 * np.trace(s) / len(s) * np.eye(len(s))
        assert np.allclose(x.T @ s @ x, np.eye(5), atol=1e-6)
    assert (correlations < 1).all()


def test_ncca_transpose_is_the_papers_formula() -> None:
    config = CONFIG.replace(correlations=3, regularisation=0.05, back_projection="transpose")
    source, target = pairs(120)
    embedding = NccaEmbedding(config).fit(source, target, np.random.default_rng(0))
    a, v = source.astype(np.float64), target.astype(np.float64)
    u, w, _ = solve(a - a.mean(0), v - v.mean(0), 0.05, 3)
    new = pairs(10, seed=1)[0]
    assert np.allclose(embedding.transfer(new), (new - a.mean(0)) @ u @ w.T + v.mean(0), atol=1e-4)
    # What it says of a row is lost in the mean; the way back by least squares is of the rows' own size.
    spread = embedding.transfer(source).std(0).mean() / target.std(0).mean()
    assert spread < 0.1
    assert fitted("ncca").transfer(source).std(0).mean() > 0.7 * target.std(0).mean()


# The search


def test_folds_leave_out_whole_groups_once() -> None:
    groups = np.repeat(np.arange(7), 4)
    folds = split(groups, 3, np.random.default_rng(0))
    assert len(folds) == 3 and np.array_equal(np.sum(folds, 0), np.ones(28))
    for out in folds:
        assert set(groups[out]).isdisjoint(groups[~out])
    assert len(split(np.zeros(5), 3, np.random.default_rng(0))) == 1


def test_the_search_prefers_what_tells_new_groups_apart() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(9), 5)
    target = rng.normal(size=(9, 6))[groups].astype(np.float32)

    def predict(choice: str, out: NDArray[np.bool_]) -> Rows:
        noise = rng.normal(size=target[out].shape)
        # Scaled threefold, the right answer has a greater squared error than their common mean.
        answers = {"mean": np.broadcast_to(target.mean(0), noise.shape), "noise": noise, "right": 3 * target[out]}
        return np.asarray(answers[choice], np.float32)

    folds = split(groups, 3, rng)
    assert found(searching(["mean", "noise", "right"], predict, target, groups, folds)) == "right"
    assert found(searching(["noise"], predict, target, groups, folds)) == "noise"
    assert misranked(target, target, groups) == 0
    assert misranked(np.zeros_like(target) + target.mean(0), target, groups) > 10
    assert misranked(target[:5], target[:5], groups[:5]) == 0


def found(search: Generator[None, None, str]) -> str:
    while True:
        try:
            next(search)
        except StopIteration as end:
            return str(end.value)


def test_labels_as_groups_change_the_search() -> None:
    """Neighbours of the same group say nothing about a new one."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 6)
    centres = rng.normal(size=(30, 3))
    source = (centres @ rng.normal(size=(3, 12)))[groups] + 0.05 * rng.normal(size=(180, 12))
    target = (centres @ rng.normal(size=(3, 7)))[groups] + 0.05 * rng.normal(size=(180, 7))
    by_group = KnnEmbedding(CONFIG).fit(source, target, np.random.default_rng(0), groups).neighbours
    by_row = KnnEmbedding(CONFIG).fit(source, target, np.random.default_rng(0)).neighbours
    assert by_row <= 5 < by_group
