"""A robot's journal: what one start kept the next one sends; what is wrong with the folder is told."""

import dataclasses
import errno
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core import wire
from sensors.core.errors import ConfigError, StorageError
from sensors.remote import main
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import PublisherConfig
from sensors.robots.robot_config import RobotConfig
from sensors.robots.robot_journal import ABOUT, DAMAGED, SET_ASIDE, RobotJournal, journal_directory
from sensors.robots.robot_window import RobotWindow
from sensors.system.places import PRIVATE
from tests.sensors.batches import assert_same
from tests.sensors.robot_rigs import FREE, host, made, until

NOWHERE = FREE.replace(":0", ":9")


class Life:
    """One start of a robot, which ends as a killed one does: nothing is sent, said or removed any more."""

    def __init__(self, folder: Path, to: str = NOWHERE, **more: Any) -> None:
        self.told: list[str] = []
        self.journal = RobotJournal(folder, "kitchen", more.pop("sync", False), self.told.append)
        config = PublisherConfig(to=to, **more)
        self.publisher = Publisher(config, "kitchen", self.journal.generation, self.journal)

    def publish(self, seq: int, count: int = 2) -> None:
        self.publisher.publish(made(seq, generation=self.journal.generation, count=count))

    def die(self) -> None:
        self.publisher._context.destroy(linger=0)
        self.journal.close()

    def __enter__(self) -> "Life":
        return self

    def __exit__(self, *_: object) -> None:
        self.die()


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.batch"))


def accounted(counts: dict[str, int], kept: int) -> bool:
    came = counts.get("published", 0) + counts.get("restored", 0)
    left = sum(n for name, n in counts.items() if name.startswith(("acknowledged", "dropped", "refused")))
    return came == left + kept


def test_what_a_dead_robot_kept_is_sent_by_the_next_under_its_own_ids(tmp_path: Path) -> None:
    with Life(tmp_path) as first:
        first.publish(0)
        first.publish(10)
        assert first.publisher.kept == 4 and len(files(tmp_path)) == 2
    with host() as ingest, Life(tmp_path, ingest.address) as second:
        assert second.publisher.kept == second.publisher.counts["restored"] == 4
        second.publish(0)
        found = until(lambda: not second.publisher.kept, ingest, second.publisher)
        assert second.publisher.counts["acknowledged"] == 6 and not files(tmp_path)
        assert accounted(second.publisher.counts, 0)
    ids = [(item.batch.generation, int(item.batch.seq[0])) for item in found]
    old, new = first.journal.generation, second.journal.generation
    assert ids == [(old, 0), (old, 10), (new, 0)] and old < new
    with Life(tmp_path) as third:
        assert third.publisher.kept == 0


def test_the_journal_restores_the_batches_that_it_kept(tmp_path: Path) -> None:
    batch = made(3, generation=1, count=5)
    for sync in (False, True):
        folder = tmp_path / str(sync)
        journal = RobotJournal(folder, "kitchen", sync)
        sent = dataclasses.replace(batch, generation=journal.generation)
        record = journal.write(wire.encode(sent))
        journal.close()
        again = RobotJournal(folder, "kitchen", sync)
        (kept,) = again.restore()
        assert (kept.record, kept.events) == (record, 5)
        assert_same(wire.decode(kept.frames), sent)
        again.close()


def test_generations_grow_also_when_the_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for year in (2026, 1970, 1970):
        monkeypatch.setattr(time, "time_ns", lambda year=year: (year - 1970) * 31_536_000 * 10**9)
        journal = RobotJournal(tmp_path, "kitchen")
        found.append(journal.generation)
        journal.close()
    assert found == [found[0], found[0] + 1, found[0] + 2]


def test_at_its_bound_the_oldest_is_dropped_and_counted(tmp_path: Path) -> None:
    with Life(tmp_path, keep=4) as first:
        for i in range(10):
            first.publish(10 * i)
        assert first.publisher.counts["dropped_overflow"] == 12 and len(files(tmp_path)) == 4
    with Life(tmp_path, keep=3) as second:
        counts = second.publisher.counts
        assert (counts["restored"], counts["dropped_overflow"], second.publisher.kept) == (8, 2, 6)
        assert accounted(counts, 6) and len(files(tmp_path)) == 3
    with host() as ingest, Life(tmp_path, ingest.address) as third:
        found = until(lambda: not third.publisher.kept, ingest, third.publisher)
    assert [int(item.batch.seq[0]) for item in found] == [70, 80, 90]


