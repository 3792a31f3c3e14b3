"""Eq. 1 and 2 by hand: linear networks of known weights, plain Python arithmetic, and where every gradient goes."""

import itertools
import math
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from agent.config import GuideConfig, NetworkConfig, SmartConfig
from agent.networks.autoencoder import Autoencoder
from agent.smart.update import Smart
from sensors.core.modalities import Modality

Matrix = list[list[float]]
SIZES = {"audio": 3, "image": 2, "audio_far": 3}
"""Numbers in one tiny sample."""
EPSILON = 1e-5
"""What the normalisation of z adds to its variance."""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Smart]:
    """Makes a `Smart` whose E, D and T are single matrices: `tiny(E=..., D=..., T=..., **settings)`."""

    def build(
        encoders: Mapping[str, Matrix],
        decoders: Mapping[str, Matrix],
        transcoders: Mapping[tuple[str, str], Matrix],
        **settings: object,
    ) -> Smart:
        size = len(next(iter(encoders.values())))

        def linear(modality: Modality, preset: str, latent: int) -> Autoencoder:
            count = SIZES[modality.name]
            encoder, decoder = nn.Linear(count, size, bias=False), nn.Linear(size, count, bias=False)
            return Autoencoder(encoder, decoder, size)

        monkeypatch.setattr("agent.smart.update.build_autoencoder", linear)
        monkeypatch.setattr("agent.smart.update.Transcoder", lambda latent: nn.Linear(size, size, bias=False))
        config = SmartConfig(**settings)  # type: ignore[arg-type]  # the test's own keyword arguments
        names = tuple(encoders)
        smart = Smart(names, NetworkConfig(), config, GuideConfig(guides="pair"), torch.device("cpu"), "float32", 0)
        with torch.no_grad():
            for m in names:
                for network, weights in ((smart.sides[m].autoencoder.encoder, encoders[m]),
                                         (smart.sides[m].autoencoder.decoder, decoders[m])):  # fmt: skip
                    next(network.parameters()).copy_(torch.tensor(weights))
            for (source, target), weights in transcoders.items():
                next(smart.sides[source].transcoders[target].parameters()).copy_(torch.tensor(weights))
        return smart

    return build


def times(matrix: Matrix, x: list[float]) -> list[float]:
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in matrix]


def normalise(z: list[float]) -> list[float]:
    mean = sum(z) / len(z)
    variance = sum((v - mean) ** 2 for v in z) / len(z)
    return [(v - mean) / math.sqrt(variance + EPSILON) for v in z]


def equation(
    side: str,
    x: Mapping[str, Matrix],
    encoders: Mapping[str, Matrix],
    decoders: Mapping[str, Matrix],
    transcoders: Mapping[tuple[str, str], Matrix],
    power: int = 1,
) -> dict[str, float]:
    """Both terms of one side's equation, in doubles; each event's guide is its partner's own representation."""
    count = len(x[side])
    z = {m: [normalise(times(encoders[m], event)) for event in events] for m, events in x.items()}
    losses = {f"{side}/reconstruction": 0.0} | {f"{side}/{other}": 0.0 for other in x if other != side}
    for n in range(count):
        y = times(decoders[side], z[side][n])
        losses[f"{side}/reconstruction"] += math.dist(x[side][n], y) ** power / count
        for other in x:
            if other != side:
                guessed = times(transcoders[side, other], z[side][n])
                losses[f"{side}/{other}"] += math.dist(z[other][n], guessed) ** power / count
    return losses


