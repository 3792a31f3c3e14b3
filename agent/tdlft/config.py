"""Settings of deep belief networks, embeddings between them, and TDLFT; free of torch, as all settings are."""

from dataclasses import dataclass

from sensors.core.config import Config, setting

INPUTS = ("span", "whitened", "each")
EMBEDDINGS = ("knn", "svr", "ncca", "transcoder")
"""The paper's three, and SMART's transcoder: between layers i of both networks."""
FRAMES = "frames"
"""Between frames of their inputs; the video network lifts what it transfers to layer i."""


@dataclass(frozen=True)
class PretrainConfig(Config):
    """RBMs trained greedily by contrastive divergence; figures of section 3 of the paper are not published."""

    pretrain_epochs: int = setting(30, help="passes over the rows for each RBM; 0: random weights", low=0, high=100_000)
    pretrain_batch: int = setting(32, help="rows a step of contrastive divergence", unit="rows", low=1, high=65_536)
    gaussian_rate: float = setting(1e-3, help="learning rate of the Gaussian-Bernoulli RBM", low=0.0, high=1.0)
    bernoulli_rate: float = setting(0.05, help="learning rate of the RBMs above it", low=0.0, high=10.0)
    start_momentum: float = setting(0.5, help="momentum in the first 5 epochs", low=0.0, high=0.999)
    momentum: float = setting(0.9, help="momentum from then on", low=0.0, high=0.999)
    weight_cost: float = setting(2e-4, help="weight decay of contrastive divergence", low=0.0, high=1.0)
    cd_steps: int = setting(1, help="Gibbs steps of contrastive divergence (the k of CD-k)", low=1, high=10_000)
    sampled_visible: bool = setting(
        False, help="reconstructions are sampled instead of their means; exact Gibbs, but noisier gradients"
    )
    patience: int = setting(
        0,
        help="an RBM stops when held-out reconstruction has not improved for so many epochs; 0: never",
        unit="epochs",
        low=0,
        high=100_000,
    )


@dataclass(frozen=True)
class BackpropagationConfig(Config):
    """Fine-tuning with labels by backpropagation."""

    epochs: int = setting(60, help="passes over the rows", low=0, high=100_000)
    batch: int = setting(32, help="rows a step", unit="rows", low=1, high=65_536)
    optimiser: str = setting("adam", help="how gradients become steps", choices=("sgd", "adam"))
    learning_rate: float = setting(1e-3, help="step size, falling to zero along a half cosine", low=0.0, high=10.0)
    sgd_momentum: float = setting(0.9, help="momentum of optimiser 'sgd'", low=0.0, high=0.999)
    weight_decay: float = setting(0.0, help="decoupled weight decay (biases apart)", low=0.0, high=10.0)
    dropout: float = setting(0.0, help="share of the units of every hidden layer dropped in a step", low=0.0, high=0.95)
    noise: float = setting(
        0.0,
        help="Gaussian noise on the rows that enter, in standard deviations of their values",
        low=0.0,
        high=10.0,
    )


@dataclass(frozen=True)
class DbnConfig(PretrainConfig, BackpropagationConfig):
    """One deep belief network."""

    inputs: str = setting(
        "span",
        help="what the first RBM sees: 'span': rotated into the span of the training rows; 'whitened': principal "
        "components, each of variance 1; 'each': every value standardised",
        choices=INPUTS,
    )
    components: int = setting(0, help="dimensions kept by 'span' and 'whitened'; 0: all there are", low=0, high=65_536)
    gain: float = setting(
        1.0, help="factor on standardised inputs: the Gaussian units' noise is 1 / gain", low=1e-6, high=1e6
    )


@dataclass(frozen=True)
class EmbeddingConfig(Config):
    """Embeddings from one network's layer into another's. A setting of 0 is searched inside the training pairs."""

    embedding: str = setting("knn", help="which embedding", choices=(*EMBEDDINGS, FRAMES))
    search_folds: int = setting(3, help="folds of the search among the training pairs", low=2, high=100)
    jobs: int = setting(1, help="threads that fit SVRs; -1: as many as there are cores", low=-1, high=1024)
    neighbours: int = setting(0, help="K of KNN; 0: searched", low=0, high=100_000)
    correlations: int = setting(0, help="dimensions c of NCCA's common space; 0: searched", low=0, high=100_000)
    regularisation: float = setting(
        0.0, help="ridge of NCCA, as a share of the mean variance; 0: searched", low=0.0, high=1e6
    )
    back_projection: str = setting(
        "least_squares",
        help="NCCA's way back from the common space: 'transpose' is the paper's H U V^T, which shrinks to the mean",
        choices=("least_squares", "transpose"),
    )
    svr_cost: float = setting(0.0, help="C of SVR on standardised outputs; 0: searched", low=0.0, high=1e6)
    svr_width: float = setting(
        0.0, help="gamma of SVR's kernel x mean squared distance of two rows; 0: searched", low=0.0, high=1e6
    )
    svr_margin: float = setting(0.1, help="epsilon of SVR on standardised outputs", low=0.0, high=10.0)
    svr_probe: int = setting(64, help="outputs by which SVR's hyper-parameters are searched", low=1, high=100_000)
    transcoder_width: int = setting(256, help="units of the transcoder's four hidden layers", low=1, high=65_536)
    transcoder_epochs: int = setting(60, help="passes over the pairs", low=1, high=100_000)
    transcoder_batch: int = setting(64, help="pairs a step", unit="pairs", low=2, high=65_536)
    transcoder_rate: float = setting(1e-3, help="AdamW step size, falling to zero", low=1e-7, high=1.0)
    transcoder_decay: float = setting(0.01, help="AdamW weight decay", low=0.0, high=10.0)
    transcoder_noise: float = setting(
        0.3, help="noise on the source rows, in standard deviations of their values", low=0.0, high=10.0
    )
    source_frames: int = setting(24, help="'frames': frames of a source row", unit="frames", low=1, high=65_536)
    target_frames: int = setting(12, help="'frames': frames of a target row", unit="frames", low=1, high=65_536)
    frame_reach: int = setting(
        4, help="'frames': source frames on either side that a target frame is told from", unit="frames", low=0, high=64
    )
    frame_components: int = setting(30, help="'frames': principal components of a target frame", low=1, high=4096)
    frame_width: float = setting(
        1.0, help="'frames': gamma of the kernel x mean square of a standardised value", low=1e-3, high=1e3
    )
    frame_ridge: float = setting(0.3, help="'frames': ridge on the kernel's diagonal", low=1e-6, high=1e3)
    frame_gain: float = setting(
        1.5, help="'frames': stretches what ridge regression has drawn towards the mean", low=0.1, high=10.0
    )


