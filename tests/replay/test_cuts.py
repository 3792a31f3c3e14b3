"""Whenever a process or the power ends: each event is counted once, none acknowledged is lost, none is stored twice."""

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from replay import journal
from replay.buffer import Buffer
from replay.config import DISK, MEMORY, ReplayConfig
from replay.dedupe import source_key
from tests.replay.batches import batch_of, sample_of
from tests.replay.cuts import Disk, cut_at

SMALL = ReplayConfig(samples_per_insert=0.0, capacity_single=16, min_size=1)
KIND = "image"
SOURCE = source_key("teacher")


def opened(directory: Path, config: ReplayConfig) -> Buffer:
    return Buffer(directory, config, seed=2)


def abandon(buffer: Buffer) -> None:
    """What is left of a killed process: its lock falls, nothing is saved."""
    buffer._lock.close()


def ids_in(buffer: Buffer) -> list[int]:
    """Numbers of the events in the table, after checking every byte of them."""
    storage = buffer._tables[KIND].storage
    seq = storage.meta["seq"][storage.live()]
    assert (storage.samples[KIND][storage.live()] == sample_of(KIND, seq)).all()
    assert len(set(seq.tolist())) == len(seq), "stored twice"
    return sorted(seq.tolist())


def known(buffer: Buffer, seq: list[int]) -> set[int]:
    unseen = buffer._seen.unseen(SOURCE, 0, np.array(seq))
    return {n for n, new in zip(seq, unseen, strict=True) if not new}


def check_figures(buffer: Buffer, taken: int) -> dict[str, float]:
    figures = buffer.stats()[KIND]
    assert figures["inserted"] == taken
    assert figures["inserted"] == figures["size"] + figures["evicted"] + figures["corrupt"]
    assert figures["size"] == len(ids_in(buffer)) and min(figures.values()) >= min(0.0, figures["deficit"])
    return figures


BATCHES = {
    "first": (0, [0, 1, 2, 3, 4]),
    "runs and duplicates": (10, [8, 9, 10, 11, 20, 21, 30]),
    "evicting": (40, [38, *range(40, 48), 60]),
    "larger than the table": (40, [*range(40, 60)]),
}
"""How many events were taken before, and the numbers in the batch that is cut."""


