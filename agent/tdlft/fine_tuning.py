"""TDLFT: fine-tuning the video network with transferred audio (Algorithm 1, section 3.2 of the TDLFT paper).

    Input:  N_A trained with X_A, N_V trained with X_V, a parameter i,
            T_A->V^(i): H_A^(i) -> H_V^(i), new unparallel data (X_A*, Y*).
    Output: N_V fine-tuned with X_A*.
    1  H_V^(i) := T_A->V^(i)(N_A^(i)(X_A*)),  H_V^(l+1) := Y*
    2  for j in i, i+1, …, l:  H_V^(j+1) := g(H_V^(j), W_V^(j->j+1))
    3  fine-tune W_V^(j->j+1) for j in i, i+1, …, l by standard backpropagation

At i = l+1 there is no weight to fine-tune: transfer is between labels, and N_V comes back as it was.

By themselves, the transferred rows make N_V forget the known labels, since each of them has a new label. So the
rows that N_V was trained with may be mixed into every step: `parallel`, and what the embedding makes of their audio:
`echo`. Without either this is Algorithm 1 to the letter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from agent.tdlft.config import TdlftConfig
from agent.tdlft.dbn import DBN, Backpropagation, check_rows, pair_up
from agent.tdlft.rbm import batches
from sensors.core.errors import TransferError


@dataclass(frozen=True)
class ParallelLayer:
    """The parallel corpus at layer i, for mixing.

    Attributes:
        audio: H_A^(i) of X_A, (N, width of N_A's layer i) float32.
        video: H_V^(i) of X_V, (N, width of N_V's layer i) float32.
        labels: Z, (N,).
    """

    audio: NDArray[np.float32]
    video: NDArray[np.float32]
    labels: NDArray[np.int64]


class Transfer(Protocol):
    """T_A->V^(i), fitted: an embedding, or one that the target network lifts."""

    def transfer(self, source: ArrayLike) -> NDArray[np.float32]:
        """Rows (M, …) to H_V^(i)."""


class Tdlft:
    """One TDLFT(i), epoch by epoch, so that a caller can stop between them and go on later.

    Args:
        video: N_V; a copy of it learns, the given one stays as it is.
        embedding: T_A->V^(i), fitted.
        i: 0…l+1.
        audio_star: N_A^(i)(X_A*), (M, width of N_A's layer i).
        y_star: Y*, (M,) labels of N_V's label space.
        config: its settings.
        parallel: what `config.parallel` and `config.echo` mix in.

    Attributes:
        network: N_V as fine-tuned so far.

    Raises:
        TransferError: i is out of range, the embedding is not fitted or of other layers, X_A* is empty, labels are
            outside the label space, or rows are to be mixed in and there are none.
    """

    def __init__(
        self,
        video: DBN,
        embedding: Transfer,
        i: int,
        audio_star: ArrayLike,
        y_star: ArrayLike,
        config: TdlftConfig,
        parallel: ParallelLayer | None = None,
    ) -> None:
        width = video.width(i)
        if len(np.asarray(audio_star)) == 0:
            raise TransferError("X_A* is empty: TDLFT needs new labelled rows to transfer")
        if config.parallel + config.echo > 1:
            raise TransferError(f"parallel {config.parallel} + echo {config.echo}: weights of a step exceed 1")
        if (config.parallel or config.echo) and parallel is None:
            raise TransferError("parallel and echo need the parallel rows: give them, or set both to 0")
        # H_V^(i) := T_A->V^(i)(N_A^(i)(X_A*)), H_V^(l+1) := Y*
        h_star = check_rows(embedding.transfer(audio_star), width, f"T^({i}) to layer {i} of the video network")
        targets = video.labels(y_star)
        pair_up(h_star, targets)
        self.config = config
        self.network = video.copy()
        self.sources = [(1.0 - config.parallel - config.echo, h_star, targets)]
        if parallel is not None and config.parallel:
            real = check_rows(parallel.video, width, f"parallel video at layer {i}")
            self._mix(config.parallel, real, video.labels(parallel.labels))
        if parallel is not None and config.echo:
            echoed = check_rows(embedding.transfer(parallel.audio), width, f"parallel audio, transferred to layer {i}")
            self._mix(config.echo, echoed, video.labels(parallel.labels))
        every = torch.cat([h for weight, h, _ in self.sources if weight])
        # An epoch is a pass over the transferred rows, so the schedule counts those.
        self.training = Backpropagation(self.network, i, config, every, rows=len(h_star))

    def _mix(self, weight: float, h: Tensor, y: Tensor) -> None:
        pair_up(h, y)
        self.sources.append((weight, h, y))

    def run(self) -> Iterator[float]:
        """One yield of the mean loss after each epoch; `network` can be used between them."""
        generator = self.network.generator
        for _ in range(self.config.epochs):
            losses = []
            for rows in batches(len(self.sources[0][1]), self.config.batch, generator):
                batch = []
                for kind, (weight, h, y) in enumerate(self.sources):
                    drawn = rows if kind == 0 else torch.randint(len(h), (self.config.batch,), generator=generator)
                    if weight:
                        batch.append((weight, h[drawn], y[drawn]))
                # for j in i…l: H_V^(j+1) := g(H_V^(j), W_V^(j->j+1)), and backpropagation into those W_V.
                losses.append(self.training.step(batch))
            yield sum(losses) / len(losses)


def fine_tune(
    video: DBN,
    embedding: Transfer,
    i: int,
    audio_star: ArrayLike,
    y_star: ArrayLike,
    config: TdlftConfig,
    parallel: ParallelLayer | None = None,
) -> DBN:
    """TDLFT(i) at once, given N_A^(i)(X_A*); arguments and errors as `Tdlft` has them.

    Returns:
        A fine-tuned copy of N_V. Its weights below layer i, its input space and its RBMs are bitwise the given ones'.
    """
    turn = Tdlft(video, embedding, i, audio_star, y_star, config, parallel)
    for _ in turn.run():
        pass
    return turn.network


def tdlft(
    audio: DBN,
    video: DBN,
    embedding: Transfer,
    i: int,
    x_star: ArrayLike,
    y_star: ArrayLike,
    config: TdlftConfig,
    pairs: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> DBN:
    """Algorithm 1 from its inputs.

    Args:
        audio: N_A.
        video: N_V, with as many hidden layers.
        embedding: T_A->V^(i), fitted.
        i: 0…l+1.
        x_star: X_A*, (M, …).
        y_star: Y*, (M,).
        config: its settings.
        pairs: X_A, X_V and Z of the parallel corpus, where they are to be mixed in.

    Returns:
        N_V fine-tuned with X_A*.

    Raises:
        TransferError: the networks' depths differ, or anything that `Tdlft` refuses.
    """
    if audio.depth != video.depth:
        raise TransferError(f"networks of {audio.depth} and {video.depth} hidden layers: TDLFT needs equal depths")
    parallel = None
    if pairs is not None:
        x_a, x_v, z = pairs
        parallel = ParallelLayer(audio.layer(x_a, i), video.layer(x_v, i), np.asarray(z))
    return fine_tune(video, embedding, i, audio.layer(x_star, i), y_star, config, parallel)
