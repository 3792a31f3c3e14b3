"""The exam of lip reading: what the learner's network reads from lips, beside two references.

'Unimodal' is the network as the parallel corpus alone taught it. The 'oracle' had the perfect transfer: in place of
transferred speech, the real lips of the letters that the learner only ever heard of, at the same layer and mixed in the
same way. No learner can have those lips: the oracle exists only in the monitor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.tdlft.config import EmbeddingConfig, TdlftTurnsConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import build_embedding
from agent.tdlft.fine_tuning import ParallelLayer, fine_tune
from agent.tdlft.labelled_rows import event_keys
from agent.tdlft.lip_networks import LipNetworks
from agent.tdlft.lips import from_rows, to_rows
from sensors.core.modalities import modality
from sensors.signals.lips import store_lips
from teacher.datasets.core.samples import Bytes, Labels
from teacher.datasets.letters import LetterData


@dataclass(frozen=True)
class Accuracy:
    """Fractions of test clips named rightly.

    Attributes:
        all: of every clip.
        seen: of letters whose lips were learned from; 0 where there is no such clip.
        unseen: of letters whose lips never were; likewise.
    """

    all: float
    seen: float
    unseen: float

    @property
    def harmonic(self) -> float:
        """Harmonic mean of seen and unseen: 0 as soon as either is."""
        total = self.seen + self.unseen
        return 2 * self.seen * self.unseen / total if total else 0.0


@dataclass(frozen=True)
class LipGrades:
    """Outcome of one exam.

    Attributes:
        turn: which TDLFT turn was examined.
        pairs: rows of the parallel corpus that it had.
        heard: rows of labelled speech without lips that it had.
        tuned: accuracy after TDLFT.
        unimodal: accuracy before it.
        among_unseen: accuracy on unseen letters where no other letter may be answered.
        confusion: (true, read) counts after TDLFT, square.
    """

    turn: int
    pairs: int
    heard: int
    tuned: Accuracy
    unimodal: Accuracy
    among_unseen: float
    confusion: NDArray[np.int64]


def score(named: Labels, letters: Labels, seen: Sequence[int], unseen: Sequence[int]) -> Accuracy:
    """How many of the letters are named rightly.

    Args:
        named: (N,) what was answered.
        letters: (N,) what is true.
        seen: labels that count as seen.
        unseen: labels that count as unseen.
    """
    right = named == letters
    parts = [right, right[np.isin(letters, seen)], right[np.isin(letters, unseen)]]
    return Accuracy(*(float(part.mean()) if len(part) else 0.0 for part in parts))


def examine_lips(
    networks: LipNetworks, stored_lips: Bytes, letters: Labels, seen: Sequence[int], unseen: Sequence[int]
) -> LipGrades:
    """Grade a turn's networks on lips that took no part in training.

    Letters beyond the networks' label space, such as one that was not heard yet, cannot be answered and count as wrong.

    Args:
        networks: what the learner published.
        stored_lips: (N, 12, 60, 80) uint8 test clips.
        letters: (N,) their letters.
        seen: labels of letters of which training uses lips.
        unseen: labels of letters of which training uses only speech.
    """
    rows = to_rows(stored_lips)
    top = networks.tuned.depth + 1
    probabilities = networks.tuned.layer(rows, top)
    read = probabilities.argmax(1)
    size = max(*seen, *unseen, networks.tuned.classes - 1, int(letters.max())) + 1
    confusion = np.zeros((size, size), np.int64)
    np.add.at(confusion, (letters, read), 1)
    hidden = np.isin(letters, unseen)
    known = np.array([label for label in unseen if label < networks.tuned.classes], np.int64)
    among = known[probabilities[hidden][:, known].argmax(1)] == letters[hidden] if len(known) else np.zeros(0)
    return LipGrades(
        networks.turn,
        networks.pairs,
        networks.heard,
        score(read, letters, seen, unseen),
        score(networks.video.predict(rows), letters, seen, unseen),
        float(among.mean()) if len(among) else 0.0,
        confusion,
    )


@dataclass(frozen=True)
class TrainingPart:
    """What the learner can have been taught: the corpus' training part, told apart as replay's events are.

    Attributes:
        rows: (N, 3600) float32 real lips, by `to_rows`.
        letters: (N,) their letters.
        pair_keys: (N,) int64 keys of the utterances as parallel events.
        heard_keys: (N,) likewise, as labelled speech only.
    """

    rows: NDArray[np.float32]
    letters: Labels
    pair_keys: NDArray[np.int64]
    heard_keys: NDArray[np.int64]

    @classmethod
    def of(cls, data: LetterData) -> "TrainingPart":
        """The training part of a corpus."""
        utterances, train = data.utterances, data.train
        letters, lips = utterances.letters[train], utterances.stored_lips[train]
        heard = {"speech": utterances.speech[train], "letter": letters[:, None].astype(modality("letter").dtype)}
        keys = [np.fromiter(event_keys(s), np.int64, len(train)) for s in (heard | {"lips": lips}, heard)]
        return cls(to_rows(lips), letters, *keys)

    def of_turn(self, networks: LipNetworks) -> NDArray[np.int64]:
        """Rows that a turn learned from: its pairs, and its labelled speech of letters without a pair."""
        paired = np.isin(self.pair_keys, networks.keys)
        transferred = np.isin(self.heard_keys, networks.keys) & np.isin(self.letters, networks.unpaired)
        return np.flatnonzero(paired | transferred)


def train_oracle(networks: LipNetworks, taught: TrainingPart, config: TdlftTurnsConfig) -> DBN | None:
    """TDLFT at the networks' layer with the perfect transfer, from the same N_V and of the same events.

    Args:
        networks: what the learner published.
        taught: what it can have been taught.
        config: that of the learner's turns.

    Returns:
        N_V, fine-tuned with real lips; None where nothing was transferred, or what was is not of this corpus.
    """
    taken = taught.of_turn(networks)
    letters, h = taught.letters[taken], networks.video.layer(taught.rows[taken], networks.layer)
    star = np.isin(letters, networks.unpaired)
    if star.all() or not star.any():
        return None
    identity = build_embedding("identity", EmbeddingConfig()).fit(h, h, np.random.default_rng(0))
    seen = len(np.unique(letters[~star]))
    tuning = config.tuning(seen / (seen + len(networks.unpaired)))
    parallel = ParallelLayer(h[~star], h[~star], letters[~star])
    return fine_tune(networks.video, identity, networks.layer, h[star], letters[star], tuning, parallel)


def reconstruct(networks: LipNetworks, stored_lips: Bytes) -> Bytes:
    """Real lips up to layer i of N_V and down again, what imagined lips could be at best: stored clips, likewise."""
    h = networks.video.layer(to_rows(stored_lips), networks.layer)
    return store_lips(from_rows(networks.video.down(h, networks.layer)))


def imagine(networks: LipNetworks, speech: NDArray[np.float32]) -> Bytes:
    """Lips that speech evokes, as a film would be stored: (N, 24, 26) to (N, 12, 60, 80) uint8."""
    return store_lips(networks.imagine(speech))
