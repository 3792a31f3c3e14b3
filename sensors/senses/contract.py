"""The contract of a sense: all that the program knows about one kind of sample, in one object.

A sense registers itself with `register_sense`. The rest of the program finds everything by its name and never compares
that name: what it looks and sounds like, how it is read from a file, disturbed, and perceived live.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config
from sensors.core.errors import EventError
from sensors.core.modalities import Modality, register
from sensors.core.registrations import check_name, note, sections_of
from sensors.signals.readings import Chunk, Frame, Values

Array = NDArray[Any]
Generator = np.random.Generator
RESERVED = ("pairing", "readings", "events", "waiting", "stored", "train", "val", "test")
"""Names that no sense may have: figures and parts of data have them."""


@dataclass(frozen=True)
class Flaws:
    """How a simulated teacher may disturb stored samples (N, *shape). All functions keep the shape and the dtype.

    Attributes:
        noise: adds white noise, given its standard deviation as a share of the full range (one, or (N,)) and random
            numbers.
        vary: makes small random moves, as a thing is never seen or heard twice in the same way; None: it has none.
        wear: makes samples worse as a sensor that drifts does, given noise (N,) as a share of the full range, light
            (N,) as a share of the full light, and random numbers; None: it does not drift.
    """

    noise: Callable[[Array, float | NDArray[np.float64], Generator], Array]
    vary: Callable[[Array, Generator], Array] | None = None
    wear: Callable[[Array, NDArray[np.float64], NDArray[np.float64], Generator], Array] | None = None


@dataclass(frozen=True)
class Derived:
    """How a sense is computed from another one, as `audio_far` is from `audio`.

    Attributes:
        of: name of the other sense.
        make: from its stored samples (N, *shape) and random numbers to samples of this sense.
    """

    of: str
    make: Callable[[Array, Generator], Array]


@dataclass(frozen=True)
class Stream:
    """How a sense is perceived live.

    Attributes:
        reading: class of what its sources give, such as `Chunk` or `Frame`.
        sources: the sources that give it under a rig's settings; empty: it is not perceived there.
        cutter: makes what cuts readings into percepts, given the settings of perception, which have those of the
            sensors as `sensors`.
        samples: contents of percepts to stored samples (N, *shape), given the same settings.
        names: names of the sources whose readings it takes. Empty: it takes those of one source, which no other stream
            of this class of readings names. Needed where two senses have devices that give one class of readings.
        warm_up: makes some readings, the first at second 0, with a percept in them. They are perceived once before
            the sources begin: libraries that load themselves at their first use would delay the first events. None:
            nothing is perceived beforehand.
        file: a percept as a file that `Sense.load` reads: its ending and its bytes, given the settings of perception;
            None: it cannot be kept as one.
        in_color: whether its sources are to give pictures in colour; of streams that read pictures.
        misses: what the cutter counts when something was there and was not taken: name of the count -> why, for people.
        lacks: what the cutter counts while it takes nothing, likewise; told where what another sense perceived
            meanwhile stays alone. Or a function that answers with it, given the settings of perception.
        defaults: settings of the sense that new runs and robots take unless they are told otherwise, given the settings
            of the sensors; None: the defaults of the settings themselves.
    """

    reading: type
    sources: Callable[[Any], list[Any]]
    cutter: Callable[[Any], Any]
    samples: Callable[[Sequence[Any], Any], Array]
    names: tuple[str, ...] = ()
    warm_up: Callable[[], Iterable[Any]] | None = None
    file: Callable[[Any, Any], tuple[str, bytes]] | None = None
    in_color: Callable[[], bool] = lambda: False
    misses: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] | Callable[[Any], Mapping[str, str]] = field(default_factory=dict)
    defaults: Callable[[Any], Mapping[str, Any]] | None = None

    def lacking(self, config: Any) -> Mapping[str, str]:
        """`lacks` under the settings of perception."""
        return self.lacks(config) if callable(self.lacks) else self.lacks


@dataclass(frozen=True)
class Sense:
    """One kind of sample.

    Attributes:
        modality: the form of a sample under the default settings; `modalities.modality` answers the present one.
        about: one phrase for people, such as 'sound, as log-mel spectrograms'.
        view: a stored sample (*shape) as a BGR picture (H, W, 3) uint8 of any size.
        hear: a stored sample (*shape) as a waveform, float32 at 16 kHz, which may be empty; None: it cannot be heard.
        settings: class of the sense's own settings, which appear as a section of its name, such as `image.size`; all
            have defaults. None: it has no settings.
        form: the modality under such settings, given the default one. A derived sense without settings of its own is
            given those of the sense that it is derived from. None: settings leave the form as it is.
        endings: endings of the names of files that `load` reads, in lower case, such as '.wav'; empty: it is not read
            from folders.
        load: one file as one stored sample (*shape); raises `SampleError`, which has a short reason.
        flaws: how a simulated teacher may disturb samples; None: not at all.
        stream: how it is perceived live; None: it is not.
        derived: the sense that it is computed from; None: it is of its own.
        log_mel: whether its samples are what `sensors.signals.spectrogram` makes of a waveform at 16 kHz. Then programs
            to which a run is exported can make them, too.
    """

    modality: Modality
    about: str
    view: Callable[[Array], NDArray[np.uint8]]
    hear: Callable[[Array], NDArray[np.float32]] | None = None
    settings: type[Config] | None = None
    form: Callable[[Modality, Any], Modality] | None = None
    endings: tuple[str, ...] = ()
    load: Callable[[Path], Array] | None = None
    flaws: Flaws | None = None
    stream: Stream | None = None
    derived: Derived | None = None
    log_mel: bool = False

    @property
    def name(self) -> str:
        """The modality's name."""
        return self.modality.name


