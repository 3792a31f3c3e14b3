"""Settings of the learner and the monitor; free of torch, so that the command line starts at once."""

from dataclasses import dataclass

from sensors.core.config import Config, setting

PRESETS = ("small", "medium", "paper")
STRATEGIES = ("pair", "lesson", "cluster")
LATENT = 512
"""Size of z (SMART, section 3)."""


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Sizes of the networks."""

    preset: str = setting("small", help="network sizes", choices=PRESETS)
    latent: int = setting(LATENT, help="size of a latent representation z", unit="numbers", low=8, high=4096)


@dataclass(frozen=True)
class SmartConfig(Config):
    """The SMART update (Eq. 1-2); contrastive learning, too, takes its rates, weight decay and averaging from here."""

    weight: float = setting(1.0, help="lambda, the weight of the latent term; 1 in Eq. 1-2", low=0.0, high=1e3)
    norm: str = setting(
        "norm", help="distances in the loss; norm: as in the paper; squared: their squares", choices=("norm", "squared")
    )
    learning_rate: float = setting(1e-3, help="AdamW step size", low=1e-7, high=1.0)
    weight_decay: float = setting(0.01, help="AdamW weight decay", low=0.0, high=1.0)
    fixed_teacher: str = setting(
        "",
        help="modalities that teach and are not taught, comma-separated: no guide shapes their encoders",
    )
    mode: float = setting(
        1.0,
        help="how much less a guide counts per standard deviation of its distance from the evoked latent; 0: "
        "all guides count alike",
        low=0.0,
        high=10.0,
    )
    mode_from: int = setting(
        600,
        help="steps between two modalities before distant guides begin to count less",
        unit="steps",
        low=0,
        high=10**12,
    )
    mode_growth: int = setting(
        300, help="steps over which that effect grows to its full strength", unit="steps", low=0, high=10**12
    )
    contrast: float = setting(
        0.0,
        help="weight of a third loss term, which draws the evoked latent closer to its own guide than to those of "
        "other events of the batch; 0: only Eq. 1-2",
        low=0.0,
        high=1e4,
    )
    contrast_temperature: float = setting(
        0.1,
        help="tau of the third term; the smaller, the more sharply the own guide is told from others",
        low=0.01,
        high=10.0,
    )
    average: float = setting(
        0.998,
        help="decay per step of the moving average of the weights, which exams and answers use",
        low=0.0,
        high=0.999999,
    )


@dataclass(frozen=True)
class GuideConfig(Config):
    """Where guides come from."""

    guides: str = setting(
        "pair",
        help="the target of an event's latent; pair: the partner's own latent; lesson: the medoid of the "
        "lesson; cluster: the latent nearest to its cluster's centre",
        choices=STRATEGIES,
    )
    clusters: int = setting(30, help="number of clusters of guides 'cluster'", low=2, high=4096)
    bank: int = setting(6144, help="number of recent events that are clustered", unit="events", low=64, high=1 << 20)
    iterations: int = setting(8, help="k-means iterations per refresh", low=1, high=100)


@dataclass(frozen=True)
class AugmentConfig(Config):
    """How far the learning side's samples are moved at random."""

    augment: float = setting(
        1.0,
        help="strength of random augmentation, which suits the layout: a picture is turned, scaled and "
        "shifted, a spectrogram shifted in time and pitch; 0: none",
        low=0.0,
        high=2.0,
    )
    augment_from: int = setting(
        1500, help="learner step from which augmentation begins to grow", unit="steps", low=0, high=10**12
    )
    augment_growth: int = setting(
        1500, help="steps over which augmentation grows to full strength", unit="steps", low=0, high=10**12
    )
    mirror: bool = setting(
        True,
        help="augmentation also mirrors colour pictures, for learner and judges; false: where left and right "
        "differ in meaning, as in letters and signs",
    )


