"""Settings of the live sensors."""

from dataclasses import dataclass

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError


@dataclass(frozen=True)
class SensorsConfig(Config):
    """Which microphone and camera are used, and how."""

    microphone: str | None = setting(
        "default", help="index or part of the name of the microphone; default: the system's; none: no sound"
    )
    camera: str | None = setting(
        "0", help="index, file, image sequence (shot_%03d.png) or URL of the camera; none: no pictures"
    )
    view: str = setting(
        "auto",
        help="what is seen in pictures; card: what is drawn on a card that holds still; thing: what a hand shows, in "
        "colour; whole: the scene, each time it has changed and settled, in colour; auto: a card where there is one, "
        "else a thing; or a view finder of a plugin",
    )
    fps: float = setting(
        15.0, help="pictures that are taken from the camera per second", unit="1/s", low=0.5, high=120.0
    )
    camera_delay: float = setting(
        0.0, help="delay of the camera's pictures, which is subtracted from their times", unit="s", low=0.0, high=5.0
    )
    width: int = setting(640, help="width that the camera is asked for", unit="px", low=64, high=7680)
    height: int = setting(480, help="height that the camera is asked for", unit="px", low=48, high=4320)
    utterance: str = setting(
        "phrase",
        help="what an utterance is; phrase: all that is said without a pause; word: what lies between two dips of it",
        choices=("phrase", "word"),
    )
    read_timeout: float = setting(2.0, help="longest wait for a sound or a picture", unit="s", low=0.05, high=60.0)
    stall: float = setting(
        1.5,
        help="time without data after which a device counts as stalled and is opened again",
        unit="s",
        low=0.2,
        high=30.0,
    )
    sound_buffer: float = setting(10.0, help="length of unread sound that is kept", unit="s", low=0.5, high=120.0)
    picture_buffer: int = setting(32, help="number of unread pictures that are kept", low=1, high=1024)
    record_mib: int = setting(
        4096, help="largest size of a recording; beyond it nothing is recorded", unit="MiB", low=1, high=10**6
    )
    record_pictures: float = setting(
        20.0,
        help="size that a minute of one camera's recorded pictures takes; the quality of the JPEGs is chosen by it",
        unit="MiB",
        low=1.0,
        high=10_000.0,
    )

    @property
    def picture_rate(self) -> float:
        """Bytes a second of one camera's recorded pictures."""
        return self.record_pictures * 2**20 / 60

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.camera is not None and self.stall * self.fps < 2:
            raise ConfigError(
                f"stall={self.stall}: at fps={self.fps} every pause between two pictures would be a stall; "
                f"give at least {2 / self.fps:g}, or a higher fps"
            )
