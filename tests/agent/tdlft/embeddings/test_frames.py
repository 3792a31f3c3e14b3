import numpy as np
import pytest

from agent.tdlft.config import EmbeddingConfig
from agent.tdlft.embeddings import FrameEmbedding
from sensors.core.errors import TransferError

CONFIG = EmbeddingConfig(source_frames=24, target_frames=12, frame_reach=2, frame_gain=1.0, frame_ridge=0.01)


def utterances(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs of 24 frames of 3 values, and of 12 frames of 4 that say what the two source frames of their time say."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(5)
    source = rng.normal(size=(count, 24, 3))
    moments = np.tanh(source.reshape(count, 12, 2, 3).mean(2) @ world.normal(size=(3, 4)))
    return source.reshape(count, -1).astype(np.float32), moments.reshape(count, -1).astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> FrameEmbedding:
    return FrameEmbedding(CONFIG).fit(*utterances(120, 0), np.random.default_rng(0))


def test_frames_are_predicted_from_the_speech_at_their_time(fitted: FrameEmbedding) -> None:
    source, target = utterances(40, 1)
    error = np.square(fitted.transfer(source) - target).mean()
    assert error < 0.3 * target.var()
    late = np.roll(target.reshape(40, 12, 4), 1, 1).reshape(40, -1)
    assert error < 0.3 * np.square(fitted.transfer(source) - late).mean()


def test_a_frame_knows_its_window_and_no_more(fitted: FrameEmbedding) -> None:
    source, _ = utterances(1, 2)
    changed = source.reshape(1, 24, 3).copy()
    changed[:, 20] += 3
    before, after = (fitted.transfer(rows.reshape(1, -1)).reshape(12, 4) for rows in (source, changed))
    moved = np.flatnonzero(np.abs(after - before).max(1) > 1e-6)
    # Target frame t sees source frames 2t - 2 … 2t + 3.
    assert moved.tolist() == [9, 10, 11]


def test_it_is_made_of_parts_that_never_came_together() -> None:
    """The second half of one kind of utterance after the first half of another: no neighbour has both."""
    rng = np.random.default_rng(3)
    halves = rng.normal(size=(4, 12, 3))
    looks = np.tanh(halves.reshape(4, 6, 2, 3).mean(2) @ rng.normal(size=(3, 4)))
    pairs = [(0, 1), (1, 0), (2, 3), (3, 2)] * 20
    source = np.stack([np.concatenate((halves[a], halves[b])) for a, b in pairs]).reshape(80, -1)
    source = source + 0.1 * rng.normal(size=source.shape)
    target = np.stack([np.concatenate((looks[a], looks[b])) for a, b in pairs]).reshape(80, -1)
    embedding = FrameEmbedding(CONFIG).fit(source, target, rng)
    new = embedding.transfer(np.concatenate((halves[0], halves[3])).reshape(1, -1))
    truth = np.concatenate((looks[0], looks[3])).reshape(1, -1)
    assert np.corrcoef(new[0], truth[0])[0, 1] > 0.9


def test_gain_stretches_about_the_mean_frame() -> None:
    pairs = utterances(60, 0)
    plain = FrameEmbedding(CONFIG).fit(*pairs, np.random.default_rng(0))
    wide = FrameEmbedding(CONFIG.replace(frame_gain=2.0)).fit(*pairs, np.random.default_rng(0))
    source, middle = utterances(5, 1)[0], np.tile(plain.frame_mean, 12)
    assert np.allclose(wide.transfer(source) - middle, 2 * (plain.transfer(source) - middle), atol=1e-5)


def test_rows_that_are_no_frames_are_refused() -> None:
    source, target = utterances(8, 0)
    with pytest.raises(TransferError, match="source rows of 70 values are not 24 frames"):
        FrameEmbedding(CONFIG).fit(source[:, :70], target, np.random.default_rng(0))
    with pytest.raises(TransferError, match="target rows of 47 values are not 12 frames"):
        FrameEmbedding(CONFIG).fit(source, target[:, :47], np.random.default_rng(0))
