"""The work of one TDLFT turn, cut into pieces between which the caller may do other things.

Anew: N_A from all labelled speech, N_V from the parallel corpus, T_A->V^(i) between their layers i, and TDLFT(i) with
the speech of letters that have no lips. Otherwise networks and embedding stay, and TDLFT(i) alone is done again from
N_V. All chance comes from `seed`, so the same rows and the same networks lead to bitwise the same outcome.
"""

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from agent.tdlft.config import FRAMES, TdlftTurnsConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import Embedding, build_embedding
from agent.tdlft.fine_tuning import ParallelLayer, Tdlft
from agent.tdlft.labelled_rows import LabelledRows
from agent.tdlft.lip_networks import LipNetwork, LipNetworks, transfer_of


def take_turn(
    config: TdlftTurnsConfig, rows: LabelledRows, known: LipNetworks | None, turn: int, seed: int
) -> Generator[None, None, LipNetworks]:
    """One turn; a piece is an epoch, or a part of the embedding's fit.

    Args:
        config: sizes, layer, embedding, epochs.
        rows: all that it learns from.
        known: networks and embedding to keep; None: they are learned anew.
        turn: its number, from 1.
        seed: of this turn's weights, samples and orders.

    Returns:
        What it made; `known` stays as it is.

    Raises:
        TransferError: an RBM diverged, or rows are all the same; the message names the remedy.
    """
    i, labels = config.layer, rows.every_label
    classes = max(int(labels.max()) + 1, 2)
    if known is None:
        seeds = [int(value) for value in np.random.default_rng([seed, turn]).integers(1 << 62, size=2)]
        speech = rows.every_speech
        audio = DBN((speech.shape[1], *config.hidden), classes, config.audio, seeds[0])
        yield from _train(audio, speech, labels)
        video: DBN = LipNetwork(config.hidden, classes, config.video, seeds[1])
        yield from _train(video, rows.lips, rows.labels)
    else:
        # Labels that came since are new to them; labels are never taken away.
        audio, video = known.audio.copy(), known.video.copy()
        for network in (audio, video):
            network.grow(max(classes, network.classes))
    parallel = ParallelLayer(audio.layer(rows.speech, i), video.layer(rows.lips, i), rows.labels)
    if known is None:
        embedding = build_embedding(config.embedding, config.fitting)
        rng = np.random.default_rng([seed, turn, i])
        between = (rows.speech, rows.lips) if config.embedding == FRAMES else (parallel.audio, parallel.video)
        yield from embedding.fitting(*between, rng, rows.labels)
    else:
        embedding = known.embedding
    tuned = yield from _tune(config, audio, video, embedding, rows, parallel)
    counts = len(rows.labels), len(rows.heard_labels)
    return LipNetworks(audio, video, tuned, embedding, i, turn, *counts, rows.unpaired, rows.keys)


def _train(network: DBN, x: NDArray[np.float32], y: NDArray[np.int64]) -> Iterator[None]:
    yield from _epochs(network.pretraining(x))
    yield from _epochs(network.finetuning(x, y))


def _tune(
    config: TdlftTurnsConfig,
    audio: DBN,
    video: DBN,
    embedding: Embedding,
    rows: LabelledRows,
    parallel: ParallelLayer,
) -> Generator[None, None, DBN]:
    """TDLFT(i), parallel rows mixed in by their share of all labels; without new letters N_V as it is."""
    new = np.isin(rows.heard_labels, rows.unpaired)
    if not new.any():
        return video.copy()
    seen = len(np.unique(rows.labels))
    settings = config.tuning(seen / (seen + len(rows.unpaired)))
    star, transfer = transfer_of(embedding, audio, video, config.layer, rows.heard_speech[new])
    tdlft = Tdlft(video, transfer, config.layer, star, rows.heard_labels[new], settings, parallel)
    yield from _epochs(tdlft.run())
    return tdlft.network


def _epochs(work: Iterator[object]) -> Iterator[None]:
    for _ in work:
        yield