@dataclass(frozen=True)
class TdlftConfig(BackpropagationConfig):
    """Fine-tuning with transferred data: Algorithm 1, and what may be mixed into it.

    A step's loss is the transferred rows' with weight 1 - parallel - echo, the parallel rows' with `parallel`, and the
    transferred parallel rows' with `echo`. Both at 0 are Algorithm 1 to the letter.
    """

    epochs: int = setting(30, help="passes over the transferred rows", low=0, high=100_000)
    parallel: float = setting(
        0.0,
        help="weight of the parallel rows themselves, without which the labels known before are forgotten",
        low=0.0,
        high=1.0,
    )
    echo: float = setting(
        0.0,
        help="weight of parallel rows transferred like the new ones: the transfer's own manner, in known labels",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class TdlftTurnsConfig(Config):
    """TDLFT turns in a stream: when they come, how large the networks are, and how long they train."""

    share: float = setting(
        0.25, help="largest share of the learner's time that TDLFT takes while SMART has work", low=0.0, high=0.9
    )
    new_events: int = setting(
        48,
        help="new labelled events before the next turn",
        unit="events",
        low=1,
        high=10**9,
    )
    min_pairs: int = setting(60, help="parallel events before the first turn", unit="events", low=4, high=10**9)
    refit_share: float = setting(
        0.25,
        help="share of new parallel events from which networks and embedding are trained anew",
        low=0.0,
        high=1.0,
    )
    embedding: str = setting(
        FRAMES,
        help="embedding of speech in the lips' network; frames: between frames of the inputs; the others: "
        "between hidden layers",
        choices=(*EMBEDDINGS, FRAMES),
    )
    layer: int = setting(3, help="i of TDLFT(i): the layer into which data are transferred", low=0, high=3)
    first: int = setting(500, help="units of the first hidden layer of both networks", low=1, high=65_536)
    second: int = setting(250, help="units of the second hidden layer of both networks", low=1, high=65_536)
    third: int = setting(250, help="units of the third hidden layer of both networks", low=1, high=65_536)
    pretrain_epochs: int = setting(40, help="training epochs of each RBM", low=0, high=100_000)
    gaussian_rate: float = setting(1e-3, help="learning rate of the Gaussian-Bernoulli RBMs", low=0.0, high=1.0)
    bernoulli_rate: float = setting(0.05, help="learning rate of the RBMs above them", low=0.0, high=10.0)
    audio_epochs: int = setting(60, help="training epochs of the speech network with labels", low=0, high=100_000)
    video_epochs: int = setting(100, help="training epochs of the lips' network with labels", low=0, high=100_000)
    tune_epochs: int = setting(30, help="training epochs of TDLFT on the transferred rows", low=0, high=100_000)
    audio_dropout: float = setting(0.3, help="dropout of the speech network", low=0.0, high=0.95)
    video_dropout: float = setting(0.5, help="dropout of the lips' network", low=0.0, high=0.95)
    tune_dropout: float = setting(0.3, help="dropout of TDLFT", low=0.0, high=0.95)
    tune_noise: float = setting(
        1.0,
        help="noise on the rows that TDLFT transfers above layer 0, in standard deviations; noise hides the "
        "network's overconfidence on its training rows",
        low=0.0,
        high=10.0,
    )

    @property
    def hidden(self) -> tuple[int, int, int]:
        """Units of the hidden layers."""
        return self.first, self.second, self.third

    @property
    def audio(self) -> DbnConfig:
        """Settings of N_A."""
        return self._network.replace(epochs=self.audio_epochs, dropout=self.audio_dropout)

    @property
    def video(self) -> DbnConfig:
        """Settings of N_V."""
        return self._network.replace(epochs=self.video_epochs, dropout=self.video_dropout, learning_rate=3e-3)

    @property
    def _network(self) -> DbnConfig:
        return DbnConfig(
            pretrain_epochs=self.pretrain_epochs,
            gaussian_rate=self.gaussian_rate,
            bernoulli_rate=self.bernoulli_rate,
        )

    @property
    def fitting(self) -> EmbeddingConfig:
        """Settings of the embedding."""
        return EmbeddingConfig(embedding=self.embedding)

    def tuning(self, parallel: float) -> TdlftConfig:
        """Settings of TDLFT with parallel rows mixed in at this weight."""
        noise = self.tune_noise if self.layer else 0.0
        return TdlftConfig(epochs=self.tune_epochs, dropout=self.tune_dropout, noise=noise, parallel=parallel)
