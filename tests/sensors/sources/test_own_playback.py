import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import StorageError
from sensors.sources.own_playback import KEPT, TAIL, OwnPlayback, PlaybackFilter
from sensors.sources.source import Chunk


def chunk(start: float) -> Chunk:
    return Chunk(start, np.zeros(1600, np.float32), False)


def test_another_process_map_sees_when_a_sound_begins_and_ends(tmp_path: Path) -> None:
    with closing(OwnPlayback(tmp_path / "hush")) as says, closing(OwnPlayback(tmp_path / "hush")) as hears:
        now = time.monotonic()
        assert not hears.covers(now - 1, now + 1)
        says.begin(5.0)
        begun = time.monotonic()
        assert hears.covers(begun + 4.0, begun + 4.1) and not hears.covers(now - 2.0, now - 1.0)
        says.end()
        over = time.monotonic()
        assert hears.covers(begun, begun + 0.1)
        assert not hears.covers(over + TAIL, over + TAIL + 0.1), "it was over earlier than it might have been"


def test_sound_that_is_looked_at_late_still_meets_its_own(tmp_path: Path) -> None:
    with closing(OwnPlayback(tmp_path / "hush")) as it:
        began = []
        for _ in range(KEPT):
            it.begin(0.0)
            began.append(time.monotonic())
            it.end()
        assert all(it.covers(at, at + 0.01) for at in began)


def test_an_ear_passes_over_its_own_voice_and_marks_the_gap(tmp_path: Path) -> None:
    with closing(OwnPlayback(tmp_path / "hush")) as playback:
        own_filter = PlaybackFilter(playback)
        now = time.monotonic()
        before = chunk(now - 5)
        assert own_filter.observe(before) is before
        playback.begin(0.5)
        begun = time.monotonic()
        assert own_filter.observe(chunk(begun)) is None and own_filter.observe(chunk(begun + 0.2)) is None
        after, later = own_filter.observe(chunk(now + 5)), own_filter.observe(chunk(now + 5.1))
        assert after is not None and after.gap and later is not None and not later.gap
        assert own_filter.own == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/hush: cannot be mapped"):
        OwnPlayback(tmp_path / "nowhere" / "hush")