_SENSES: dict[str, Sense] = {}
sections_of("sense", lambda: {name: each.settings for name, each in _SENSES.items() if each.settings is not None})


def register_sense(sense: Sense) -> Sense:
    """Add a sense and its modality.

    Raises:
        ValueError: its name is taken, malformed or that of a section of settings, or parts of it contradict each other.
    """
    if bool(sense.endings) != (sense.load is not None):
        raise ValueError(f"sense {sense.name!r}: give both `endings` and `load`, or neither")
    if sense.derived is not None and sense.derived.of not in _SENSES:
        raise ValueError(f"sense {sense.name!r}: register {sense.derived.of!r}, which it is derived from, before it")
    check_name("sense", sense.name, sense.settings)
    if sense.form is not None and sense.settings is None and sense.derived is None:
        raise ValueError(f"sense {sense.name!r}: `form` depends on settings; give `settings`, too")
    if sense.name in RESERVED:
        raise ValueError(f"sense {sense.name!r}: figures have this name; choose another")
    if sense.stream is not None:
        _check_stream(sense.name, sense.stream)
    register(sense.modality)
    _SENSES[sense.name] = sense
    note("sense", sense.name)
    return sense


def _check_stream(name: str, stream: object) -> None:
    """Refuse a stream whose readings could not be recorded, or be told from those of other senses."""
    if not isinstance(stream, Stream):
        raise ValueError(f"sense {name!r}: its stream is no sensors.senses.Stream")
    reading: Any = stream.reading
    if not isinstance(reading, type) or not issubclass(reading, Chunk | Frame | Values):
        raise ValueError(f"sense {name!r}: its readings are no Chunk, Frame or Values of sensors.signals.readings")
    if "kind" not in vars(reading) or not isinstance(reading.kind, str):
        raise ValueError(f"sense {name!r}: give its class of readings, {reading.__name__}, a `kind` of its own")
    if not isinstance(stream.names, tuple):
        raise ValueError(f"sense {name!r}: `names` of its stream is no tuple of sources' names")
    others = [other.stream.reading for other in _SENSES.values() if other.stream is not None]
    known: list[Any] = [Chunk, Frame, Values, *others]
    for its in known:
        if its.kind == reading.kind and its is not reading:
            raise ValueError(
                f"sense {name!r}: its readings, {reading.__name__}, have the kind {reading.kind!r} of "
                f"{its.__module__}.{its.__name__}; choose another kind"
            )


def sense(name: str) -> Sense:
    """Look one up.

    Raises:
        EventError: no such sense.
    """
    found = senses().get(name)
    if found is None:
        raise EventError(f"unknown sense {name!r}; registered: {', '.join(_SENSES)}")
    return found


def senses() -> Mapping[str, Sense]:
    """All senses by name, in the order in which they were registered: that of the modalities in a kind of event."""
    return _SENSES
