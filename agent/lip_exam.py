"""The exam of lip reading: what the learner's network reads from lips, beside two references.

'Unimodal' is the network as the parallel corpus alone taught it. The 'oracle' had the perfect transfer: in place of
transferred speech, the real lips of the letters that the learner only ever heard of, at the same layer and mixed in the
same way. No learner can have those lips: the oracle exists in the monitor alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.dbn import DBN
from agent.embeddings import build_embedding
from agent.lip_networks import LipNetworks
from agent.lips import from_rows, to_rows
from agent.tdlft import Parallel, fine_tune
from agent.tdlft_config import EmbeddingConfig, TdlftConfig
from sensors.errors import TransferError
from sensors.lips import store_lips
from teacher.datasets.samples import Bytes, Labels


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
        unseen: labels of letters of which training uses speech alone.
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


def train_oracle(networks: LipNetworks, rows: NDArray[np.float32], letters: Labels, config: TdlftConfig) -> DBN:
    """TDLFT at the networks' layer with the perfect transfer, from the same N_V.

    Args:
        networks: what the learner published.
        rows: (N, 3600) float32 real lips of training utterances, by `to_rows`: of letters seen, and of those unseen
            that the learner has heard.
        letters: (N,) their letters.
        config: that of the learner's TDLFT.

    Raises:
        TransferError: no lips of a letter that was transferred, or none of one that was not.
    """
    i, video = networks.layer, networks.video
    h = video.layer(rows, i)
    star = np.isin(letters, networks.unpaired)
    if star.all() or not star.any():
        raise TransferError("the oracle needs lips of letters that were transferred and of letters that were not")
    identity = build_embedding("identity", EmbeddingConfig()).fit(h, h, np.random.default_rng(0))
    parallel = Parallel(h[~star], h[~star], letters[~star])
    return fine_tune(video, identity, i, h[star], letters[star], config, parallel)


def like_the_learners(train_letters: Labels, networks: LipNetworks) -> NDArray[np.int64]:
    """Training utterances that stand for what the learner learned from: as many, and of the same letters.

    Which ones it met depends on its teacher's order and on what replay still held; here they are the same in every run.

    Args:
        train_letters: (N,) letters of the training part.
        networks: whose `pairs` and `heard` rows of letters not in and in `unpaired`.

    Returns:
        Sorted numbers of training utterances; fewer where the learner met the same ones repeatedly.
    """
    order = np.random.default_rng(0).permutation(len(train_letters))
    transferred = np.isin(train_letters[order], networks.unpaired)
    paired = ~transferred & (train_letters[order] < networks.video.classes)
    return np.sort(np.concatenate((order[paired][: networks.pairs], order[transferred][: networks.heard])))


def reconstruct(networks: LipNetworks, stored_lips: Bytes) -> Bytes:
    """Real lips up to layer i of N_V and down again, what imagined lips could be at best: stored clips, likewise."""
    h = networks.video.layer(to_rows(stored_lips), networks.layer)
    return store_lips(from_rows(networks.video.down(h, networks.layer)))


def imagine(networks: LipNetworks, speech: NDArray[np.float32]) -> Bytes:
    """Lips that speech evokes, as a film would be stored: (N, 24, 26) to (N, 12, 60, 80) uint8."""
    return store_lips(networks.imagine(speech))
