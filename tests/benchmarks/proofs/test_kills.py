"""SIGKILL of replay, and of all processes at once, while two sources send: nothing acknowledged is lost."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.proofs import kills
from replay.buffer import Buffer
from replay.config import DISK
from replay.dedupe import source_key
from sensors.core.event import EventBatch
from tests.replay.batches import batch_of

RECOVERY = 5.0
"""Seconds that recovering may take; three times as long once, on a busy machine."""


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="rcp", dir="/tmp") as folder:
        yield Path(folder)


def check(found: dict[str, float], times: int) -> None:
    assert found["kills"] == times and found["acknowledged"] >= times * 2 * kills.EVENTS
    assert found.get("early_kills", kills.EARLY) == kills.EARLY
    assert found["lost"] == found["duplicates"] == found["unaccounted"] == 0
    assert found["recovery_median_s"] < RECOVERY and found["recovery_max_s"] < 3 * RECOVERY


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_sigkill_of_replay_or_of_everything() -> None:
    found = kills.measure(3, 1, DISK, seed=1)
    check(found, 4)
    # Everything was killed once: the sources sent again what they had been told of.
    assert found["offered_again"] >= len(kills.SOURCES) * kills.EVENTS * kills.BEHIND


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_many_kills() -> None:
    check(kills.measure(20, 10, DISK, seed=0), 30)


@pytest.mark.slow
@pytest.mark.ray
def test_nothing_acknowledged_is_lost_when_ray_brings_replay_back(ray_session: None, tmp_path: Path) -> None:
    from benchmarks.proofs import kills_ray

    check(kills_ray.campaign(tmp_path / "replay", 20, DISK, seed=0), 20)


def test_the_audit_finds_missing_changed_and_duplicate_events(short: Path) -> None:
    config = kills.settings(DISK, 1_000)
    for source in kills.SOURCES:
        (short / f"{source}.log").write_text("10\n20\n3")
        seq = batch_of(range(20)).seq
        columns = (seq, seq.astype(float), seq.astype(float), seq // 5)
        with_samples = EventBatch(source, 0, *columns, kills.samples(source, seq.tolist()))
        buffer = Buffer(short / "replay", config)
        assert buffer.insert(with_samples).accepted == 20
        buffer.close()
    campaign = kills.KillTest(short, DISK, 1_000, 0)
    found = campaign.audit()
    assert (found["acknowledged"], found["lost"], found["duplicates"], found["unaccounted"]) == (40, 0, 0, 0)
    (short / "left.log").write_text("10\n20\n23\n")
    buffer = Buffer(short / "replay", config)
    storage = buffer._tables[kills.KIND].storage
    # Two slots whose seals do not fit any more, and an event that is there a second time.
    storage.samples["image"][7, 0, 3, 3] ^= 1
    storage.meta["seq"][30] = 9
    storage.write(np.array([60]), np.array([41]), source_key("right"), with_samples, np.array([3]))
    buffer.close()
    found = campaign.audit()
    assert (found["acknowledged"], found["lost"], found["duplicates"]) == (43, 5, 1)
