import pytest
import torch
from torch import Tensor

from agent.networks.whitening import SHRINKAGE, Whitening, recalibrate, whitened, whitening_matrix


def _mixed(count: int, seed: int = 0) -> Tensor:
    """Vectors of 8 numbers, nearly all of whose variance lies along one direction, around a point far from zero."""
    generator = torch.Generator().manual_seed(seed)
    line = 10 * torch.randn(count, 1, generator=generator) * torch.ones(8)
    return 5 + line + torch.randn(count, 8, generator=generator)


def test_the_matrix_whitens() -> None:
    covariance = torch.cov(_mixed(4000).T)
    matrix = whitening_matrix(covariance, shrinkage=0.0)
    assert torch.allclose(matrix @ covariance @ matrix.T, torch.eye(8), atol=1e-3)
    assert torch.allclose(matrix, matrix.T, atol=1e-4)


def test_shrinkage_keeps_faint_directions_below_strong_ones() -> None:
    covariance = torch.diag(torch.tensor([100.0, 1.0, 1e-6]))
    matrix = whitening_matrix(covariance)
    variances = torch.diag(matrix @ covariance @ matrix.T)
    added = SHRINKAGE * float(covariance.diagonal().mean())
    assert variances.tolist() == pytest.approx([100 / (100 + added), 1 / (1 + added), 1e-6 / added], rel=1e-3)


def test_a_constant_is_finite() -> None:
    assert torch.isfinite(whitening_matrix(torch.zeros(4, 4))).all()


def test_running_statistics_come_to_whiten_what_keeps_coming() -> None:
    layer = Whitening(8)
    for seed in range(100):
        layer(_mixed(64, seed))
    layer.eval()
    z = layer(_mixed(4000, 1000))
    assert z.mean(0).abs().max() < 0.3
    before, after = (torch.linalg.eigvalsh(torch.cov(x.T)) for x in (_mixed(4000, 1000), z))
    assert before[-1] > 500 * before[-2]
    assert after[-1] < 60 * after[-2]


def test_in_evaluation_nothing_is_noted() -> None:
    layer = Whitening(8)
    layer(_mixed(64))
    state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    layer.eval()
    layer(_mixed(64, 1))
    assert all(torch.equal(tensor, state[name]) for name, tensor in layer.state_dict().items())


def test_statistics_are_constants_to_the_gradient() -> None:
    layer = Whitening(8)
    z = _mixed(64).requires_grad_()
    layer(z).sum().backward()
    expected = layer.matrix.sum(1).expand(64, 8)
    assert z.grad is not None and torch.allclose(z.grad, expected, atol=1e-4)


def test_autocast_does_not_round_it() -> None:
    layer = Whitening(8).eval()
    z = _mixed(64)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(z)
    assert out.dtype == torch.float32 and torch.equal(out, layer(z))


def test_it_ends_an_encoder() -> None:
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(*whitened(20, 6))
    assert encoder(torch.randn(5, 20)).shape == (5, 6)


def test_recalibration_follows_the_present_weights() -> None:
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(*whitened(8, 4)).eval()
    samples = [_mixed(64, seed) for seed in range(20)]
    recalibrate(encoder, samples)
    with torch.no_grad():
        z = torch.cat([encoder(x) for x in samples])
        assert z.mean(0).abs().max() < 1e-3
        encoder.get_parameter("0.weight").mul_(3).add_(1)
        assert torch.cat([encoder(x) for x in samples]).mean(0).abs().max() > 1
        recalibrate(encoder, samples)
        assert torch.cat([encoder(x) for x in samples]).mean(0).abs().max() < 1e-3
    assert not encoder[1]._forward_pre_hooks


def test_recalibration_leaves_other_networks_alone() -> None:
    network = torch.nn.Linear(8, 4)
    before = network.weight.clone()
    recalibrate(network, [_mixed(8)])
    assert torch.equal(network.weight, before)
