"""Settings of the simulated teachers: which datasets, and how they teach."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError

CONCEPTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Names of the ten digits; a concept's number is its place here."""
MOST_CONCEPTS = 10_000
"""Most concepts of one subject."""
_MISSING = re.compile(r"(?:^|\s)([a-z_][a-z0-9_]*):")


@dataclass(frozen=True)
class DataConfig(Config):
    """Which images and which speech the teachers show and play.

    Raises:
        ConfigError: a bad value, or a speaker held out of speech that is not FSDD's.
    """

    data: str | None = setting(
        None, help="directory with datasets; none: the directory in RECIPROCAL_DATA, else the embedded datasets"
    )
    images: str = setting(
        "auto",
        help="handwritten digits to show; auto: the best dataset that is found",
        choices=("auto", "mnist", "digits"),
    )
    speech: str = setting(
        "auto",
        help="spoken digits to play; auto: the best dataset that is found; fsdd+gcdd: FSDD and Speech Commands"
        " together",
        choices=("auto", "gcdd", "fsdd", "fsdd+gcdd", "synthetic"),
    )
    letters: str = setting(
        "auto",
        help="spoken letters and films of the speakers' lips; auto: AV-Letters where it is found, else synthetic ones",
        choices=("auto", "avletters", "synthetic"),
    )
    folder: str | None = setting(
        None,
        help="folder of your own things, <sense>/<concept>/<files>, for the subject 'folder'; --teach DIR sets both",
    )
    held_out: str = setting("", help="FSDD speaker held out for testing, such as 'theo'; empty: the official split")
    part: str = setting(
        "test",
        help="what exams and judges test on; test: the test part; validation: a part held out of the training "
        "part, so that the test part stays unused (10 %, at most 3,000 images and 300 clips; a fifth of "
        "the letters; val/ of a folder that has it)",
        choices=("test", "validation"),
    )
    download: bool = setting(False, help="download the chosen datasets that are missing")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out and self.speech not in ("fsdd", "fsdd+gcdd"):
            raise ConfigError(f"held_out={self.held_out!r}: names a speaker of FSDD; set speech=fsdd or fsdd+gcdd")


