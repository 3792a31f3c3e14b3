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

    weight: float = setting(1.0, help="lambda: weight of the latent term; Eq. 1-2 have 1", low=0.0, high=1e3)
    norm: str = setting("norm", help="distances as in the paper, or their squares", choices=("norm", "squared"))
    learning_rate: float = setting(1e-3, help="AdamW step size", low=1e-7, high=1.0)
    weight_decay: float = setting(0.01, help="AdamW weight decay", low=0.0, high=1.0)
    fixed_teacher: str = setting(
        "",
        help="comma list of modalities that teach and are not taught: no guide shapes their encoders",
    )
    mode: float = setting(
        1.0,
        help="how much less a guide counts that is far from what is evoked, per standard deviation; 0: all count alike",
        low=0.0,
        high=10.0,
    )
    mode_from: int = setting(
        600,
        help="steps in which one modality guided another, after which far guides begin to count less",
        unit="steps",
        low=0,
        high=10**12,
    )
    mode_growth: int = setting(300, help="steps in which this grows to its full", unit="steps", low=0, high=10**12)
    contrast: float = setting(
        0.0,
        help="weight of a third term: what is evoked must lie closer to its own guide than to those of other events "
        "of the batch; 0: Eq. 1-2 alone",
        low=0.0,
        high=1e4,
    )
    contrast_temperature: float = setting(
        0.1, help="tau of the third term: how sharply the own guide is told from others", low=0.01, high=10.0
    )
    average: float = setting(
        0.998, help="decay, per step, of the averaged weights that are examined", low=0.0, high=0.999999
    )


@dataclass(frozen=True)
class GuideConfig(Config):
    """Where guides come from."""

    guides: str = setting("pair", help="where guides come from", choices=STRATEGIES)
    clusters: int = setting(30, help="clusters kept by guides 'cluster'", low=2, high=4096)
    bank: int = setting(6144, help="recent events that are clustered", unit="events", low=64, high=1 << 20)
    iterations: int = setting(8, help="k-means iterations at each refresh", low=1, high=100)


@dataclass(frozen=True)
class AugmentConfig(Config):
    """How far the learning side's samples are moved at random."""

    augment: float = setting(
        1.0,
        help="strength of small random moves of samples, of the kinds that suit their layout: a picture is turned, "
        "scaled and shifted, a spectrogram shifted in time and pitch; 0: none",
        low=0.0,
        high=2.0,
    )
    augment_from: int = setting(
        1500, help="learner step from which moves begin to grow", unit="steps", low=0, high=10**12
    )
    augment_growth: int = setting(
        1500, help="steps in which they grow to full strength", unit="steps", low=0, high=10**12
    )
    mirror: bool = setting(
        True,
        help="let these moves mirror colour pictures, left for right, and judges learn from mirrored ones, too; false: "
        "where left and right differ in meaning, as in letters and signs",
    )


