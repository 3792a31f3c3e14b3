"""Frame by frame: a kernel ridge from a window of source frames to the target frame of the same moment.

An embedding of whole utterances can only point at utterances that it has seen. A new letter is made of sounds that
others have: W says D, B, L and U. So this one learns what a mouth looks like while a sound is made, from as many pairs
as there are frames, and puts the frames of a new utterance together.

It needs rows that are runs of frames, which are the networks' inputs; what it transfers is taken to layer i by the
target network itself: T^(i) = N_V^(i) o T^(0).
"""

from collections.abc import Generator, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from agent.tdlft.config import EmbeddingConfig
from agent.tdlft.embeddings.contract import Embedding, Rows
from sensors.core.errors import StateError, TransferError

BLOCK = 1024
"""Windows whose kernel is computed at a time."""
ITERATIONS, TOLERANCE = 300, 1e-3
"""Most iterations of the solver, and the share of the first residual at which it ends."""


class FrameEmbedding(Embedding):
    """The radial kernel exp(-gamma |a - b|² / d) over standardised windows of d values.

    Targets are the leading principal components of a frame. Ridge regression draws them towards the mean; `gain`
    stretches them back about it.
    """

    NAME = "frames"
    TENSORS: ClassVar[dict[str, str]] = {
        "window_mean": "w",
        "window_scale": "w",
        "known": "fw",
        "dual": "fc",
        "components": "cp",
        "frame_mean": "p",
    }
    PLAIN = ("gamma", "gain", "source_frames", "target_frames", "reach")

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__(config)
        self.source_frames, self.target_frames = config.source_frames, config.target_frames
        self.reach, self.gamma, self.gain = config.frame_reach, config.frame_width, config.frame_gain

    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]:
        config = self.config
        self.source_frames, self.target_frames = config.source_frames, config.target_frames
        self.reach, self.gamma, self.gain = config.frame_reach, config.frame_width, config.frame_gain
        for rows, frames, name in ((source, self.source_frames, "source"), (target, self.target_frames, "target")):
            if rows.shape[1] % frames:
                raise TransferError(f"frames: {name} rows of {rows.shape[1]} values are not {frames} frames")
        windows = self._windows(source)
        self.window_mean, scale = windows.mean(0), windows.std(0)
        self.window_scale = np.where(scale > 1e-6 * max(float(scale.max()), 1e-30), scale, 1).astype(np.float32)
        frames_ = target.reshape(len(target) * self.target_frames, -1)
        self.frame_mean = frames_.mean(0)
        centred = frames_ - self.frame_mean
        count = min(config.frame_components, *centred.shape)
        _, _, components = randomized_svd(centred, count, random_state=int(rng.integers(1 << 31)))
        self.components = components.astype(np.float32)
        self.known = self._standard(windows)
        kernel = np.empty((len(self.known), len(self.known)), np.float32)
        for at in range(0, len(kernel), BLOCK):
            kernel[at : at + BLOCK] = self._kernel(self.known[at : at + BLOCK])
            yield
        self.dual = yield from _solve(kernel, centred @ self.components.T, config.frame_ridge)

    def _ready(self) -> None:
        if self.widths is not None and self.widths[1] != self.target_frames * len(self.frame_mean):
            raise StateError(f"embedding {self.NAME}: widths {list(self.widths)}: does not fit the rest")

    def _transfer(self, source: Rows) -> NDArray[Any]:
        windows = self._standard(self._windows(source))
        parts = [self._kernel(windows[at : at + BLOCK]) @ self.dual for at in range(0, len(windows), BLOCK)]
        frames = self.gain * (np.concatenate(parts) @ self.components) + self.frame_mean
        return np.asarray(frames.reshape(len(source), -1))

    def _windows(self, source: Rows) -> Rows:
        """(N, d_a) to (N * target frames, window): the source frames around each target frame's time."""
        frames = source.reshape(len(source), self.source_frames, -1)
        padded = np.pad(frames, ((0, 0), (self.reach, self.reach), (0, 0)), mode="edge")
        width = max(1, round(self.source_frames / self.target_frames)) + 2 * self.reach
        firsts = np.arange(self.target_frames) * self.source_frames // self.target_frames
        at = np.minimum(firsts[:, None] + np.arange(width), padded.shape[1] - 1)
        return np.ascontiguousarray(padded[:, at].reshape(len(source) * self.target_frames, -1))

    def _standard(self, windows: Rows) -> Rows:
        standard = (windows - self.window_mean) / self.window_scale
        return np.asarray(standard / np.sqrt(windows.shape[1]), np.float32)

    def _kernel(self, windows: Rows) -> NDArray[np.float32]:
        squares = np.square(windows).sum(1)[:, None] + np.square(self.known).sum(1) - 2 * windows @ self.known.T
        return np.asarray(np.exp(-self.gamma * squares.clip(0)), np.float32)


def _solve(kernel: Rows, goal: Rows, ridge: float) -> Generator[None, None, Rows]:
    """(kernel + ridge)^-1 goal by conjugate gradients, each column by itself; one yield after each iteration.

    In pieces, where a factorisation of thousands of frames would keep everything else waiting.
    """
    solution = np.zeros_like(goal)
    residual = goal.copy()
    direction = goal.copy()
    size = first = np.square(residual).sum(0)
    for _ in range(ITERATIONS):
        if not (size > TOLERANCE**2 * first).any():
            break
        image = kernel @ direction + np.float32(ridge) * direction
        step = size / np.maximum((direction * image).sum(0), 1e-30)
        solution += step * direction
        residual -= step * image
        before, size = size, np.square(residual).sum(0)
        direction = residual + size / np.maximum(before, 1e-30) * direction
        yield
    return solution
