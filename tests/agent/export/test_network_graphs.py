from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.export.network_graphs import network_graphs, write_graph
from agent.export.writer import BATCHES, difference
from agent.learner import Learner
from sensors.core.errors import StateError
from tests.agent.learned.saved import learner_of, pairs
from tests.agent.learned.test_loaded import networks_of

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")


@pytest.fixture(scope="module")
def learner() -> Learner:
    return learner_of(pairs(), 3)


def test_there_is_a_graph_for_each_step_of_a_path(learner: Learner) -> None:
    assert [graph.file for graph in network_graphs(networks_of(learner))] == [
        "encode_audio.onnx", "encode_image.onnx", "decode_audio.onnx", "decode_image.onnx",
        "translate_audio_to_image.onnx", "translate_image_to_audio.onnx",
    ]  # fmt: skip
    joint = networks_of(learner_of(pairs(), 1, "contrastive"), "contrastive")
    assert [graph.file for graph in network_graphs(joint)] == ["encode_audio.onnx", "encode_image.onnx"]


def test_a_graph_answers_as_torch_does_for_any_batch(learner: Learner, tmp_path: Path) -> None:
    import onnxruntime

    networks = networks_of(learner)
    graph = network_graphs(networks)[1]
    write_graph(graph, networks, tmp_path / graph.file)
    x = torch.from_numpy(np.random.default_rng(0).random((100, 1, 32, 32), np.float32))
    assert len(x) in BATCHES and difference(tmp_path / graph.file, graph, x) < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / graph.file)
    assert session.get_inputs()[0].shape == ["batch", 1, 32, 32]
    # The check can fail: other weights give other latents.
    others = network_graphs(networks_of(learner_of(pairs(), 3, seed=1)))[1]
    assert difference(tmp_path / graph.file, others, x) > 1e-3
    # All weights are in the one file.
    assert [path.name for path in tmp_path.iterdir()] == [graph.file]


def test_a_network_that_cannot_be_followed_is_named(learner: Learner, tmp_path: Path) -> None:
    networks = networks_of(learner)
    graph = network_graphs(networks)[1]

    def strange(x: Tensor) -> Tensor:
        return x if x.sum().item() > 0 else -x

    object.__setattr__(graph.network, "call", strange)
    with pytest.raises(StateError, match=r"encode_image\.onnx: the network cannot be exported"):
        write_graph(graph, networks, tmp_path / graph.file)
