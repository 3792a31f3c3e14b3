"""Recordings of earlier and later programs: played, or refused by name."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.signals.readings import Values
from sensors.signals.records import unpack
from sensors.sources.recorder import ABOUT, Recorder
from sensors.sources.recording import Recording
from sensors.sources.source import Chunk, Frame
from tests.patience import wait_for
from tests.sensors.sources.test_recording import crafted, record, session


class Warm(Frame):
    """Pictures of a kind of their own."""

    kind = "warm"


@pytest.mark.parametrize(
    ("sample", "needed"),
    [
        (Chunk(1.0, np.ones(8, np.float32)), None),
        (Frame(1.0, np.zeros((3, 4), np.uint8)), None),
        (Frame(1.0, np.zeros((3, 4, 3), np.uint8)), ["colour", "jpeg"]),
        (Values(np.arange(2.0), np.zeros((2, 3))), ["values"]),
        (Warm(1.0, np.zeros((3, 4), np.uint8)), ["kinds"]),
    ],
)
def test_what_earlier_programs_cannot_read_has_a_version_that_they_refuse(
    sample: Reading, needed: list[str] | None, tmp_path: Path
) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.write("source", sample)
        assert wait_for(lambda: recorder.written == 1)
        # Also while it goes on: a recorder that is killed says it, too.
        while_open = json.loads((tmp_path / ABOUT).read_text())
    for about in (while_open, json.loads((tmp_path / ABOUT).read_text())):
        assert about["version"] == (2 if needed else 1) and about.get("needs") == needed
    assert len(list(Recording(tmp_path, readings=(Chunk, Frame, Values, Warm)).samples("source"))) == 1


def test_recordings_of_before_their_needs_were_said_are_played(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.write("camera", Frame(1.0, np.zeros((3, 4, 3), np.uint8)))
    (tmp_path / ABOUT).write_text('{"version": 1, "begun": 1.0, "samples": {"camera": 1}}')
    assert len(list(Recording(tmp_path).samples("camera"))) == 1


def test_colour_as_earlier_programs_recorded_it_is_played_bit_for_bit() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    png = cv2.imencode(".png", picture)[1].tobytes()
    frame = unpack(crafted(png, 6, 5))
    assert isinstance(frame, Frame) and np.array_equal(frame.picture, picture)


def test_what_a_later_program_recorded_is_refused_by_name(tmp_path: Path) -> None:
    record(tmp_path, *session())
    (tmp_path / ABOUT).write_text('{"version": 2, "needs": ["colour", "depth"], "samples": null}')
    with pytest.raises(SourceError, match="holds depth, which this program cannot read; play it with a newer"):
        Recording(tmp_path)
