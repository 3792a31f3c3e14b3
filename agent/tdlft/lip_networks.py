"""What a TDLFT turn hands out: networks that read lips, and the way from speech to lips."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from agent.tdlft.config import FRAMES, DbnConfig, EmbeddingConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import Embedding, build_embedding
from agent.tdlft.embeddings.lifted import Lifted
from agent.tdlft.fine_tuning import Transfer
from agent.tdlft.lips import LENGTH, from_rows, soften, to_rows
from agent.tdlft.rbm import same_size
from sensors.core.errors import StateError
from sensors.core.modalities import modality
from sensors.core.state import StateDict, check_state


def speech_rows(speech: ArrayLike) -> NDArray[np.float32]:
    """Stored `speech` samples (N, 24, 26) to rows (N, 624) float32."""
    values = np.asarray(speech, np.float32)
    return values.reshape(len(values), math.prod(modality("speech").shape))


def transfer_of(
    embedding: Embedding, audio: DBN, video: DBN, i: int, speech: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Transfer]:
    """What T^(i) takes of this speech, (N, 624) rows, and T^(i) itself, which gives H_V^(i) of it."""
    if embedding.NAME == FRAMES:
        return speech, Lifted(embedding, video, i)
    return audio.layer(speech, i), embedding


class LipNetwork(DBN):
    """A network over rows of `to_rows`, which it sees softened: a mouth a little to the left says the same letter.

    What it draws top-down is as soft.
    """

    SOFTNESS = 1.5
    """Deviation of the Gaussian over each frame, blocks: 6 pixels, as TDLFT's table has it."""

    def __init__(self, hidden: Sequence[int], classes: int, config: DbnConfig, seed: int = 0) -> None:
        super().__init__((LENGTH, *hidden), classes, config, seed)

    def _rows(self, x: ArrayLike) -> Tensor:
        return torch.from_numpy(soften(super()._rows(x).numpy(), self.SOFTNESS))


@dataclass(frozen=True)
class LipNetworks:
    """The outcome of one TDLFT turn; nothing in it changes any more.

    Attributes:
        audio: N_A, over rows of `speech_rows`.
        video: N_V, over rows of `to_rows`, as the parallel corpus alone taught it: the unimodal reference.
        tuned: N_V after TDLFT(i): `video` with other weights from layer i on.
        embedding: T_A->V^(i), or T^(0) of frames, fitted.
        layer: i.
        turn: which turn made it, from 1.
        pairs: rows of the parallel corpus that it learned from.
        heard: rows of labelled speech without lips.
        unpaired: labels that were transferred: those heard but never seen, sorted.
        keys: (pairs + heard,) int64, which events it learned from, as `labelled_rows.event_keys` tells them apart.
    """

    VERSION = 1

    audio: DBN
    video: DBN
    tuned: DBN
    embedding: Embedding
    layer: int
    turn: int
    pairs: int
    heard: int
    unpaired: tuple[int, ...] = ()
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def read(self, stored_lips: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The most probable letter of each clip: (N, 12, 60, 80) uint8 to (N,) labels.

        Raises:
            TransferError: clips of another shape.
        """
        return self.tuned.predict(to_rows(stored_lips))

    def imagine(self, speech: ArrayLike) -> NDArray[np.float32]:
        """Lips that speech evokes: up to layer i of N_A, through T^(i), and down from layer i of N_V.

        Args:
            speech: (N, 24, 26) float, stored `speech` samples.

        Returns:
            (N, 12, 60, 80) float32, differences from a mean frame in fractions of full brightness.

        Raises:
            TransferError: i is the labels' layer, from which no way leads down, or speech of another shape.
        """
        rows, transfer = transfer_of(self.embedding, self.audio, self.video, self.layer, speech_rows(speech))
        return from_rows(self.video.down(transfer.transfer(rows), self.layer))

    def state_dict(self) -> StateDict:
        """Everything; of `tuned`, what it does not share with `video`."""
        return {
            "version": self.VERSION,
            **{name: _network_state(network) for name, network in (("audio", self.audio), ("video", self.video))},
            "weights": {str(j): w.clone() for j, w in enumerate(self.tuned.weights)},
            "biases": {str(j): b.clone() for j, b in enumerate(self.tuned.biases)},
            "embedding": {"config": self.embedding.config.to_dict(), "state": self.embedding.state_dict()},
            **{name: getattr(self, name) for name in ("layer", "turn", "pairs", "heard")},
            "unpaired": list(self.unpaired),
            "keys": torch.from_numpy(self.keys.copy()),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state_dict`.

        Raises:
            StateError: parts are missing or unknown, or do not fit each other.
        """
        counts = ("layer", "turn", "pairs", "heard")
        keys = {"audio", "video", "weights", "biases", "embedding", "unpaired", "keys", *counts}
        check_state(state, keys, cls.VERSION, "lip networks")
        audio, video = _network(state["audio"]), _network(state["video"])
        tuned = video.copy()
        for part, present in (("weights", tuned.weights), ("biases", tuned.biases)):
            if set(state[part]) != {str(j) for j in range(len(present))}:
                raise StateError(f"lip networks: {part} of {len(state[part])} layers, expected {len(present)}")
            present[:] = [same_size(state[part][str(j)], t, f"tuned {part} {j}") for j, t in enumerate(present)]
        saved = state["embedding"]
        embedding = build_embedding(saved["state"]["name"], EmbeddingConfig.from_dict(saved["config"]))
        embedding.load_state_dict(saved["state"])
        layer, turn, pairs, heard = (int(state[name]) for name in counts)
        unpaired = tuple(int(label) for label in state["unpaired"])
        events = np.array(state["keys"].cpu().numpy(), np.int64)
        return cls(audio, video, tuned, embedding, layer, turn, pairs, heard, unpaired, events)

    def to_dict(self) -> dict[str, Any]:
        """`state_dict` with NumPy arrays in place of tensors, to cross processes."""
        plain: dict[str, Any] = _mapped(self.state_dict(), Tensor, lambda tensor: tensor.numpy().copy())
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`.

        Raises:
            StateError: parts are missing or unknown, or do not fit each other.
        """
        return cls.from_state(_mapped(values, np.ndarray, lambda array: torch.from_numpy(array.copy())))


def _network_state(network: DBN) -> StateDict:
    soft = isinstance(network, LipNetwork)
    return {"soft": soft, "config": network.config.to_dict(), "state": network.state_dict()}


def _network(saved: Mapping[str, Any]) -> DBN:
    state, config = saved["state"], DbnConfig.from_dict(saved["config"])
    sizes, classes = state["sizes"], int(state["classes"])
    network = LipNetwork(sizes[1:], classes, config) if saved["soft"] else DBN(sizes, classes, config)
    network.load_state_dict(state)
    return network


def _mapped(value: Any, kind: type, change: Any) -> Any:
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(inner, kind, change) for key, inner in value.items()}
    return value