@dataclass(frozen=True)
class TeacherConfig(Config):
    """How a teacher teaches: its style, its lessons and the flaws of its world.

    Raises:
        ConfigError: a bad value, a lesson longer than half a batch, an unreadable `missing`, or a drift without length.
    """

    style: str = setting(
        "hybrid",
        help="hybrid: single-modality events first, then co-occurring events; classroom: co-occurring events "
        "from the start",
        choices=("classroom", "hybrid"),
    )
    warmup_events: int = setting(
        4096,
        help="hybrid: single-modality events of each modality before the first co-occurring event",
        unit="events",
        low=0,
        high=10**12,
    )
    single_share: float = setting(
        0.0, help="share of single-modality batches after the warm-up", unit="fraction", low=0.0, high=1.0
    )
    lesson_length: int = setting(4, help="co-occurring events in one lesson", unit="events", low=1, high=2048)
    batch_events: int = setting(64, help="events in one batch", unit="events", low=2, high=4096)
    rate: float = setting(
        0.0,
        help="events that a teacher sends per second; 0: as fast as replay accepts them",
        unit="events/s",
        low=0.0,
        high=1e6,
    )
    imbalance: float = setting(
        0.0,
        help="Zipf exponent of the concepts' frequencies, of which the first is the highest; 0: all are "
        "equally frequent",
        low=0.0,
        high=8.0,
    )
    missing: str = setting(
        "",
        help="concepts that a sense never meets; 'audio:three,nine image:four': three and nine are never "
        "heard, four is never seen",
    )
    noise: float = setting(
        0.0,
        help="standard deviation of the noise added to every sample, as a share of the full range (pictures: "
        "black to white; sounds: 80 dB)",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    derived: str = setting(
        "",
        help="further senses that are computed from the taught ones, comma-separated; audio_far: every sound "
        "as a second, distant microphone hears it",
    )
    jitter: bool = setting(
        True, help="vary the training samples of small datasets a little (digits: rotation, scale, shear, shift)"
    )
    wrong_pairs: float = setting(
        0.0,
        help="share of co-occurring events with a wrong partner: the sample of the first sense (the sound, "
        "where there are sounds) is of another concept, as when a passer-by speaks",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    paired_share: float = setting(
        1.0,
        help="share of each concept's training samples, at least one, that co-occur; the others come in "
        "single-modality events only",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    paired_seed: int = setting(
        0, help="seed of the choice of samples that co-occur; the same for all teachers", low=0, high=2**63 - 1
    )
    phase_events: int = setting(
        0,
        help="length of a phase after the warm-up; each phase teaches the next concepts, and after the last "
        "the first come again; 0: all concepts at once",
        unit="events",
        low=0,
        high=10**12,
    )
    phase_concepts: int = setting(2, help="concepts in one phase: 0,1, then 2,3, …", low=1, high=MOST_CONCEPTS)
    drift_start: int = setting(
        0, help="event from which samples get worse, each sense in its own way", unit="events", low=0, high=10**12
    )
    drift_events: int = setting(
        0, help="events over which they get worse, linearly; 0: never", unit="events", low=0, high=10**12
    )
    drift_noise: float = setting(
        0.0,
        help="noise at the end of the drift, in the unit of `noise`, for senses that get noisy, such as sounds",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    drift_light: float = setting(
        1.0,
        help="brightness at the end of the drift, for senses that get dark, such as pictures",
        unit="fraction",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if 2 * self.lesson_length > self.batch_events:
            raise ConfigError(
                f"lesson_length={self.lesson_length}: at most half of batch_events={self.batch_events}, "
                "so that every batch mixes concepts"
            )
        missing_names(self.missing)
        if not self.drift_events and (self.drift_noise > 0 or self.drift_light < 1):
            raise ConfigError("drift_noise, drift_light: set drift_events, the events over which the drift builds up")

    def derives(self, senses: Sequence[str]) -> dict[str, str]:
        """The senses that are computed from those taught: name -> the sense that it is computed from.

        Raises:
            ConfigError: no such sense; it is not computed from another one; or that is not taught.
        """
        names = [name for name in (part.strip() for part in self.derived.split(",")) if name]
        if not names:
            return {}
        # Brings what draws and disturbs samples, which few settings need.
        from sensors.senses import senses as registered

        found = {}
        for name in names:
            sense = registered().get(name)
            if sense is None or sense.derived is None:
                known = ", ".join(other.name for other in registered().values() if other.derived is not None)
                raise ConfigError(
                    f"teacher.derived: {name!r} is no sense that is computed from another one; known: {known}"
                )
            if sense.derived.of not in senses:
                raise ConfigError(
                    f"teacher.derived: {name} is computed from {sense.derived.of}; taught are {', '.join(senses)}"
                )
            found[name] = sense.derived.of
        return found


@dataclass(frozen=True)
class LettersConfig(Config):
    """How the teacher of letters teaches: its rate, its share of speech-only events, and when letters are first met.

    A pair is speech, lips and letter of a letter seen; unseen letters come only as speech and letter.
    """

    rate: float = setting(
        4.0,
        help="events that the teacher of letters sends per second; 0: as fast as it can",
        unit="events/s",
        low=0.0,
        high=1e6,
    )
    batch_events: int = setting(8, help="most events in one batch", unit="events", low=1, high=256)
    unseen_share: float = setting(
        0.25,
        help="share of speech-only events after the first `pairs_first` pairs; their letters' lips are never seen",
        unit="fraction",
        low=0.0,
        high=1.0,
    )
    grow_events: int = setting(
        0,
        help="events between the first utterances of one unseen letter and the next; 0: all letters from the start",
        unit="events",
        low=0,
        high=100_000,
    )
    pairs_first: int = setting(
        64, help="pairs of speech and lips before the first speech-only event", unit="events", low=0, high=10**12
    )


SECTIONS: Mapping[str, type[Config]] = {"teacher": TeacherConfig, "letters": LettersConfig}
"""Sections of a run's settings that subjects are taught by."""


def settings_class(section: str) -> type[Config]:
    """The settings of a section that subjects are taught by.

    Raises:
        ConfigError: there is no such section.
    """
    if section not in SECTIONS:
        raise ConfigError(f"no subject can be taught by settings {section!r}; choose {' or '.join(SECTIONS)}")
    return SECTIONS[section]


def missing_names(text: str) -> dict[str, tuple[str, ...]]:
    """Read `missing`: sense -> concepts as they are written, in lower case.

    Raises:
        ConfigError: it does not have the form 'sense:concept,concept sense:concept'.
    """
    before, *rest = _MISSING.split(text)
    if before.strip():
        raise ConfigError(f"missing={text!r}: expected concepts by sense, as in 'audio:three,nine image:four'")
    names: dict[str, tuple[str, ...]] = {}
    for sense, words in zip(rest[::2], rest[1::2], strict=True):
        found = tuple(word.strip().lower() for word in words.split(",") if word.strip())
        names[sense] = (*names.get(sense, ()), *found)
    return names


def missing_concepts(
    text: str, senses: Mapping[str, object] | tuple[str, ...], concepts: tuple[str, ...]
) -> dict[str, frozenset[int]]:
    """Read `missing` for a subject: sense -> numbers of the concepts that it never meets.

    Args:
        text: the setting.
        senses: that are taught.
        concepts: names by number; a concept may be given by its number, too.

    Raises:
        ConfigError: no such sense or concept.
    """
    by_name = {str(number): number for number in range(len(concepts))}
    by_name |= {name.lower(): number for number, name in enumerate(concepts)}
    numbers: dict[str, frozenset[int]] = {}
    for sense, words in missing_names(text).items():
        if sense not in senses:
            raise ConfigError(f"teacher.missing: no sense {sense!r} is taught; there are {', '.join(senses)}")
        if unknown := [word for word in words if word not in by_name]:
            known = ", ".join(concepts[:20]) + ", …" * (len(concepts) > 20)
            raise ConfigError(f"teacher.missing: no concept {unknown[0]!r}; known: {known}")
        numbers[sense] = frozenset(by_name[word] for word in words)
    return numbers
