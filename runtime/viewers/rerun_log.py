"""A recording for rerun: pictures, sounds, figures and texts of a run, on its clock and by its steps."""

from pathlib import Path
from typing import Any

from sensors.core.errors import ConfigError, LinkError
from sensors.system.address import redact

VIEWER, FILE_SUFFIX = "viewer", ".rrd"
"""`viewer` starts one on this machine; a name with this ending is a file."""
GRPC = ("rerun+http://", "rerun+https://")
"""How the address of a viewer that runs already begins."""
TIMELINE, STEPS = "run", "step"
"""Names of the timelines: seconds of the run, and learner steps."""
PATIENCE = 2.0
"""Seconds within which a viewer must have taken what was sent before."""
APPLICATION = "reciprocal"


class RerunLog:
    """Writes one recording.

    Args:
        name: of the run.
        where: `viewer`, the address of a viewer, or a file that ends in .rrd.

    Attributes:
        lost: entries that were left out, as the viewer did not take the ones before in time.

    Raises:
        ConfigError: rerun is not installed, or `where` is none of these.
        LinkError: no viewer can be started or reached.
    """

    def __init__(self, name: str, where: str) -> None:
        check_where(where)
        self._rerun = rerun()
        self._stream = self._rerun.RecordingStream(APPLICATION, recording_id=name)
        self._file = Path(where) if where.endswith(FILE_SUFFIX) else None
        self._gone = False
        self.lost = 0
        blueprint = _blueprint()
        try:
            if self._file is not None:
                self._stream.save(self._file, default_blueprint=blueprint)
            elif where == VIEWER:
                self._stream.spawn(default_blueprint=blueprint)
            else:
                self._stream.connect_grpc(where, default_blueprint=blueprint)
        except (RuntimeError, OSError, ValueError) as error:
            raise LinkError(f"rerun: {redact(where)} cannot be opened ({' '.join(str(error).split())[:120]})") from None

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where there is none."""
        return self._file.stat().st_size if self._file is not None and self._file.exists() else 0

    def at(self, seconds: float, step: int | None = None) -> None:
        """What follows is of this second of the run, and of this learner step where there is one."""
        self._stream.set_time(TIMELINE, duration=max(seconds, 0.0))
        if step is not None:
            self._stream.set_time(STEPS, sequence=step)

    def at_step(self, step: int) -> None:
        """What follows is of this learner step; its second is not known."""
        self._stream.disable_timeline(TIMELINE)
        self._stream.set_time(STEPS, sequence=step)

    def picture(self, path: str, png: bytes) -> None:
        """A PNG file."""
        self._log(path, self._rerun.EncodedImage(contents=png, media_type="image/png"))

    def sound(self, path: str, wav: bytes) -> None:
        """A WAV file."""
        self._log(path, self._rerun.AssetAudio(contents=wav, media_type="audio/wav"))

    def figure(self, path: str, value: float) -> None:
        """A number."""
        self._log(path, self._rerun.Scalars(float(value)))

    def text(self, path: str, text: str) -> None:
        """A line."""
        self._log(path, self._rerun.TextLog(text))

    def keeps_up(self) -> bool:
        """Whether the viewer, or the disk, has taken what was logged so far; waits for `PATIENCE` seconds at most.

        Nothing more is held for one that has not: what is logged until it has is left out and counted.
        """
        try:
            self._stream.flush(timeout_sec=PATIENCE)
        except RuntimeError:
            self._gone = True
        else:
            self._gone = False
        return not self._gone

    def close(self) -> None:
        """Write what is left; a viewer that is gone is not waited for."""
        if self.keeps_up():
            self._stream.disconnect()

    def _log(self, path: str, entry: Any) -> None:
        if self._gone:
            self.lost += 1
            return
        self._stream.log(path, entry)


def rerun() -> Any:
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import rerun
    except ImportError:
        raise ConfigError("rerun is not installed; pip install 'reciprocal[rerun]'") from None
    return rerun


def check_where(where: str) -> None:
    """Refuse what is neither a viewer nor a file.

    Raises:
        ConfigError: says what there is.
    """
    if where == VIEWER or where.startswith(GRPC):
        return
    if not where.endswith(FILE_SUFFIX):
        raise ConfigError(
            f"rerun={redact(where)}: expected {VIEWER}, {GRPC[0]}HOST:9876/proxy, or a file that ends in .rrd"
        )
    if not Path(where).absolute().parent.is_dir():
        raise ConfigError(f"rerun={where}: there is no folder {Path(where).absolute().parent}; make it first")


def _blueprint() -> Any:
    """What the viewer opens on: samples and pairs beside exams, and the rest below."""
    import rerun.blueprint as views

    return views.Blueprint(
        views.Horizontal(
            views.Vertical(
                views.Spatial2DView(origin="/perceived", name="perceived"),
                views.Spatial2DView(origin="/pair", name="pair"),
                views.Spatial2DView(origin="/evoked", name="evoked"),
            ),
            views.Vertical(
                views.TimeSeriesView(origin="/exam", name="exams"),
                views.TimeSeriesView(origin="/loss", name="losses"),
                views.TextLogView(origin="/notes", name="notes"),
            ),
        )
    )