@pytest.mark.parametrize("stride", [13, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ack", [MEMORY, DISK])
@pytest.mark.parametrize("remover", ["fifo", "reservoir"])
@pytest.mark.parametrize("name", BATCHES)
def test_ended_at_any_line_every_event_is_counted_once(
    tmp_path: Path, quick_files: None, name: str, remover: str, ack: str, stride: int
) -> None:
    config = SMALL.replace(remover=remover, ack=ack)
    before, offered = BATCHES[name]
    ready, acknowledged = tmp_path / "ready", set(range(before))
    buffer = opened(ready, config)
    buffer.reserve([KIND])
    for first in range(0, before, 10):
        buffer.insert(batch_of(range(first, first + 10)))
    stored_before = set(ids_in(buffer))
    whole = tmp_path / "whole"
    shutil.copytree(ready, whole)
    abandon(buffer)
    buffer = opened(whole, config)
    buffer.insert(batch_of(offered))
    stored_whole = set(ids_in(buffer))
    abandon(buffer)
    outcomes, line, cut = set(), int(stride * (name == "first") / 2), True
    while cut:
        place = tmp_path / f"{line}"
        shutil.copytree(ready, place)
        buffer = opened(place, config)
        # A cut may leave the mutex taken, which a process that has ended does not.
        assert buffer.checked(10.0)
        cut = cut_at(line, partial(buffer.insert, batch_of(offered)))
        abandon(buffer)
        buffer = opened(place, config)
        assert buffer.checked(10.0)
        found = known(buffer, offered)
        outcomes.add(len(found))
        check_figures(buffer, len(acknowledged | found))
        # Nothing left the table that would not have left it anyway.
        assert stored_before & stored_whole <= set(ids_in(buffer))
        answer = buffer.insert(batch_of(offered))
        assert (answer.accepted, answer.duplicate) == (len(offered) - len(found), len(found))
        check_figures(buffer, len(acknowledged | set(offered)))
        assert acknowledged | set(offered) >= set(ids_in(buffer))
        abandon(buffer)
        shutil.rmtree(place)
        line += stride
    # The cuts were made before anything was taken, and after all was.
    assert {len(set(offered) & acknowledged), len(offered)} <= outcomes and line > 60


def cut_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: ReplayConfig, seed: int
) -> tuple[Buffer, list[list[int]], list[int], int, bool]:
    """Ten batches, one of the later ones cut short: the buffer that is opened after it, and all that was offered.

    Returns:
        The buffer; the batches offered; the events acknowledged, in their order; pages lost; whether a batch was cut.
    """
    rng = np.random.default_rng(seed)
    place, after = tmp_path / f"{seed}", tmp_path / f"{seed}-after"
    disk, cut = Disk(place), False
    offered: list[list[int]] = []
    acknowledged: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(journal, "_RECORDS", 256)
        patched.setattr(os, "fdatasync", disk.flush)
        patched.setattr(os, "fsync", disk.flush)
        buffer = opened(place, config)
        for first in range(0, 200, 20):
            offered.append([*range(first, first + 18), 1_000 + first])
            insert = partial(buffer.insert, batch_of(offered[-1]))
            cut = cut_at(int(rng.integers(110, 290)) if first >= 140 else 10**9, insert)
            if cut:
                break
            acknowledged += offered[-1]
        lost = disk.cut(after, rng)
    abandon(buffer)
    return opened(after, config), offered, acknowledged, lost, cut


@pytest.mark.parametrize("ack", [MEMORY, DISK])
def test_after_a_power_cut_what_was_acknowledged_is_there_and_the_rest_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ack: str
) -> None:
    """With `memory` the same cuts lose events, or they would prove nothing."""
    config = SMALL.replace(ack=ack, capacity_single=256)
    missing = claimed = pages = cuts = 0
    for seed in range(15):
        buffer, offered, acknowledged, lost, cut = cut_power(tmp_path, monkeypatch, config, seed)
        pages, cuts = pages + lost, cuts + cut
        if ack == MEMORY:
            assert buffer.checked(10.0)
        stored = set(ids_in(buffer))
        everything = [n for seq in offered for n in seq]
        missing += len(set(acknowledged) - stored)
        claimed += len(known(buffer, everything) - stored)
        if ack == DISK:
            assert set(acknowledged) <= stored and known(buffer, everything) == stored
            check_figures(buffer, len(stored))
            for seq in offered:
                answer = buffer.insert(batch_of(seq))
                assert answer.duplicate == len(stored & set(seq))
            assert set(ids_in(buffer)) == set(everything)
            check_figures(buffer, len(everything))
        abandon(buffer)
    assert pages > 8 and cuts > 5
    assert (missing > 0) == (claimed > 0) == (ack == MEMORY)


def test_a_power_cut_while_events_make_room_costs_those_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SMALL.replace(ack=DISK, capacity_single=100)
    damaged = cuts = 0
    for seed in range(15):
        buffer, offered, acknowledged, _, cut = cut_power(tmp_path, monkeypatch, config, seed)
        cuts += cut
        drawn = buffer.sample(KIND, 64)
        seq = buffer._tables[KIND].storage.meta["seq"][drawn.slots]
        assert (drawn.samples[KIND] == sample_of(KIND, seq)).all(), "drawn before anybody had looked at it"
        assert buffer.checked(10.0)
        # The batch that was cut short may have overwritten as many as it has events.
        assert set(acknowledged[-100 + 19 :]) <= set(ids_in(buffer))
        assert set(acknowledged) <= known(buffer, acknowledged)
        figures = check_figures(buffer, len(known(buffer, acknowledged + offered[-1])))
        damaged += int(figures["corrupt"] + figures["torn"])
        answer = buffer.insert(batch_of(offered[-1]))
        assert answer.accepted + answer.duplicate == 19
        figures = check_figures(buffer, len({*acknowledged, *offered[-1]}))
        assert set(offered[-1]) <= set(ids_in(buffer)) and figures["size"] <= 100
        abandon(buffer)
    assert cuts > 5 and damaged > 20