def test_damaged_batches_are_set_aside_told_and_counted_and_the_others_used(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "journal"
    with Life(folder) as first:
        for i in range(12):
            first.publish(10 * i)
    whole = files(folder)
    for path in whole[1::2]:
        data = bytearray(path.read_bytes())
        if rng.integers(2):
            del data[int(rng.integers(len(data))) :]
        else:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
    with host() as ingest, Life(folder, ingest.address) as second:
        found = until(lambda: not second.publisher.kept, ingest, second.publisher)
        assert second.publisher.counts["journal_damaged"] == len(second.told) == 6
        assert all(str(folder / DAMAGED) in line for line in second.told)
    assert [int(item.batch.seq[0]) for item in found] == [0, 20, 40, 60, 80, 100]
    assert sorted((folder / DAMAGED).iterdir()) == [folder / DAMAGED / path.name for path in whole[1::2]]


def test_not_more_than_so_many_damaged_ones_are_kept(tmp_path: Path) -> None:
    for name in range(SET_ASIDE + 3):
        (tmp_path / f"{1:019d}-{name:012d}.batch").write_bytes(b"nothing")
    journal = RobotJournal(tmp_path, "kitchen")
    assert list(journal.restore()) == [] and journal.damaged == SET_ASIDE + 3
    assert len(list((tmp_path / DAMAGED).iterdir())) == SET_ASIDE
    journal.close()


def test_a_full_disk_is_told_and_what_comes_is_kept_in_memory_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Life(tmp_path) as life:
        life.publish(0)
        with monkeypatch.context() as patch:
            patch.setattr(life.journal, "_put", full)
            life.publish(10)
            life.publish(20)
            life.publisher.run(0.0)
            assert (life.publisher.kept, life.publisher.unjournaled, len(files(tmp_path))) == (6, 4, 1)
            (line,) = life.told
            assert "No space left on device" in line and "in memory alone" in line
        life.publisher._next_rewrite = 0.0
        life.publisher.run(0.0)
        assert (life.publisher.kept, life.publisher.unjournaled, len(files(tmp_path))) == (6, 0, 3)
        assert "written again" in life.told[1]
    # A start on a full disk sends what is there.
    with monkeypatch.context() as patch:
        patch.setattr(RobotJournal, "_put", full)
        with Life(tmp_path) as again:
            assert again.publisher.kept == 6 and "No space left" in again.told[0]
            assert again.journal.generation > life.journal.generation


def test_what_a_killed_robot_was_writing_counts_for_nothing(tmp_path: Path) -> None:
    with Life(tmp_path) as first:
        first.publish(0)
    half = tmp_path / "0000000000000000001-000000000000.batch.new"
    half.write_bytes(b"half")
    with Life(tmp_path) as second:
        assert second.publisher.kept == 2 and not second.told and not half.exists()


def test_files_that_are_no_part_of_a_journal_are_never_removed(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("report.new", "old.batch", "thesis.txt"):
        (folder / name).touch()
    with pytest.raises(StorageError, match=r"holds other files \(old\.batch\)"):
        RobotJournal(folder, "kitchen")
    assert sorted(path.name for path in folder.iterdir()) == ["old.batch", "report.new", "thesis.txt"]
    # Nor are those that the user puts into a journal's folder.
    journal = tmp_path / "journal"
    (journal / DAMAGED).mkdir(parents=True)
    theirs = [journal / "report.new", journal / DAMAGED / "0 letter.txt"]
    RobotJournal(journal, "kitchen").close()
    for path in theirs:
        path.touch()
    for number in range(SET_ASIDE + 1):
        (journal / f"{1:019d}-{number:012d}.batch").write_bytes(b"nothing")
    again = RobotJournal(journal, "kitchen")
    assert list(again.restore()) == [] and again.damaged == SET_ASIDE + 1
    again.close()
    assert all(path.exists() for path in theirs)
    assert len(list((journal / DAMAGED).glob("*.batch"))) == SET_ASIDE


def test_a_first_start_that_was_killed_early_leaves_a_usable_folder(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / f"{ABOUT}.new").write_bytes(b"{")
    RobotJournal(tmp_path, "kitchen").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [ABOUT, "lock"]


def test_a_damaged_description_loses_no_batch(tmp_path: Path) -> None:
    with Life(tmp_path) as first:
        first.publish(0)
    (tmp_path / ABOUT).write_bytes(b"\0\xff")
    with Life(tmp_path) as second:
        assert second.publisher.kept == 2 and second.journal.generation > first.journal.generation
        assert "set aside" in second.told[0]


def test_two_robots_with_one_journal_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Life(tmp_path):
        with pytest.raises(StorageError, match=rf"in use by another robot \(process {os.getpid()}\)"):
            RobotJournal(tmp_path, "kitchen")
        options = ["--name", "kitchen", "--journal", str(tmp_path), "--microphone", "none", "--camera", "/nowhere.avi"]
        assert main(options) == 2
        assert "give this one another --name or --journal" in capsys.readouterr().err
    RobotJournal(tmp_path, "kitchen").close()


def test_another_version_robot_or_use_of_the_folder_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with Life(folder) as life:
        life.publish(0)
    with pytest.raises(StorageError, match="the journal of the robot kitchen, not of hall"):
        RobotJournal(folder, "hall")
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps(about | {"robot journal": 2}))
    with pytest.raises(StorageError, match="version 2, this program has 1"):
        RobotJournal(folder, "kitchen")
    assert len(files(folder)) == 1
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").touch()
    with pytest.raises(StorageError, match=r"holds other files \(letter\.txt\)"):
        RobotJournal(home, "kitchen")
    assert [path.name for path in home.iterdir()] == ["letter.txt"]
    for place in (home / "letter.txt", home / "letter.txt" / "x", home / ("x" * 300), Path("a\0b")):
        with pytest.raises(StorageError, match=r"no journal can be kept there .*--journal none"):
            RobotJournal(place, "kitchen")


def test_where_the_journal_is(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal_directory(None, "kitchen") is None
    assert journal_directory("auto", "kitchen") == state / "reciprocal" / "robots" / "kitchen"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert journal_directory("auto", "kitchen") == tmp_path / ".local/state/reciprocal/robots/kitchen"
    assert journal_directory("~/here", "kitchen") == tmp_path / "here"
    with pytest.raises(ConfigError, match="--journal ~nosuchuser"):
        journal_directory("~nosuchuser/here", "kitchen")
    assert RobotConfig().publisher.journal == "auto"


def test_without_a_home_the_journal_is_where_something_can_be_written_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME")
    # Permissions do not bind root, but a file is no folder to anyone.
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    told: list[str] = []
    folder = journal_directory("auto", "kitchen", told.append)
    assert folder == tmp_path / PRIVATE / "state" / "robots" / "kitchen"
    assert len(told) == 1 and str(folder) in told[0] and "--journal" in told[0]
    RobotJournal(folder, "kitchen").close()
    # What an earlier start kept is not left behind.
    kept = tmp_path / "home" / ".local" / "state" / "reciprocal" / "robots" / "kitchen"
    kept.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sensors.robots.robot_journal.writable", lambda _: False)
    assert journal_directory("auto", "kitchen", told.append) == kept and len(told) == 1


def test_any_history_is_accounted_for_and_the_disk_holds_the_kept_batches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    seq = 0
    for _ in range(4):
        journal = RobotJournal(tmp_path, "kitchen")
        window = RobotWindow(10, 30_000, journal)
        window.restore()
        for _ in range(150):
            match rng.integers(4):
                case 0 | 1:
                    count = int(rng.integers(1, 5))
                    window.add(count, wire.encode(made(seq, generation=journal.generation, count=count)))
                    seq += count
                case 2:
                    for parcel in window.due(0.0, 4, 10**6):
                        window.sent(parcel, 0.0)
                case _:
                    window.settle(int(rng.integers(1, 100)), "acknowledged")
            assert accounted(window.counts, window.events)
            assert len(files(tmp_path)) == len(window) <= 10
        journal.close()