@dataclass(frozen=True)
class LearnerConfig(SmartConfig, GuideConfig, NetworkConfig, AugmentConfig):
    """The learner: its networks, its update, which turns it takes, on which hardware."""

    preset: str = setting(
        "auto",
        help="network sizes; small: for CPUs; medium: for photographs; paper: as published, for GPUs; auto: "
        "paper on a GPU, else small",
        choices=("auto", *PRESETS),
    )
    device: str = setting("auto", help="where to compute", choices=("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto",
        help="precision of the networks; auto: bfloat16 where the hardware has it, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    threads: int = setting(0, help="CPU threads of the learner; 0: all cores but one", low=0, high=1024)
    modalities: str = setting("audio,image", help="modalities that teach each other, comma-separated")
    batch: int = setting(128, help="events per step", unit="events", low=2, high=4096)
    selector: str = setting(
        "uniform", help="how a batch is drawn from replay", choices=("uniform", "lesson", "recency_mixed")
    )
    views: int = setting(4, help="events of one lesson in a batch, for guides or selector 'lesson'", low=1, high=1024)
    turn_steps: int = setting(50, help="steps per turn", unit="steps", low=1, high=100_000)
    min_events: int = setting(
        512, help="events in a table before the learner takes turns on it", low=2, high=100_000_000
    )
    paired_turns: float = setting(
        0.5,
        help="smallest share of turns on co-occurring events, however rare they are, once one of their tables "
        "holds min_events; 0: as many turns as their share of the events",
        unit="fraction",
        low=0.0,
        high=0.9,
    )
    held_out: float = setting(
        0.0,
        help="share of events that the learner never trains on; exams use them",
        unit="fraction",
        low=0.0,
        high=0.5,
    )
    warmup_steps: int = setting(
        100, help="steps over which the learning rate rises to its full value", unit="steps", low=0, high=10**12
    )
    cooldown: float = setting(
        0.3,
        help="last share of a run of known length, over which the learning rate falls to zero",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class ContrastiveConfig(Config):
    """Contrastive learning (InfoNCE); batches, moves, rates and averaging are the learner's."""

    width: int = setting(128, help="dimensions of the space that all senses share", low=2, high=4096)
    temperature: float = setting(
        0.07,
        help="tau at the beginning; the smaller, the more sharply the right partner is told from others",
        low=0.01,
        high=10.0,
    )
    learn_temperature: bool = setting(True, help="learn tau, down to 0.01; false: keep it")


@dataclass(frozen=True)
class MonitorConfig(Config):
    """The monitor: how often the learner is examined, and by which judges."""

    every: float = setting(20.0, help="time between exams", unit="s", low=1.0, high=86_400.0)
    exam_samples: int = setting(
        1000, help="test samples of each sense in a running exam (the final exam uses all)", low=1, high=10**6
    )
    niceness: int = setting(
        10, help="Unix niceness of the monitor; the higher, the more CPU time the learner gets", low=0, high=19
    )
    threads: int = setting(1, help="CPU threads of the monitor", low=1, high=1024)
    wavs: int = setting(
        3, help="number of evoked sounds written as WAV files at the first and the last exam", low=0, high=100
    )
    judge_steps: int = setting(
        0,
        help="training steps of each judge; 0: the number that its layout states",
        unit="steps",
        low=0,
        high=10**6,
    )
    judge_seed: int = setting(7, help="seed of the judges' weights and augmentation", low=0, high=2**63 - 1)
    judges: str | None = setting(
        None,
        help="directory with labelled datasets, whose test parts examine what was learned without a teacher; "
        "judges that were trained before are read from its judges/ where there is one",
    )
    consistency: str = setting(
        "auto",
        help="whether exams of self-consistency, without labels, take place; auto: where no teacher gives an exam",
        choices=("auto", "on", "off"),
    )
    probe: int = setting(
        512, help="newest events of a table that an exam of self-consistency uses", unit="events", low=8, high=8192
    )
    probe_clusters: int = setting(
        10, help="clusters whose stability that exam measures; fewer where there are few events", low=2, high=256
    )


@dataclass(frozen=True)
class AnswerConfig(Config):
    """What the agent says and shows when it is asked, or by itself."""

    serve: bool = setting(False, help="answer other programs, such as with the sound that a picture evokes")
    respond: bool = setting(
        False, help="play the sound that a picture evokes, and show the picture that a sound evokes, as they come"
    )
    every: float = setting(2.0, help="shortest time between two responses", unit="s", low=0.05, high=3600.0)
    longest: float = setting(
        1.5,
        help="longest played sound; longer ones are cut, as the microphone is not heard meanwhile",
        unit="s",
        low=0.3,
        high=5.5,
    )
    refresh: float = setting(5.0, help="time between two checks for newer weights", unit="s", low=0.1, high=3600.0)
    speaker: str | None = setting(
        "default", help="index or part of the name of the output device; default: the system's; none: silent"
    )
    window: bool = setting(True, help="show responses in a window where there is a display")
    keep: int = setting(50, help="number of newest responses that are kept as PNG and WAV files", low=1, high=10_000)
    threads: int = setting(1, help="CPU threads of the agent", low=1, high=1024)
