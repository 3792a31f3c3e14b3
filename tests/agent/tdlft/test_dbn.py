import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.checkpoints.checkpoint import load_state, save_state
from agent.tdlft.config import DbnConfig, PretrainConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.input_space import InputSpace
from agent.tdlft.rbm import RBM, ContrastiveDivergence
from sensors.core.errors import ConfigError, StateError, TransferError

CONFIG = DbnConfig(pretrain_epochs=15, epochs=20, batch=16, gaussian_rate=0.01, learning_rate=0.02)


def corpus(
    rows: int = 120, length: int = 30, classes: int = 3, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Classes that differ in where they lie, with noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows, dtype=np.int64) % classes
    centres = np.random.default_rng(99).normal(size=(classes, length))
    return (centres[y] + 0.7 * rng.normal(size=(rows, length))).astype(np.float32), y


def small(config: DbnConfig = CONFIG, seed: int = 0) -> DBN:
    network = DBN((30, 20, 12), 3, config, seed)
    network.pretrain(corpus()[0])
    return network


def test_learns_what_it_is_taught() -> None:
    x, y = corpus()
    new, labels = corpus(seed=1)
    network = small()
    before = float((network.predict(new) == labels).mean())
    losses = network.finetune(x, y)
    assert losses[-1] < 0.2 * losses[0]
    assert before < 0.6 and float((network.predict(new) == labels).mean()) > 0.95


