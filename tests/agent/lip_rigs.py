"""A small world of letters: lips and speech show the same traits, and letters never seen are new mixtures of them."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.tdlft.config import DbnConfig, EmbeddingConfig, TdlftTurnsConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import build_embedding
from agent.tdlft.fine_tuning import ParallelLayer, fine_tune
from agent.tdlft.labelled_rows import event_keys
from agent.tdlft.lip_networks import LipNetwork, LipNetworks, speech_rows
from agent.tdlft.lips import to_rows
from teacher.datasets.core.utterances import make_utterances
from teacher.datasets.letters import LetterData

TRAITS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]])
"""Of six letters: what is heard and what moves."""
SEEN, UNSEEN = (0, 1, 2, 3), (4, 5)
TURNS = TdlftTurnsConfig(tune_epochs=1200, tune_dropout=0.0)
LAYER = 1
TRAIN, TEST = 10, 6
"""Utterances of each letter."""


@functools.cache
def letter_data(noise: int = 25, seed: int = 0) -> LetterData:
    """Utterances of six letters, training rows first; lips are faint patches in noise."""
    rng = np.random.default_rng(seed)
    letters = np.arange(len(TRAITS) * (TRAIN + TEST), dtype=np.int64) % len(TRAITS)
    speech = rng.normal(size=(len(letters), 24, 26))
    lips = 128.0 + noise * rng.normal(size=(len(letters), 12, 60, 80))
    for row, letter in enumerate(letters):
        for trait in np.flatnonzero(TRAITS[letter]):
            speech[row, :, 6 * trait : 6 * trait + 5] += 2
            lips[row, 3 * trait : 3 * trait + 3, 10:40, 20 * trait : 20 * trait + 20] += 40
    stored = lips.clip(0, 255).astype(np.uint8)
    ones = np.ones(len(letters), np.int64)
    made = make_utterances("patches", speech.astype(np.float32), stored, letters, ["x"] * len(letters), ones)
    train = np.arange(len(TRAITS) * TRAIN)
    rest = np.arange(len(train), len(letters))
    return LetterData(made, train, rest, "by the test", SEEN, UNSEEN, tuple("ABCDEF"))


def paired(data: LetterData) -> NDArray[np.int64]:
    """Training rows of letters seen."""
    return data.train[np.isin(data.utterances.letters[data.train], data.seen)]


@functools.cache
def lip_networks() -> LipNetworks:
    """What a turn on the training part of `letter_data` makes: pairs of letters seen, speech of the others."""
    data = letter_data()
    utterances, pairs = data.utterances, paired(data)
    star = np.setdiff1d(data.train, pairs)
    speech, lips, letters = speech_rows(utterances.speech), to_rows(utterances.stored_lips), utterances.letters
    config = DbnConfig(pretrain_epochs=20, pretrain_batch=4, epochs=60, learning_rate=1e-2, batch=8)
    audio, video = DBN((speech.shape[1], 48, 24), len(TRAITS), config, 0), LipNetwork((48, 24), len(TRAITS), config, 1)
    for network, rows in ((audio, speech[data.train]), (video, lips[pairs])):
        network.pretrain(rows)
        network.finetune(rows, letters[data.train if network is audio else pairs])
    mixed = ParallelLayer(audio.layer(speech[pairs], LAYER), video.layer(lips[pairs], LAYER), letters[pairs])
    embedding = build_embedding("ncca", EmbeddingConfig(correlations=8, regularisation=0.1))
    embedding.fit(mixed.audio, mixed.video, np.random.default_rng(0))
    heard = audio.layer(speech[star], LAYER)
    tuned = fine_tune(video, embedding, LAYER, heard, letters[star], TURNS.tuning(4 / 6), mixed)
    keys = np.concatenate((keys_of(data, pairs, True), keys_of(data, star, False)))
    return LipNetworks(audio, video, tuned, embedding, LAYER, 3, len(pairs), len(star), UNSEEN, keys)


def keys_of(data: LetterData, rows: NDArray[np.int64], lips: bool) -> NDArray[np.int64]:
    """Keys of utterances as a teacher's events."""
    utterances = data.utterances
    letters = utterances.letters[rows, None].astype(np.uint16)
    samples: dict[str, NDArray[Any]] = {"speech": utterances.speech[rows], "letter": letters}
    if lips:
        samples["lips"] = utterances.stored_lips[rows]
    return np.array(list(event_keys(samples)), np.int64)
