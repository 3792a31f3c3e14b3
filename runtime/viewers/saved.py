"""A run that is over as a file for rerun: its figures, contact sheets and sounds, and its newest events."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.answers.files import png, wav
from runtime.viewers.rerun_log import RerunLog
from sensors.core.modalities import modality
from sensors.senses import sense

if TYPE_CHECKING:
    from agent.learned.loaded import LoadedAgent

SHOWN = ("exam/", "judge/", "retrieval/", "self/", "loss/", "learner/", "replay/", "size/", "dropped/", "sensor")
"""Beginnings of the names of the figures that are written."""
EVENTS = 200
"""Newest events that are written, each with what it evokes."""
SIDE = 192
"""Rows and columns of a picture, pixels."""


def write_saved(agent: "LoadedAgent", out: Path) -> Iterator[str]:
    """Write the file; yields what is in it.

    Args:
        agent: what the run has learned.
        out: the file, which ends in .rrd.

    Raises:
        UserError: rerun is not installed, or the file cannot be written.
    """
    log = RerunLog(agent.run.path.name, str(out))
    with contextlib.closing(log):
        lines, end = _figures(log, agent.run.path / "metrics.jsonl")
        sheets = _sheets(log, agent.run.path / "samples")
        with agent.run.forms.applied():
            events = _events(log, agent, end)
    yield f"{lines:,} lines of figures, {sheets} contact sheets and sounds, {events} events: {out}"


def _figures(log: RerunLog, metrics: Path) -> tuple[int, float]:
    """Write `metrics.jsonl`; the number of its lines, and its last second."""
    count, seconds = 0, 0.0
    with contextlib.suppress(OSError), metrics.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told: dict[str, Any] = json.loads(line)
                seconds = float(told["time"])
                log.at(seconds, int(told["step"]))
                count += 1
                for name, value in told.items():
                    if isinstance(value, int | float) and name.startswith(SHOWN):
                        log.figure(name, value)
    return count, seconds


def _sheets(log: RerunLog, samples: Path) -> int:
    """Write contact sheets and sounds at their steps; how many."""
    count = 0
    for path in sorted([*samples.rglob("sheet-*.png"), *samples.rglob("*-evokes-*.wav")]):
        numbers = [part for part in path.stem.split("-") if part.isdecimal() and len(part) >= 9]
        if not numbers or "confusion" in path.name:
            continue
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            log.at_step(int(numbers[0]))
            if path.suffix == ".png":
                log.picture("sheet", data)
            else:
                log.sound(f"sounds/{path.stem.removesuffix(f'-{numbers[0]}')}", data)
            count += 1
    return count


def _events(log: RerunLog, agent: "LoadedAgent", end: float) -> int:
    """Write the newest events of several senses, one a second up to the end of the run, and what each evokes."""
    from agent.answers.associations import store
    from agent.learned.known import pairs
    from agent.learned.saved_run import REPLAY
    from agent.networks.published import to_network
    from sensors.core.errors import UserError

    try:
        samples = pairs(agent.run.path / REPLAY, agent.senses, EVENTS)
    except UserError:
        return 0
    count = len(next(iter(samples.values())))
    evoked = {}
    if agent.networks.decodes:
        for source, rows in samples.items():
            x = to_network(rows, source)
            for target in samples:
                if target != source:
                    evoked[source, target] = store(agent.networks.evoke(x, source, target), modality(target))
    for row in range(count):
        # Sounds take long to make of spectrograms: some are made.
        log.at(max(end - count + row + 1, 0.0), agent.step)
        for name, rows in samples.items():
            _sample(log, f"pair/{name}", name, rows[row], heard=row % 20 == 0)
        for (source, target), rows in evoked.items():
            _sample(log, f"evoked/{target}_of_{source}", target, rows[row], heard=row % 20 == 0)
    return count


def _sample(log: RerunLog, path: str, name: str, sample: Any, heard: bool) -> None:
    log.picture(path, png(name, sample, SIDE))
    hear = sense(name).hear
    if heard and hear is not None and len(wave := hear(sample)):
        log.sound(f"{path}/sound", wav(wave))
