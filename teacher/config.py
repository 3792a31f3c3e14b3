"""Settings of the simulated teachers: which datasets, and how they teach digits and letters."""

from dataclasses import dataclass

from sensors.config import Config, setting
from sensors.errors import ConfigError

CONCEPTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Names of the ten concepts; a concept's number is its place here."""


@dataclass(frozen=True)
class DataConfig(Config):
    """Which images and which speech the teachers show and play.

    Raises:
        ConfigError: a bad value, or a speaker held out of speech that is not FSDD's.
    """

    data: str | None = setting(
        None, help="directory with datasets; none: RECIPROCAL_DATA, or the embedded datasets alone"
    )
    images: str = setting(
        "auto", help="handwriting to show; auto takes the best found", choices=("auto", "mnist", "digits")
    )
    speech: str = setting(
        "auto",
        help="speech to play; auto takes the best found, fsdd+gcdd widens FSDD by Speech Commands",
        choices=("auto", "gcdd", "fsdd", "fsdd+gcdd", "synthetic"),
    )
    letters: str = setting(
        "auto",
        help="spelled letters and the lips that say them; auto takes AV-Letters where found, else synthetic ones",
        choices=("auto", "avletters", "synthetic"),
    )
    held_out: str = setting(
        "", help="speaker of FSDD, as in 'theo', of whom every recording is test and none training; none: its own split"
    )
    part: str = setting(
        "test",
        help="what exams and judges test on: the test part, or validation, which is held out of the training part "
        "(10 %, at most 3,000 images and 300 clips; a fifth of the letters) and leaves the test part alone",
        choices=("test", "validation"),
    )
    download: bool = setting(False, help="fetch the chosen datasets that are not there yet")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out and self.speech not in ("fsdd", "fsdd+gcdd"):
            raise ConfigError(f"held_out={self.held_out!r}: names a speaker of FSDD; set speech=fsdd or fsdd+gcdd")


@dataclass(frozen=True)
class TeacherConfig(Config):
    """How a teacher teaches: its style, its lessons and the flaws of its world.

    Raises:
        ConfigError: a bad value, a lesson longer than half a batch, an unknown concept, or a drift without length.
    """

    style: str = setting(
        "hybrid",
        help="hybrid: single-modality events first, then co-occurring ones; classroom: these from the start",
        choices=("classroom", "hybrid"),
    )
    warmup_events: int = setting(
        4096,
        help="hybrid: single-modality events of each modality before co-occurring ones start",
        unit="events",
        low=0,
        high=10**12,
    )
    single_share: float = setting(
        0.0, help="share of single-modality batches after the warm-up", unit="fraction", low=0.0, high=1.0
    )
    lesson_length: int = setting(
        4, help="co-occurring events that one lesson holds together", unit="events", low=1, high=2048
    )
    batch_events: int = setting(64, help="events sent in one batch", unit="events", low=2, high=4096)
    rate: float = setting(
        0.0, help="events a teacher sends each second; 0: as fast as replay accepts", unit="events/s", low=0.0, high=1e6
    )
    imbalance: float = setting(
        0.0, help="Zipf exponent over concepts, zero the most frequent; 0: all alike", low=0.0, high=8.0
    )
    missing_audio: str = setting("", help="concepts never heard, as in 'three,nine'; seen alone only")
    missing_image: str = setting("", help="concepts never seen, as in 'three,nine'; heard alone only")
    noise: float = setting(
        0.0,
        help="standard deviation of noise on every sample, as a share of the full range (white; 80 dB)",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    far_microphone: bool = setting(
        False, help="a second microphone far from the speaker hears every sound, too: a third modality, audio_far"
    )
    jitter: bool = setting(
        True, help="turn, scale, shear and shift training images where their dataset is small (digits)"
    )
    wrong_pairs: float = setting(
        0.0,
        help="share of co-occurring events whose sound is of another concept: a passer-by speaks",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    paired_share: float = setting(
        1.0,
        help="share of each concept's training samples, at least one, that ever co-occur; the rest is met alone only",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    paired_seed: int = setting(
        0, help="chooses the samples that co-occur, the same for all teachers", low=0, high=2**63 - 1
    )
    phase_events: int = setting(
        0,
        help="events after the warm-up until the next concepts replace those before, over and over; 0: all at once",
        unit="events",
        low=0,
        high=10**12,
    )
    phase_concepts: int = setting(2, help="concepts of one phase: 0,1, then 2,3, …", low=1, high=len(CONCEPTS))
    drift_start: int = setting(
        0, help="event at which sounds begin to get noisier, images darker", unit="events", low=0, high=10**12
    )
    drift_events: int = setting(
        0, help="events over which they do so, linearly; 0: never", unit="events", low=0, high=10**12
    )
    drift_noise: float = setting(
        0.0, help="noise on sounds at the end of the drift, as `noise`", unit="fraction", low=0.0, high=1.0
    )
    drift_light: float = setting(
        1.0, help="brightness of images at the end of the drift", unit="fraction", low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if 2 * self.lesson_length > self.batch_events:
            raise ConfigError(
                f"lesson_length={self.lesson_length}: at most half of batch_events={self.batch_events}, "
                "so that every batch mixes concepts"
            )
        concept_numbers("missing_audio", self.missing_audio)
        concept_numbers("missing_image", self.missing_image)
        if not self.drift_events and (self.drift_noise > 0 or self.drift_light < 1):
            raise ConfigError("drift_noise, drift_light: set drift_events, the events over which the drift builds up")


@dataclass(frozen=True)
class LettersConfig(Config):
    """How the letters teacher speaks: its pace, its mix of pairs and speech alone, and when letters are first met.

    A pair is speech, lips and letter of a letter seen; the letters unseen come as speech and letter alone.
    """

    rate: float = setting(
        4.0,
        help="events the letters teacher sends each second; 0: as fast as it can",
        unit="events/s",
        low=0.0,
        high=1e6,
    )
    batch_events: int = setting(8, help="most events sent in one batch", unit="events", low=1, high=256)
    unseen_share: float = setting(
        0.25,
        help="share of speech-only events, of letters whose lips are never seen, once `pairs_first` pairs have come",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    grow_events: int = setting(
        0,
        help="events between one unseen letter's first utterance and the next one's; 0: all letters from the start",
        unit="events",
        low=0,
        high=100_000,
    )
    pairs_first: int = setting(
        64, help="pairs of speech and lips before the first speech-only event", unit="events", low=0, high=10**12
    )


def concept_numbers(name: str, text: str) -> frozenset[int]:
    """Read a comma list of concepts, by name or digit; `name` is the setting it came from.

    Raises:
        ConfigError: something in the list is no concept.
    """
    numbers = set()
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        if word in CONCEPTS:
            numbers.add(CONCEPTS.index(word))
        elif word in map(str, range(len(CONCEPTS))):
            numbers.add(int(word))
        else:
            raise ConfigError(f"{name}: no concept {word!r}; known: {', '.join(CONCEPTS)}")
    return frozenset(numbers)
