"""Settings by which utterances are told from the background."""

from dataclasses import dataclass

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.cutters.voice import WINDOW
from sensors.signals.spectrogram import SAMPLE_RATE


@dataclass(frozen=True)
class SegmentationConfig(Config):
    """How utterances are told from the background."""

    loud: float = setting(2.5, help="score that begins an utterance", unit="dB", low=0.5, high=20.0)
    quiet: float = setting(1.0, help="score below which there is no voice", unit="dB", low=0.1, high=20.0)
    pause: float = setting(0.15, help="silence that ends an utterance", unit="s", low=0.05, high=2.0)
    reach: float = setting(
        24.0,
        help="decibel below an utterance's loudest sound at which it begins and ends",
        unit="dB",
        low=3.0,
        high=80.0,
    )
    faint: float = setting(
        30.0,
        help="the same in a quiet room, where so faint a sound stands far above the background",
        unit="dB",
        low=3.0,
        high=80.0,
    )
    trim: float = setting(
        0.0,
        help="share of its highest score that its begin and its end also have; 0: any score will do",
        low=0,
        high=0.9,
    )
    tail: float = setting(0.03, help="time from its last sound to an utterance's end", unit="s", low=0.0, high=0.5)
    after: float = setting(
        0.1, help="sound kept beyond an utterance's end, as its faint end may be", unit="s", low=0.0, high=0.5
    )
    shortest: float = setting(0.2, help="shorter utterances are dropped", unit="s", low=0.05, high=2.0)
    longest: float = setting(5.5, help="longer utterances are cut", unit="s", low=0.5, high=5.5)
    dip: float = setting(
        12.0,
        help="how far sound falls between two words for sensors.utterance=word to part them",
        unit="dB",
        low=1.0,
        high=60.0,
    )
    unheard: float = setting(
        1.0, help="time without data of the sound after which an utterance ends", unit="s", low=0.1, high=10.0
    )
    tolerance: float = setting(
        0.01,
        help="longest time between two pieces of sound that does not count as a gap",
        unit="s",
        low=0.002,
        high=2.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loud < self.quiet:
            raise ConfigError(f"loud={self.loud}: lies below quiet={self.quiet}; give a higher loud or a lower quiet")
        if self.shortest > self.longest:
            raise ConfigError(f"shortest={self.shortest}: exceeds longest={self.longest}")
        needed = self.shortest + self.pause + self.tail + WINDOW / SAMPLE_RATE
        if needed > self.longest:
            raise ConfigError(
                f"longest={self.longest}: every utterance would be cut before its pause of {self.pause} s is over; "
                f"give at least {needed:.2f}"
            )
