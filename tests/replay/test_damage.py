"""Files that were cut short or changed: found, passed over, counted and told, and everything else is as it was."""

import logging
from pathlib import Path

import numpy as np
import pytest

from replay import journal
from replay.buffer import Buffer, InsertResult
from replay.config import ReplayConfig
from replay.sampler import Sampler
from replay.storage import META, Storage
from tests.replay.batches import batch_of, sample_of

CONFIG = ReplayConfig(samples_per_insert=0.0, capacity=16, capacity_single=16, min_size=1)
KIND = "audio+image"
WIDTHS = {"meta.col": META.itemsize, "audio.col": 9_216, "image.col": 1_024}
UNSEALED = {*range(8), *range(68, 72)}
"""Bytes of a slot's record that its checksum leaves out: its version, and four unused ones."""


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*.*")) if path.is_file()
    }


def write(directory: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (directory / name).write_bytes(content)


def check_others(buffer: Buffer, slots: list[int]) -> None:
    """These slots hold what was written there."""
    storage = buffer._tables[KIND].storage
    assert storage.live()[slots].all() and storage.meta["seq"][slots].tolist() == slots
    assert (storage.meta["end"][slots] == np.array(slots) + 0.5).all()
    for name, column in storage.samples.items():
        assert (column[slots] == sample_of(name, np.array(slots))).all()


@pytest.mark.parametrize("stride", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_the_last_slot_cut_at_any_byte_costs_itself_alone(
    tmp_path: Path, quick_files: None, caplog: pytest.LogCaptureFixture, stride: int
) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(1, 8), KIND))
    before = contents(tmp_path)
    buffer.insert(batch_of([8], KIND))
    buffer.close()
    after = contents(tmp_path)
    (tmp_path / "state.json").unlink()
    emptied = whole = 0
    for name, width in WIDTHS.items():
        path = f"{KIND}/{name}"
        for cut in range(0, width + 1, 1 if name == "meta.col" else stride):
            # All but the end of one column has arrived, and the journal says nothing of it.
            at = 7 * width + cut
            torn = before[path][:0] + after[path][:at] + before[path][at:]
            write(
                tmp_path,
                after | before | {f"{KIND}/{other}": after[f"{KIND}/{other}"] for other in WIDTHS} | {path: torn},
            )
            caplog.clear()
            with caplog.at_level(logging.WARNING, "replay"):
                buffer = Buffer(tmp_path, CONFIG)
                assert buffer.checked(10.0)
            storage = buffer._tables[KIND].storage
            assert (storage.meta["seq"][:7] == np.arange(1, 8)).all() and storage.live()[:7].all()
            for m, column in storage.samples.items():
                assert (column[:7] == sample_of(m, np.arange(1, 8))).all()
            figures = buffer.stats()[KIND]
            there = torn == after[path] or (name == "meta.col" and cut >= 68)
            assert bool(storage.live()[7]) == there
            # A record of which nothing has arrived is an empty slot.
            untouched = (
                name == "meta.col" and torn[7 * width + 8 : 8 * width] == before[path][7 * width + 8 : 8 * width]
            )
            assert (figures["inserted"], figures["size"], figures["corrupt"]) == (7 + there, 7 + there, 0)
            assert figures["torn"] == len(caplog.records) == (not there and not untouched), (name, cut)
            emptied, whole = emptied + int(figures["torn"]), whole + there
            answer = buffer.insert(batch_of([8], KIND))
            assert answer == InsertResult(int(not there), int(there))
            buffer._lock.close()
    assert emptied > 100 and whole >= 3