@dataclass(frozen=True)
class LearnerConfig(SmartConfig, GuideConfig, NetworkConfig, AugmentConfig):
    """The learner: its networks, its update, which turns it takes, on which hardware."""

    preset: str = setting(
        "auto",
        help="network sizes: 'small' for CPUs, 'medium' for photographs, 'paper' as published for GPUs",
        choices=("auto", *PRESETS),
    )
    device: str = setting("auto", help="where to compute", choices=("auto", "cpu", "cuda"))
    precision: str = setting("auto", help="bfloat16 where the hardware has it", choices=("auto", "float32", "bfloat16"))
    threads: int = setting(0, help="CPU threads of the learner; 0 = all cores but one", low=0, high=1024)
    modalities: str = setting("audio,image", help="modalities that teach each other, comma-separated")
    batch: int = setting(128, help="events a step", unit="events", low=2, high=4096)
    selector: str = setting(
        "uniform", help="how a batch is drawn from replay", choices=("uniform", "lesson", "recency_mixed")
    )
    views: int = setting(4, help="events of one lesson in a batch, for guides or selector 'lesson'", low=1, high=1024)
    turn_steps: int = setting(50, help="steps of one turn", unit="steps", low=1, high=100_000)
    min_events: int = setting(512, help="events a table must hold before turns on it begin", low=2, high=100_000_000)
    paired_turns: float = setting(
        0.5,
        help="least share of turns on events that co-occur, however rare they are, once a table of them holds "
        "min_events; 0: in the proportion of events",
        unit="fraction",
        low=0.0,
        high=0.9,
    )
    held_out: float = setting(
        0.0,
        help="share of events never learned from, for the monitor to examine on",
        unit="fraction",
        low=0.0,
        high=0.5,
    )
    warmup_steps: int = setting(100, help="steps over which the learning rate rises", unit="steps", low=0, high=10**12)
    cooldown: float = setting(
        0.3,
        help="last share of a run of known length in which the learning rate falls to zero",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class ContrastiveConfig(Config):
    """Contrastive learning (InfoNCE); batches, moves, rates and averaging are the learner's."""

    width: int = setting(128, help="dimensions of the space that all senses share", low=2, high=4096)
    temperature: float = setting(
        0.07, help="tau: how sharply the right partner is told from others, at the beginning", low=0.01, high=10.0
    )
    learn_temperature: bool = setting(True, help="let tau be learned, down to 0.01; false: it stays")


@dataclass(frozen=True)
class MonitorConfig(Config):
    """The monitor: how often the learner is examined, and by which judges."""

    every: float = setting(20.0, help="time between exams", unit="s", low=1.0, high=86_400.0)
    exam_samples: int = setting(
        1000, help="test samples of each sense in a running exam (the final exam uses all)", low=1, high=10**6
    )
    niceness: int = setting(10, help="how far the monitor gives way to the learner (Unix nice)", low=0, high=19)
    threads: int = setting(1, help="CPU threads of the monitor", low=1, high=1024)
    wavs: int = setting(3, help="evoked sounds written as WAV at the first and the last exam", low=0, high=100)
    judge_steps: int = setting(
        0,
        help="training steps of each judge; 0: as many as its kind of sample asks for",
        unit="steps",
        low=0,
        high=10**6,
    )
    judge_seed: int = setting(7, help="seed of the judges' weights and augmentation", low=0, high=2**63 - 1)
    judges: str | None = setting(
        None,
        help="directory with labelled datasets whose test parts examine what was learned without a teacher; judges "
        "trained before are taken from its judges/ where there is one",
    )
    consistency: str = setting(
        "auto",
        help="whether the learner is examined against itself, without labels; auto: where no teacher gives an exam",
        choices=("auto", "on", "off"),
    )
    probe: int = setting(512, help="newest events of a table that such an exam takes", unit="events", low=8, high=8192)
    probe_clusters: int = setting(
        10, help="clusters whose stability it tells; fewer where there are few events", low=2, high=256
    )


@dataclass(frozen=True)
class AnswerConfig(Config):
    """What the agent says and shows when it is asked, or by itself."""

    serve: bool = setting(False, help="answer other programs: what does this sound look like, this picture sound like")
    respond: bool = setting(
        False, help="play the sound that a picture evokes, and show the picture that a sound evokes, as they come"
    )
    every: float = setting(2.0, help="shortest time between two responses", unit="s", low=0.05, high=3600.0)
    longest: float = setting(
        1.5, help="length at which a sound is cut: nobody is listened to meanwhile", unit="s", low=0.3, high=5.5
    )
    refresh: float = setting(5.0, help="time between two looks for newer weights", unit="s", low=0.1, high=3600.0)
    speaker: str | None = setting(
        "default", help="index or part of the name of the output device; default: the system's; none: silent"
    )
    window: bool = setting(True, help="show responses in a window where there is a display")
    keep: int = setting(50, help="newest responses that are kept as PNG and WAV files", low=1, high=10_000)
    threads: int = setting(1, help="CPU threads that answer", low=1, high=1024)
