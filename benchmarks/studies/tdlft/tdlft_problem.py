"""One transfer problem: networks for both modalities, and what the target network answers after every transfer.

A problem is given by training rows, test rows, and which labels are seen. Labels of neither kind do not take part.
The source network hears every training row; the target network and the embedding get those of seen labels alone. The
oracle alone looks at target rows of unseen labels, which is its purpose.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.tdlft.config import EMBEDDINGS, FRAMES, DbnConfig, EmbeddingConfig, TdlftConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import Embedding, build_embedding
from agent.tdlft.embeddings.fields import Fields
from agent.tdlft.fine_tuning import ParallelLayer, fine_tune
from benchmarks.studies.tdlft.tdlft_scores import Scores
from sensors.core.config import Config, parse, setting
from sensors.core.errors import ConfigError, TransferError
from teacher.datasets.core.folds import Rows, stratified_folds
from teacher.datasets.readers.parallel import ParallelCorpus

ORACLE = "oracle"
UNIMODAL = "unimodal"
INNER_FOLDS = 5
RECIPES = ("faithful", "parallel", "echo", "distribution")
"""Algorithm 1 to the letter; parallel rows mixed in, by their share of labels; transferred ones among them, too; or
parallel rows, and instead of transferred rows their means by label, spread as parallel rows are about theirs."""
COPIES = 2
"""Rows drawn for an unseen label under 'distribution', per parallel row of a seen one."""


@dataclass(frozen=True)
class SizesConfig(Config):
    """Units of the hidden layers of both networks."""

    first: int = setting(1000, help="units of the first hidden layer", low=1, high=65_536)
    second: int = setting(500, help="units of the second hidden layer", low=1, high=65_536)
    third: int = setting(250, help="units of the third hidden layer", low=1, high=65_536)


@dataclass(frozen=True)
class SightConfig(Config):
    """How AV-Letters' lips are shown; corpora in folders are taken as they are."""

    blur: float = setting(6.0, help="deviation of a Gaussian over each frame; 0: none", unit="pixels", low=0, high=40)


@dataclass(frozen=True)
class HeardConfig(Config):
    """What embeddings see of the source network."""

    hidden: str = setting(
        "fields",
        help="of its hidden layers: 'means', H^(i) as it is; 'fields', what entered its logistic units, standardised",
        choices=("means", "fields"),
    )


@dataclass(frozen=True)
class FaithfulConfig(Config):
    """Algorithm 1 to the letter, which has nothing but transferred rows to learn from."""

    learning_rate: float = setting(
        1e-3, help="its step size; the larger, the sooner it forgets seen labels", low=0.0, high=10.0
    )


@dataclass(frozen=True)
class ChoiceConfig(Config):
    """Choosing inside the training rows."""

    problems: int = setting(1, help="inner problems, each with its own networks", low=1, high=5)


@dataclass(frozen=True)
class TableConfig(Config):
    """Networks and transfers of the table; a change of any is a change of the experiment."""

    sizes: SizesConfig = field(default_factory=SizesConfig)
    sight: SightConfig = field(default_factory=SightConfig)
    heard: HeardConfig = field(default_factory=HeardConfig)
    choice: ChoiceConfig = field(default_factory=ChoiceConfig)
    faithful: FaithfulConfig = field(default_factory=FaithfulConfig)
    audio: DbnConfig = field(default_factory=lambda: DbnConfig(pretrain_epochs=60, dropout=0.3))
    video: DbnConfig = field(
        # No longer than it takes: units that have learnt the seen letters by heart tell unseen ones apart less well.
        default_factory=lambda: DbnConfig(pretrain_epochs=60, dropout=0.3)
    )
    embedding: EmbeddingConfig = field(
        # Neighbours of two letters or so: within one, the mean of any number of them is that letter.
        default_factory=lambda: EmbeddingConfig(neighbours=40, svr_cost=3.0, svr_width=1.0)
    )
    tdlft: TdlftConfig = field(default_factory=lambda: TdlftConfig(learning_rate=3e-3, dropout=0.3, noise=1.0))

    @property
    def hidden(self) -> tuple[int, int, int]:
        """Units of the hidden layers."""
        return self.sizes.first, self.sizes.second, self.sizes.third

    @property
    def layers(self) -> range:
        """0…l+1."""
        return range(len(self.hidden) + 2)

    def check_layers(self, layers: Sequence[int]) -> None:
        """Refuse layers that the networks do not have.

        Raises:
            ConfigError: names one.
        """
        if wrong := [i for i in layers if i not in self.layers]:
            raise ConfigError(f"--layers: no layer {wrong[0]}; there are {self.layers[0]}…{self.layers[-1]}")

    def override(self, changes: Mapping[str, str]) -> "TableConfig":
        """A copy with settings such as `video.dropout` changed from text.

        Raises:
            ConfigError: no such setting, or a bad value.
        """
        made = self
        for key, text in changes.items():
            section, _, name = key.partition(".")
            part: Any = getattr(made, section, None)
            if not isinstance(part, Config):
                raise ConfigError(f"{key}: the groups of settings are {', '.join(self.to_dict())}")
            made = made.replace(**{section: part.replace(**{name: parse(type(part), name, text)})})
        return made