def test_both_equations_on_numbers_worked_out_by_hand(tiny: Callable[..., Smart]) -> None:
    """Encoders give multiples of (±1, ±1, ±1, ±1), whose normalised form is (±1, ±1, ±1, ±1), to five digits."""
    x = {
        "image": torch.tensor([[1.0, 0.0], [9.0, -8.0]]),  # z = (1, 1, -1, -1), twice
        "audio": torch.tensor([[0.0, 3.0, 2.0], [8.0, -3.0, 2.0]]),  # z = (1, -1, 1, -1) and (-1, 1, -1, 1)
    }
    encoders = {
        "audio": [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]],
        "image": [[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]],
    }
    decoders = {
        "audio": [[0.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],  # y = (-2, 1, 1) and (2, -1, -1)
        "image": [[4.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0]],  # y = (4, 4), twice
    }
    transcoders = {("image", "audio"): diagonal(4, -1, -1, 1), ("audio", "image"): diagonal(1, -1, -1, -2)}
    smart, lesson = tiny(encoders, decoders, transcoders), torch.arange(2)
    eq1 = smart.step("image", x, lesson, rate=1e-9)
    # |(1, 0) - (4, 4)| = 5 and |(9, -8) - (4, 4)| = 13.
    assert float(eq1["image/reconstruction"]) == pytest.approx((5 + 13) / 2, rel=1e-4)
    # T(z_I) = (4, -1, 1, -1): 3 from the first sound's z, (5, -2, 2, -2) from the second's.
    assert float(eq1["image/audio"]) == pytest.approx((3 + 37**0.5) / 2, rel=1e-4)
    eq2 = smart.step("audio", x, lesson, rate=1e-9)
    # |(0, 3, 2) - (-2, 1, 1)| = 3 and |(8, -3, 2) - (2, -1, -1)| = 7.
    assert float(eq2["audio/reconstruction"]) == pytest.approx((3 + 7) / 2, rel=1e-4)
    # T(z_A) = (1, 1, -1, 2) and (-1, -1, 1, -2): 3 from both images' z, and (2, 2, -2, 1).
    assert float(eq2["audio/image"]) == pytest.approx((3 + 13**0.5) / 2, rel=1e-4)


def diagonal(*values: float) -> Matrix:
    return [[float(v) if i == k else 0.0 for k in range(len(values))] for i, v in enumerate(values)]


def drawn(rows: int, columns: int, seed: int) -> Matrix:
    g = torch.Generator().manual_seed(seed)
    # Through float32, so that both sides of the comparison start from the same numbers.
    return [[float(v) for v in row] for row in torch.randn(rows, columns, generator=g)]


def world(names: tuple[str, ...]) -> tuple[dict[str, Matrix], dict[str, Matrix], dict[tuple[str, str], Matrix]]:
    encoders = {m: drawn(3, SIZES[m], k) for k, m in enumerate(names)}
    decoders = {m: drawn(SIZES[m], 3, 10 + k) for k, m in enumerate(names)}
    pairs = list(itertools.permutations(names, 2))
    return encoders, decoders, {pair: drawn(3, 3, 20 + k) for k, pair in enumerate(pairs)}


@pytest.mark.parametrize("norm", ["norm", "squared"])
@pytest.mark.parametrize("names", [("audio", "image"), ("audio", "image", "audio_far")], ids=len)
def test_losses_and_gradients_are_those_of_plain_arithmetic(
    tiny: Callable[..., Smart], names: tuple[str, ...], norm: str
) -> None:
    """Every entry of every gradient against central differences of the equation in doubles."""
    weight, power, nudge = 0.5, 1 if norm == "norm" else 2, 1e-5
    weights = world(names)
    x = {m: drawn(5, SIZES[m], 50 + k) for k, m in enumerate(names)}
    tensors = {m: torch.tensor(events) for m, events in x.items()}
    for side in names:
        smart = tiny(*weights, norm=norm, weight=weight, learning_rate=1e-7)
        losses = smart.step(side, tensors, torch.arange(5))
        by_hand = equation(side, x, *weights, power)
        assert {k: float(v) for k, v in losses.items()} == pytest.approx(by_hand, rel=1e-5)

        def total(side: str = side) -> float:
            terms = equation(side, x, *weights, power)
            return sum(v * (1 if k.endswith("reconstruction") else weight) for k, v in terms.items())

        encoders, decoders, transcoders = weights
        listed: list[tuple[Matrix, nn.Module]] = [
            (encoders[side], smart.sides[side].autoencoder.encoder),
            (decoders[side], smart.sides[side].autoencoder.decoder),
            *((transcoders[side, m], smart.sides[side].transcoders[m]) for m in names if m != side),
        ]
        for matrix, network in listed:
            gradient = next(network.parameters()).grad
            assert gradient is not None
            for i, row in enumerate(matrix):
                for k, value in enumerate(row):
                    row[k] = value + nudge
                    above = total()
                    row[k] = value - nudge
                    below = total()
                    row[k] = value
                    assert float(gradient[i, k]) == pytest.approx((above - below) / (2 * nudge), rel=1e-3, abs=1e-5)


def make(weight: float, fixed: str = "") -> Smart:
    """Real networks; the same weights for every lambda."""
    config = SmartConfig(weight=weight, learning_rate=1e-7, fixed_teacher=fixed)
    guide = GuideConfig(guides="pair")
    return Smart(("audio", "image"), NetworkConfig(latent=64), config, guide, torch.device("cpu"), "float32", 3)


def gradients(side: str, weight: float, fixed: str = "") -> tuple[dict[str, Tensor], list[Tensor | None]]:
    """What one step leaves in the parameters of its own side, by name, and of the other."""
    smart = make(weight, fixed)
    g = torch.Generator().manual_seed(0)
    x = {"image": torch.rand(6, 1, 32, 32, generator=g), "audio": torch.rand(6, 1, 96, 96, generator=g)}
    smart.step(side, x, torch.arange(6))
    other = "audio" if side == "image" else "image"
    own = {k: torch.zeros(1) if p.grad is None else p.grad for k, p in smart.sides[side].named_parameters()}
    return own, [p.grad for p in smart.sides[other].parameters()]


@pytest.mark.parametrize("side", ["image", "audio"])
def test_each_terms_gradient_reaches_exactly_the_parameters_that_the_paper_lists(side: str) -> None:
    first, frozen = gradients(side, 0.0)
    both, frozen_too = gradients(side, 1.0)
    parts = {k: k.removeprefix("autoencoder.").partition(".")[0] for k in first}
    assert set(parts.values()) == {"encoder", "decoder", "transcoders"}
    assert all(g is None for g in (*frozen, *frozen_too)), "nothing of the other side"
    for name, part in parts.items():
        same, zero = torch.equal(first[name], both[name]), not first[name].any()
        if part == "encoder":
            assert not zero and not same, f"{name}: E learns from both terms"
        elif part == "decoder":
            assert not zero and same, f"{name}: D learns from the first term and from nothing else, to the last bit"
        else:
            assert zero and both[name].any(), f"{name}: T learns from the second term and from nothing else"


def test_a_fixed_teachers_encoder_learns_from_the_first_term_alone() -> None:
    first, _ = gradients("audio", 0.0)
    fixed, _ = gradients("audio", 1.0, fixed="audio")
    for name, gradient in fixed.items():
        if "transcoders" in name:
            assert gradient.any(), f"{name}: T learns to translate all the same"
        else:
            assert torch.equal(gradient, first[name]), f"{name}: no guide shapes a fixed teacher"
    taught, _ = gradients("image", 1.0, fixed="audio")
    free, _ = gradients("image", 1.0)
    assert all(torch.equal(taught[name], free[name]) for name in free), "the side that is taught learns as ever"