@pytest.mark.parametrize("i", range(4))
def test_layers_compose_to_the_whole(i: int) -> None:
    network, x = small(), corpus()[0]
    network.finetune(*corpus())
    h = network.layer(x, i)
    assert h.dtype == np.float32 and h.shape == (120, network.width(i))
    assert np.allclose(network.from_layer(h, i), network.layer(x, 3), atol=1e-6)
    assert np.allclose(network.layer(x, 3).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("i", range(4))
def test_finetuning_leaves_layers_below_bitwise(i: int) -> None:
    network = small()
    before = network.copy()
    if i == 3:
        assert len(network.finetune(*corpus(), from_layer=i)) == CONFIG.epochs
    else:
        network.finetune(*corpus(), from_layer=i)
    for j in range(3):
        same = torch.equal(network.weights[j], before.weights[j]) and torch.equal(network.biases[j], before.biases[j])
        assert same == (j < i)


def test_the_span_is_the_rows_themselves_in_another_basis() -> None:
    """Contrastive divergence in the span of few long rows takes the very steps that it takes on the rows."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 300, generator=generator) * torch.linspace(0.1, 2, 300)
    space = InputSpace("span", 0, 1.0)
    space.fit(x)
    assert space.dimensions == 11
    turned, plain = space(x), (x - space.mean) / space.scale[0]
    assert torch.allclose(turned @ turned.T, plain @ plain.T, rtol=1e-3, atol=1e-3)
    inside, outside = RBM(11, 8, "gaussian", generator), RBM(300, 8, "gaussian", generator)
    outside.weight = space.basis @ inside.weight
    config = PretrainConfig(gaussian_rate=0.02, weight_cost=0.01, pretrain_epochs=6, pretrain_batch=4)
    for rbm, rows in ((inside, turned), (outside, plain)):
        list(ContrastiveDivergence(rbm, config, torch.Generator().manual_seed(5)).run(rows))
    assert torch.allclose(space.basis @ inside.weight, outside.weight, atol=1e-4)
    assert torch.allclose(inside.hidden_mean(turned), outside.hidden_mean(plain), atol=1e-3)


@pytest.mark.parametrize("kind", ["span", "whitened", "each"])
@pytest.mark.parametrize("rows", [15, 200])
def test_inputs_come_back_and_have_unit_variance(kind: str, rows: int) -> None:
    x = torch.from_numpy(corpus(rows=rows)[0])
    space = InputSpace(kind, 0, 2.0)
    space.fit(x)
    assert torch.allclose(space.inverse(space(x)), x, atol=1e-3)
    assert abs(float(space(x).var(0, correction=0).mean()) - 4) < 0.05


def test_few_components_keep_what_varies_most() -> None:
    x = torch.randn(50, 20, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0] * 3 + [0.1] * 17)
    space = InputSpace("span", 3, 1.0)
    space.fit(x)
    assert space.dimensions == 3
    assert float((space.inverse(space(x)) - x).abs().max()) < 0.5


def test_values_that_never_change_are_no_danger() -> None:
    x, y = corpus()
    x[:, 4] = 7
    for kind in ("span", "whitened", "each"):
        network = DBN((30, 8), 3, CONFIG.replace(inputs=kind))
        network.pretrain(x)
        network.finetune(x, y)
        assert float((network.predict(x) == y).mean()) > 0.9


def test_same_seed_same_network() -> None:
    one, two, other = small(), small(), small(seed=1)
    assert all(torch.equal(a, b) for a, b in zip(one.weights, two.weights, strict=True))
    assert not torch.equal(one.weights[0], other.weights[0])


def test_pretraining_is_reported_and_leaves_the_old_network_until_it_ends() -> None:
    network = small()
    before = network.layer(corpus()[0], 2)
    run = network.pretraining(corpus()[0][:100], corpus()[0][100:])
    first = next(run)
    assert (first.layer, first.epoch) == (0, 0) and np.isfinite([first.error, first.held_out_error, first.gap]).all()
    assert np.array_equal(network.layer(corpus()[0], 2), before)
    assert [(p.layer, p.epoch) for p in run] == [(0, e) for e in range(1, 15)] + [(1, e) for e in range(15)]
    assert not np.array_equal(network.layer(corpus()[0], 2), before)


def test_dropout_and_noise_make_training_rows_harder() -> None:
    losses = [
        small(CONFIG.replace(dropout=d, noise=n)).finetune(*corpus())[-1] for d, n in ((0, 0), (0.5, 0), (0, 2.0))
    ]
    assert losses[0] < losses[1] and losses[0] < losses[2]


def test_sgd_learns_too() -> None:
    network = small(CONFIG.replace(optimiser="sgd", learning_rate=0.1))
    network.finetune(*corpus())
    assert float((network.predict(corpus()[0]) == corpus()[1]).mean()) > 0.95


def test_down_leads_back_to_rows() -> None:
    x = corpus()[0]
    network = DBN((30, 40), 3, CONFIG.replace(pretrain_epochs=200, gaussian_rate=0.02))
    network.pretrain(x)
    assert np.allclose(network.down(network.layer(x, 0), 0), x, atol=1e-4)
    rebuilt = network.down(network.layer(x, 1), 1)
    assert rebuilt.shape == x.shape
    assert np.square(rebuilt - x).mean() < 0.5 * np.square(x - x.mean(0)).mean()
    with pytest.raises(TransferError, match="labels"):
        network.down(network.layer(x, 2), 2)


def test_label_space_grows_without_forgetting() -> None:
    network, (x, y) = small(), corpus()
    network.finetune(x, y)
    network.grow(5)
    assert network.layer(x, 3).shape == (120, 5)
    assert float((network.predict(x) == y).mean()) > 0.95
    network.finetune(x, y + 2)
    assert float((network.predict(x) == y + 2).mean()) > 0.95
    with pytest.raises(TransferError, match="never taken away"):
        network.grow(2)


def test_errors_name_the_thing() -> None:
    network, (x, y) = small(), corpus()
    fresh = DBN((30, 20), 3, CONFIG)
    with pytest.raises(TransferError, match="not pretrained"):
        fresh.predict(x)
    with pytest.raises(TransferError, match=r"i = 4.*0…3"):
        network.layer(x, 4)
    with pytest.raises(TransferError, match=r"i = -1"):
        network.layer(x, -1)
    with pytest.raises(TransferError, match=r"label 3.*0…2"):
        network.finetune(x, y + 1)
    with pytest.raises(TransferError, match="integers"):
        network.finetune(x, y.astype(np.float64))
    with pytest.raises(TransferError, match="120 rows and 119 labels"):
        network.finetune(x, y[1:])
    with pytest.raises(TransferError, match="0 rows and 0 labels"):
        network.finetune(x[:0], y[:0])
    with pytest.raises(TransferError, match="rows of 30 values"):
        network.predict(x[:, 1:])
    with pytest.raises(TransferError, match="layer 1: expected rows of 20"):
        network.from_layer(x, 1)
    with pytest.raises(TransferError, match="row 5"):
        bad = x.copy()
        bad[5, 3] = np.nan
        network.predict(bad)
    with pytest.raises(TransferError, match="all 9 training rows are the same"):
        fresh.pretrain(np.ones((9, 30)))
    with pytest.raises(TransferError, match="at least 2 rows"):
        fresh.pretrain(x[:1])
    with pytest.raises(TransferError, match="two labels"):
        DBN((30, 20), 1, CONFIG)
    with pytest.raises(ConfigError, match="rotated"):
        DbnConfig(inputs="rotated")


def test_no_rows_give_no_rows() -> None:
    network = small()
    assert network.layer(np.zeros((0, 5, 6)), 2).shape == (0, 12)
    assert network.predict(np.zeros((0, 30))).shape == (0,)


def test_state_travels_without_pickle_and_training_goes_on_exactly(tmp_path: Path) -> None:
    network, (x, y) = small(), corpus()
    network.finetune(x, y)
    save_state(tmp_path, "dbn", network.state_dict())
    assert json.loads((tmp_path / "dbn.json").read_text())["sizes"] == [30, 20, 12]
    other = DBN((30, 20, 12), 3, CONFIG, seed=7)
    other.load_state_dict(load_state(tmp_path, "dbn"))
    assert np.array_equal(other.layer(x, 3), network.layer(x, 3))
    assert np.array_equal(other.down(network.layer(x, 2), 2), network.down(network.layer(x, 2), 2))
    assert network.finetune(x, y) == other.finetune(x, y)
    assert all(torch.equal(a, b) for a, b in zip(network.weights, other.weights, strict=True))


def test_unpretrained_state_travels_too() -> None:
    other = DBN((30, 20), 3, CONFIG, seed=2)
    other.load_state_dict(DBN((30, 20), 3, CONFIG).state_dict())
    with pytest.raises(TransferError, match="not pretrained"):
        other.width(0)


def test_state_is_strict() -> None:
    network = small()
    state = network.state_dict()
    kept = [w.clone() for w in network.weights]
    for change, message in (
        ({"version": 2}, "version"),
        ({"extra": 1}, "unknown extra"),
        ({"sizes": [30, 20, 11]}, "saved with sizes"),
        ({"classes": 4}, "4 labels"),
        ({"weights": {"0": state["weights"]["0"]}}, "weights 0, expected 3"),
        ({"weights": state["weights"] | {"1": torch.zeros(2, 2)}}, "weights 1"),
        ({"inputs": state["inputs"] | {"gain": 3.0}}, "gain 3.0"),
        ({"inputs": state["inputs"] | {"mean": torch.zeros(4)}}, "rows of 4"),
        ({"generator": torch.zeros(3)}, "generator"),
    ):
        with pytest.raises(StateError, match=message):
            network.load_state_dict(state | change)
    with pytest.raises(StateError, match="whitened"):
        DBN((30, 20, 12), 3, CONFIG.replace(inputs="whitened")).load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(kept, network.weights, strict=True))


def test_a_copy_and_its_original_learn_apart() -> None:
    network, (x, y) = small(), corpus()
    twin = network.copy()
    assert twin.inputs is network.inputs
    assert twin.finetune(x, y) == network.copy().finetune(x, y)
    assert not torch.equal(twin.weights[0], network.weights[0])
    before = network.layer(x, 2)
    twin.pretrain(x[:50])
    assert np.array_equal(network.layer(x, 2), before)


def test_states_are_copies() -> None:
    network = small()
    state = network.state_dict()
    frozen = {j: w.clone() for j, w in state["weights"].items()}
    network.finetune(*corpus())
    assert all(torch.equal(state["weights"][j], frozen[j]) for j in frozen)
    assert all(w.shape == (a, b) for w, (a, b) in zip(network.weights, pairwise((30, 20, 12, 3)), strict=True))