@dataclass(frozen=True)
class Problem:
    """What trains, what tests, and which labels are seen.

    Attributes:
        corpus: all rows.
        train: row numbers, of seen and unseen labels alone.
        test: likewise; shares none with `train`.
        seen: labels whose target rows may train.
        unseen: labels whose target rows may not.
    """

    corpus: ParallelCorpus
    train: Rows
    test: Rows
    seen: tuple[int, ...]
    unseen: tuple[int, ...]

    @property
    def pairs(self) -> Rows:
        """Training rows of seen labels: X_A and X_V."""
        return self.train[np.isin(self.corpus.labels[self.train], self.seen)]

    @property
    def star(self) -> Rows:
        """Training rows of unseen labels: X_A*, and for the oracle X_V*."""
        return self.train[np.isin(self.corpus.labels[self.train], self.unseen)]

    @property
    def share(self) -> float:
        """Of unseen labels among all."""
        return len(self.unseen) / (len(self.seen) + len(self.unseen))


def make_problem(corpus: ParallelCorpus, train: Rows, test: Rows) -> Problem:
    """The problem of a fold: everything in it."""
    return Problem(corpus, train, test, corpus.seen, corpus.unseen)


def inner_problems(problem: Problem, count: int, seed: int) -> list[Problem]:
    """The same in small, inside the training rows: of the seen labels, the last are taken for unseen.

    Of AV-Letters these are O to T. A fifth of the training rows of seen labels tests each. Truly unseen labels, and
    the problem's own test rows, take no part.
    """
    unseen = min(len(problem.unseen), len(problem.seen) // 2)
    rows, corpus = problem.pairs, problem.corpus
    folds = stratified_folds(corpus.labels[rows], corpus.speakers[rows], seed, INNER_FOLDS)
    kinds = problem.seen[:-unseen], problem.seen[-unseen:]
    return [Problem(corpus, rows[fold.train], rows[fold.test], *kinds) for fold in folds[:count]]


@dataclass(frozen=True)
class Trained:
    """Both networks of a problem."""

    audio: DBN
    video: DBN


def train_networks(problem: Problem, config: TableConfig, seed: int, tell: Callable[[], None]) -> Trained:
    """N_A of all training rows, N_V of those of seen labels.

    Args:
        problem: whose training rows.
        config: the table's.
        seed: of weights and of the rows' order.
        tell: called after each epoch.
    """
    corpus, made = problem.corpus, []
    audio, video = (corpus.source, problem.train, config.audio), (corpus.target, problem.pairs, config.video)
    for number, (values, rows, settings) in enumerate((audio, video)):
        network = DBN((values.shape[1], *config.hidden), len(corpus.label_names), settings, 2 * seed + number)
        x = values[rows]
        for _ in network.pretraining(x):
            tell()
        for _ in network.finetuning(x, corpus.labels[rows]):
            tell()
        made.append(network)
    return Trained(*made)


class Transfers:
    """Every transfer at one layer i.

    Args:
        problem: rows and labels.
        trained: its networks.
        i: 0…l+1.
        config: the table's.
        seed: of embeddings and batches.
        frames: fitted on the pairs' frames by `fit_frames`; none for corpora without frames.
    """

    def __init__(
        self,
        problem: Problem,
        trained: Trained,
        i: int,
        config: TableConfig,
        seed: int,
        frames: Embedding | None = None,
    ) -> None:
        corpus = problem.corpus
        self.frames = frames
        self.problem, self.video, self.i, self.config, self.seed = problem, trained.video, i, config, seed
        audio = trained.audio.layer(corpus.source[np.concatenate((problem.pairs, problem.star))], i)
        self.audio, self.audio_star = np.split(audio, [len(problem.pairs)])
        if config.heard.hidden == "fields" and 1 <= i <= trained.audio.depth:
            fields = Fields(self.audio)
            self.audio, self.audio_star = fields(self.audio), fields(self.audio_star)
        self.lips = trained.video.layer(corpus.target[problem.pairs], i)
        self.labels = corpus.labels[problem.pairs]
        self.star_labels = corpus.labels[problem.star]

    def embedding(self, name: str) -> Embedding:
        """One fitted on the pairs; its hyper-parameters are searched by labels left out among them."""
        rng = np.random.default_rng([self.seed, self.i])
        # What frames become is taken to layer i by the target network itself.
        if name in (ORACLE, FRAMES):
            return build_embedding("identity", self.config.embedding).fit(self.lips, self.lips, rng)
        return build_embedding(name, self.config.embedding).fit(self.audio, self.lips, rng, groups=self.labels)

    def answer(self, name: str, embedding: Embedding, recipe: str) -> Scores:
        """Log-probabilities of the test rows, (M, classes), after TDLFT(i) by this embedding and recipe."""
        problem = self.problem
        keep = 1 - problem.share
        parallel, echo = {"faithful": (0.0, 0.0), "echo": (keep * 2 / 3, keep / 3)}.get(recipe, (keep, 0.0))
        # Inputs are the same to a network whether it trained on them or not; only what it makes of them is surer.
        noise = self.config.tdlft.noise if self.i else 0.0
        config = self.config.tdlft.replace(parallel=parallel, echo=echo, noise=noise)
        if recipe == "faithful":
            config = config.replace(learning_rate=self.config.faithful.learning_rate)
        star, labels, source = self.audio_star, self.star_labels, self.audio
        if name == ORACLE:
            star, source = self.video.layer(problem.corpus.target[problem.star], self.i), self.lips
        if name == FRAMES:
            star, source = self.from_frames
        if recipe == "distribution":
            star, labels = self._spread(embedding.transfer(star))
            embedding, source = self.embedding(ORACLE), self.lips
        pairs = ParallelLayer(source, self.lips, self.labels)
        return scores_of(fine_tune(self.video, embedding, self.i, star, labels, config, pairs), problem)

    @cached_property
    def from_frames(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """N_V^(i)(T^(0)(X_A*)), and the same of X_A."""
        if self.frames is None:
            raise TransferError(f"{self.problem.corpus.name}: its rows are no runs of frames")
        source, layer, frames = self.problem.corpus.source, self.video.layer, self.frames
        star, pairs = (layer(frames.transfer(source[rows]), self.i) for rows in (self.problem.star, self.problem.pairs))
        return star, pairs

    def _spread(self, transferred: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Rows of unseen labels: the mean of a label's transferred rows plus drawn differences of parallel rows."""
        rng = np.random.default_rng([self.seed, self.i, 1])
        kinds, inverse = np.unique(self.labels, return_inverse=True)
        means = np.stack([self.lips[self.labels == kind].mean(0) for kind in kinds])
        differences = self.lips - means[inverse]
        count = COPIES * len(self.lips) // len(kinds)
        rows = [
            transferred[self.star_labels == label].mean(0) + differences[rng.integers(len(differences), size=count)]
            for label in self.problem.unseen
        ]
        drawn = np.concatenate(rows).astype(np.float32)
        # Hidden units are probabilities, and so are answers.
        return drawn.clip(0, 1) if self.i else drawn, np.repeat(self.problem.unseen, count)


def scores_of(video: DBN, problem: Problem) -> Scores:
    """Log-probabilities of the test rows; labels that take no part get none."""
    probabilities = video.layer(problem.corpus.target[problem.test], video.depth + 1)
    scores = np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)
    absent = np.setdiff1d(np.arange(scores.shape[1]), (*problem.seen, *problem.unseen))
    scores[:, absent] = -np.inf
    return scores


def true_labels(problem: Problem) -> NDArray[np.int64]:
    """True labels of the test rows."""
    return problem.corpus.labels[problem.test]


def fit_frames(problem: Problem, config: TableConfig, seed: int) -> Embedding | None:
    """The embedding of frames, fitted on the pairs as they came; None where the corpus has no frames."""
    corpus = problem.corpus
    if not all(corpus.frames):
        return None
    frames = dict(zip(("source_frames", "target_frames"), corpus.frames, strict=True))
    embedding = build_embedding(FRAMES, config.embedding.replace(**frames))
    return embedding.fit(corpus.source[problem.pairs], corpus.target[problem.pairs], np.random.default_rng(seed))


def ways(layers: Sequence[int], frames: bool) -> Iterator[tuple[str, int]]:
    """Every embedding at every layer, and the oracle at the same; that of frames where there are any."""
    for i in layers:
        for name in (ORACLE, *EMBEDDINGS, *((FRAMES,) if frames else ())):
            yield name, i