def test_flipped_bits_are_found_counted_once_and_passed_over(
    tmp_path: Path, quick_files: None, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(12), KIND))
    buffer.close()
    whole = contents(tmp_path)
    rng = np.random.default_rng(0)
    for flip in range(200):
        name = str(rng.choice(list(WIDTHS)))
        slot, byte = int(rng.integers(12)), int(rng.integers(WIDTHS[name]))
        if name == "meta.col" and byte in UNSEALED:
            byte += 20 if byte < 8 else -20
        raw = bytearray(whole[f"{KIND}/{name}"])
        raw[slot * WIDTHS[name] + byte] ^= 1 << int(rng.integers(8))
        write(tmp_path, whole | {f"{KIND}/{name}": bytes(raw)})
        caplog.clear()
        for opening in range(1 + (flip % 10 == 0)):
            with caplog.at_level(logging.WARNING, "replay"):
                buffer = Buffer(tmp_path, CONFIG)
                assert buffer.checked(10.0)
            figures = buffer.stats()[KIND]
            assert (figures["inserted"], figures["size"], figures["corrupt"], figures["evicted"]) == (12, 11, 1, 0)
            check_others(buffer, [n for n in range(12) if n != slot])
            # It was taken once: that it is gone is counted, and not made up for.
            assert buffer.insert(batch_of(range(12), KIND)) == InsertResult(0, 12)
            buffer.close()
            assert len(caplog.records) == 1, f"told once, not at opening {opening + 1} again"


def test_a_damaged_slot_is_not_drawn_though_nobody_has_looked_at_it_yet(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(12), KIND))
    buffer.close()
    storage = Storage(tmp_path / KIND, writable=True)
    storage.samples["audio"][3, 0, 50, 50] ^= 4
    storage.meta["lesson"][5] = 77
    assert storage.verify(trusted=12) == (0, 0) and storage.live().sum() == 12
    for writable in (True, False):
        sampler = Sampler(Storage(tmp_path / KIND, writable))
        drawn = sampler.draw(500, "uniform", np.random.default_rng(0))
        assert set(drawn.slots.tolist()) == set(range(12)) - {3, 5}
        assert (drawn.samples["audio"] == sample_of("audio", drawn.slots)).all()
        assert [slot for batch in sampler.sweep(5) for slot in batch.slots.tolist()] == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
        assert len(sampler.newest(12)) == 10


def test_events_written_over_unchecked_slots_are_not_doubted(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(12), KIND))
    buffer.close()
    with (tmp_path / KIND / "image.col").open("r+b") as file:
        file.seek(4 * 1_024)
        file.write(b"\xff" * 1_024)
    storage = Storage(tmp_path / KIND, writable=True)
    storage.verify(trusted=12)
    slots = np.array([3, 4, 5])
    storage.write(slots, slots + 13, 5, batch_of(slots.tolist(), KIND), np.arange(3))
    assert storage.unchecked.sum() == 9 and storage.sound(np.arange(12)).all()


def test_a_table_whose_damage_the_journal_shares_is_read_back_at_once(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    for n in range(0, 12, 3):
        buffer.insert(batch_of(range(n, n + 3), KIND))
    buffer.close()
    raw = bytearray((tmp_path / journal.NAME).read_bytes())
    raw[2 * 64 + 20] ^= 1
    (tmp_path / journal.NAME).write_bytes(raw)
    with (tmp_path / KIND / "image.col").open("r+b") as file:
        file.seek(4 * 1_024)
        file.write(b"\xff")
    buffer = Buffer(tmp_path, CONFIG)
    figures = buffer.stats()[KIND]
    assert (figures["inserted"], figures["size"], figures["corrupt"]) == (12, 11, 1)
    # What the slots still say counts as taken; what neither they nor the journal say does not.
    assert buffer.insert(batch_of(range(12), KIND)) == InsertResult(1, 11)
    assert figures["inserted"] == figures["size"] + figures["evicted"] + figures["corrupt"]
    buffer.close()


def test_the_marks_of_unchecked_slots_may_be_missing(tmp_path: Path) -> None:
    for content in (None, b"", b"\x01" * 99):
        buffer = Buffer(tmp_path, CONFIG)
        buffer.insert(batch_of(range(12), KIND))
        buffer.close()
        marks = tmp_path / KIND / "unchecked.col"
        if content is None:
            marks.unlink()
            assert not Storage(tmp_path / KIND, writable=False).unchecked.any()
        else:
            marks.write_bytes(content)
        buffer = Buffer(tmp_path, CONFIG)
        assert buffer.checked(10.0) and buffer.stats()[KIND]["size"] == 12
        check_others(buffer, list(range(12)))
        buffer.close()
