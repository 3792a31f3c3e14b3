"""A sense of one's own in one file: touch, six values at 100 Hz, simulated.

    python launch.py --plugin examples/touch.py --teach felt
    python launch.py --plugin examples/touch.py --set learner.modalities=audio,image,touch --sensors live --record tape
    python launch.py --plugin examples/touch.py --set learner.modalities=audio,image,touch --sensors tape
    python -m sensors.remote --plugin examples/touch.py

A finger presses on a thing and moves along it. Things differ in texture (how often a second the finger is shaken),
stiffness and temperature, all of which follow from the thing's name. No other file of the program knows of touch.
"""

import dataclasses
import hashlib
import importlib.util
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError, SampleError
from sensors.core.modalities import Modality
from sensors.perception.perception import PerceptionConfig
from sensors.senses import Flaws, Sense, Stream, configured, register_sense
from sensors.senses.drawing import curves_view
from sensors.signals.flaws import measurement_noise
from sensors.signals.readings import Values
from sensors.sources.live_config import SensorsConfig
from sensors.sources.loop import LoopSource

RATE = 100
"""Rows of values a second."""
FRAMES = 48
"""Rows of one sample: the first half second of a touch."""
VALUES = ("pressure", "indentation", "shaking along", "shaking across", "temperature", "cooling")
PRESSED, RELEASED = 0.15, 0.08
"""Pressure with which a touch begins, and below which it ends; 1 is the most that the finger bears."""
UNFELT = 0.5
"""Seconds without a reading after which a touch is over."""
NOTHING = "nothing"
"""What the hand touches between two things."""
THINGS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FORM = Modality("touch", (FRAMES, len(VALUES)), np.dtype(np.float32), ", ".join(VALUES), 1.0, "sequence", -4.0, 4.0)

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class TouchConfig(Config):
    """The simulated hand."""

    hand: str | None = setting(
        ", ".join(f"{thing} 2, {NOTHING} 1" for thing in THINGS),
        help=f"things that the simulated hand touches, over and over, each with its seconds ('{NOTHING}': it lets go); "
        "none: there is no hand",
    )
    noise: float = setting(0.03, help="standard deviation of the noise on all values; 1 is full range", low=0, high=1)
    seed: int = setting(0, help="seed of the noise, and of how the hand presses and moves", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.script()

    def script(self) -> list[tuple[str, float]]:
        """What is touched, and for how many seconds.

        Raises:
            ConfigError: it cannot be read.
        """
        found = []
        for part in [] if self.hand is None else self.hand.split(","):
            try:
                thing, seconds = part.split()
                found.append((thing, float(seconds)))
                if not 0.1 <= found[-1][1] <= 3600:
                    raise ValueError
            except ValueError:
                raise ConfigError(
                    f"hand: {part.strip()!r} is no thing with its seconds (0.1…3600); write 'three 2, {NOTHING} 1'"
                ) from None
        return found


def felt(thing: str, rows: int, noise: float, rng: np.random.Generator) -> Rows:
    """What a finger feels that begins to press on a thing, never twice the same.

    Args:
        thing: its name.
        rows: how long, in rows of 10 ms.
        noise: standard deviation of the noise on all values.
        rng: how hard it presses, how fast it moves, and the noise.

    Returns:
        (rows, 6) float32.
    """
    t = np.arange(rows) / RATE
    values = np.zeros((rows, len(VALUES)))
    if thing != NOTHING:
        own = np.random.default_rng(list(hashlib.blake2b(thing.encode(), digest_size=8).digest()))
        texture, stiffness, temperature = own.uniform(4, 40), own.uniform(0.1, 1), own.uniform(-1, 1)
        force, speed, phase = rng.uniform(0.5, 0.9), rng.uniform(0.95, 1.05), rng.uniform(0, 2 * np.pi, 2)
        pressure = force * (1 - np.exp(-t * (4 + 40 * stiffness)))
        shaking = 2 * np.pi * texture * speed * t[:, None] + phase
        values[:, 0], values[:, 1] = pressure, pressure * (1.2 - stiffness)
        values[:, 2:4] = pressure[:, None] * np.sin(shaking) * [0.8, 0.8 - 0.5 * stiffness]
        values[:, 4], values[:, 5] = temperature * (1 - np.exp(-4 * t)), temperature * np.exp(-4 * t)
    return (values + noise * rng.standard_normal(values.shape)).astype(np.float32)


def touch(thing: str, noise: float, rng: np.random.Generator) -> Rows:
    """A sample of a thing, (48, 6) float32, cut out as `Touches` does; arguments as of `felt`."""
    rows = felt(thing, 2 * FRAMES, noise, rng)
    first = int(np.argmax(rows[:, 0] >= PRESSED))
    return rows[first : first + FRAMES]


class Felt(Values):
    """Rows of the six values."""

    kind: ClassVar[str] = "touch"


class Hand:
    """The driver of the simulated hand: a tenth of a second of rows at a time, when they are due."""

    def __init__(self, config: TouchConfig) -> None:
        self._rows = self._feel(config)
        self._next = time.monotonic()

    def read(self, timeout: float) -> Felt | None:
        """The next rows, once all of them have been measured."""
        count = RATE // 10
        wait = self._next + count / RATE - time.monotonic()
        time.sleep(min(max(wait, 0.0), timeout))
        if wait > timeout:
            return None
        times = self._next + np.arange(count) / RATE
        self._next += count / RATE
        return Felt(times, np.stack(list(itertools.islice(self._rows, count))))

    def close(self) -> None:
        """Nothing is held open."""

    @staticmethod
    def _feel(config: TouchConfig) -> Iterator[Rows]:
        rng = np.random.default_rng(config.seed)
        for thing, seconds in itertools.cycle(config.script()):
            yield from felt(thing, round(seconds * RATE), config.noise, rng)


@dataclass(frozen=True)
class Touch:
    """A percept: something is touched. Its sample is the beginning of it."""

    number: int
    start: float
    end: float
    sample: Rows
    lasting: bool = True
    whole: bool = True


class Touches:
    """Rows in, touches out.

    Attributes:
        counts: `touches`; `too_short` (dropped: shorter than a sample), `gaps` (rows were lost), `late` (rows dropped
            because later ones came before them).
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._last = -np.inf
        self._start = 0.0
        self._rows: list[Rows] = []
        self._touch: Touch | None = None

    @property
    def known(self) -> float:
        """No touch that is still to come starts earlier, and one that lasts was there then."""
        if self._touch is not None:
            return self._touch.end
        return self._start if self._rows else self._last

    def observe(self, reading: Felt, now: float) -> list[Touch]:
        """Touches that these rows begin, confirm or end."""
        done: list[Touch] = []
        if reading.gap or reading.begin > self._last + UNFELT:
            self.counts["gaps"] += bool(self._rows)
            done += self._end()
        for at, row in zip(reading.times, reading.values, strict=True):
            if at <= self._last:
                self.counts["late"] += 1
                continue
            self._last = float(at)
            if self._rows or row[0] >= PRESSED:
                self._press(row)
                # One row of noise is no release.
                if np.mean([r[0] for r in self._rows[-5:]]) < RELEASED:
                    done += self._end()
        return done if self._touch is None else [*done, self._touch]

    def expire(self, now: float) -> list[Touch]:
        """The touch that is over because no rows came."""
        if now - self._last <= UNFELT:
            return []
        done = self._end()
        self._last = max(self._last, now - UNFELT)
        return done

    def flush(self) -> list[Touch]:
        """The touch that was going on."""
        return self._end()

    def _press(self, row: Rows) -> None:
        if not self._rows:
            self._start = self._last
        self._rows = [*self._rows[1 - FRAMES :], row]
        if self._touch is not None:
            self._touch = dataclasses.replace(self._touch, end=self._last)
        elif len(self._rows) == FRAMES:
            self._touch = Touch(self.counts["touches"], self._start, self._last, np.stack(self._rows))
            self.counts["touches"] += 1

    def _end(self) -> list[Touch]:
        self.counts["too_short"] += bool(self._rows) and self._touch is None
        ended = [] if self._touch is None else [dataclasses.replace(self._touch, lasting=False)]
        self._rows, self._touch = [], None
        return ended


def settings_now() -> TouchConfig:
    """The settings of touch that this process applies."""
    return TouchConfig.from_dict(configured().get(FORM.name, {}))


def sources(config: SensorsConfig) -> list[LoopSource[Felt]]:
    """The simulated hand, if there is one; a real sense would open its device here."""
    own = settings_now()
    if own.hand is None:
        return []
    return [LoopSource("hand", lambda: Hand(own), capacity=100, timeout=config.read_timeout, stall=config.stall)]


def samples(percepts: Sequence[Touch], config: PerceptionConfig) -> Rows:
    """The touches' samples, (N, 48, 6) float32."""
    return np.stack([touch.sample for touch in percepts])


def warm_up() -> list[Felt]:
    """A second of touching something, as the hand would give it."""
    rows = felt(THINGS[0], RATE, 0.0, np.random.default_rng(0))
    return [Felt(np.arange(at, at + 10) / RATE, rows[at : at + 10]) for at in range(0, RATE, 10)]


def load(path: Path) -> Rows:
    """A touch from a file of rows: six numbers in each line, separated by commas; the first 48 lines count.

    Raises:
        SampleError: it holds anything else, or fewer lines.
    """
    try:
        rows = np.loadtxt(path, np.float32, delimiter=",", ndmin=2, max_rows=FRAMES)
    except (OSError, ValueError) as error:
        raise SampleError(f"{path}: {error}", "unreadable") from None
    if rows.shape != FORM.shape or not (np.isfinite(rows).all() and np.abs(rows).max() <= FORM.high):
        raise SampleError(f"{path}: is not {FRAMES} lines of six numbers from {FORM.low} to {FORM.high}", "refused")
    return rows


_noise = measurement_noise(FORM, span=2.0)
register_sense(
    Sense(
        modality=FORM,
        about="touch, as six values at 100 Hz",
        view=curves_view(-1.5, 1.5),
        settings=TouchConfig,
        endings=(".csv",),
        load=load,
        flaws=Flaws(noise=_noise, wear=lambda touches, noise, light, rng: _noise(touches, noise, rng)),
        stream=Stream(Felt, sources, cutter=lambda config: Touches(), samples=samples, warm_up=warm_up),
    )
)

# A robot has no teachers: what follows is for the machine that learns.
if importlib.util.find_spec("teacher") is not None:
    from teacher.config import CONCEPTS, DataConfig, TeacherConfig, missing_concepts
    from teacher.subjects import Subject, Taught, register_subject
    from teacher.subjects.digits import Digits
    from teacher.subjects.kinds import kinds_of, senses_of

    SENSES = ("audio", "image", FORM.name)

    class FeltDigits(Digits):
        """The ten digits, each with a thing that feels like no other."""

        name = "felt"
        about = "felt (digits that are heard, seen and touched, without labels)"

        def senses(self, data: DataConfig, settings: TeacherConfig) -> tuple[str, ...]:
            """Sounds, images, touches, and what the teacher derives from them."""
            return senses_of(SENSES, settings)

        def kinds(self, data: DataConfig, settings: TeacherConfig) -> list[str]:
            """Each sense alone, and all together."""
            return kinds_of(SENSES, settings)

        def load(self, data: DataConfig) -> Taught:
            """The digits' data, and simulated touches: 200 of each concept to learn from, 40 to examine."""
            from teacher.datasets.core.samples import make_samples

            digits, rng, noise = super().load(data), np.random.default_rng(0), settings_now().noise
            labels = {count: np.repeat(np.arange(len(CONCEPTS), dtype=np.int64), count) for count in (200, 40)}
            train, test = ((np.stack([touch(CONCEPTS[c], noise, rng) for c in own]), own) for own in labels.values())
            touches = make_samples("simulated touch", train, test, "no touch is in both parts")
            datasets: Mapping[str, Any] = {**digits.datasets, FORM.name: touches}
            lines = (*digits.lines, f"touch: {touches.summary}")
            # Kept with the run, which goes on with the same touches or not at all.
            choices = {**digits.choices, "felt/touch": f"{touches.name}:{touches.fingerprint}"}
            return dataclasses.replace(digits, name=self.name, datasets=datasets, lines=lines, choices=choices)

        def check(self, data: DataConfig, settings: TeacherConfig, source: str = "") -> None:
            """As of digits; `teacher.missing` may name touch."""
            missing_concepts(settings.missing, SENSES, CONCEPTS)
            super().check(data, settings.replace(missing=""), source)

        def teachers(self, count: int) -> list[str]:
            """Names of their own, so that digits may be taught beside them."""
            return Subject.teachers(self, count)

    register_subject(FeltDigits())
