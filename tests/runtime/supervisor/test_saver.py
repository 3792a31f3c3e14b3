"""Which checkpoint a resume takes, and what becomes of those that it cannot take."""

import errno
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.checkpoints import checkpoint as format_room
from agent.checkpoints.checkpoint import list_checkpoints, write_checkpoint
from runtime.run_folder.rundir import RunDirectory
from runtime.supervisor import saver as room
from runtime.supervisor.saver import STATE_FILE, STATE_KEYS, SaveError, Saver
from sensors.core.errors import DamageError, StateError, StorageError
from sensors.core.state import StateDict


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", {}, "1.0")


def write(run: RunDirectory, step: int) -> Path:
    def put(stage: Path) -> None:
        (stage / "learner.json").write_text(json.dumps({"step": step}))
        (stage / STATE_FILE).write_text(json.dumps(dict.fromkeys(STATE_KEYS, 0) | {"version": 1, "step": step}))

    return write_checkpoint(run.checkpoints, step, put, {})


def loaded(saver: Saver) -> StateDict:
    state = saver.load()
    assert state is not None
    return state


def names(run: RunDirectory) -> list[str]:
    return sorted(p.name for p in run.checkpoints.iterdir())


def test_a_damaged_checkpoint_never_replaces_a_good_one_nor_precedes_a_later_one(run: RunDirectory) -> None:
    for step in (10, 20, 30):
        write(run, step)
    damaged = [run.checkpoints / f"step-{step:012d}" for step in (20, 30)]
    (damaged[0] / "learner.json").write_text("{}")
    (damaged[1] / "manifest.json").unlink()
    saver = Saver(run)
    assert loaded(saver)["step"] == 10
    assert len(saver.skipped) == 2
    assert "learner.json is damaged" in saver.skipped[1] and "manifest.json" in saver.skipped[0]
    for step in (12, 14, 20):  # the last as one of the damaged
        write(run, step)
        again = Saver(run)
        assert loaded(again)["step"] == step and again.skipped == []
        assert len(list_checkpoints(run.checkpoints)) == min(3, step // 2 - 4)
    aside = [run.checkpoints / f"unusable-{path.name}" for path in damaged]
    assert (aside[0] / "learner.json").read_text() == "{}" and (aside[1] / "learner.json").is_file()
    assert all(path.name in line for path, line in zip(aside, reversed(saver.skipped), strict=True))
    assert names(run) == [*(f"step-{step:012d}" for step in (12, 14, 20)), *(path.name for path in aside)]


def test_the_same_name_is_set_aside_as_often_as_it_must(run: RunDirectory) -> None:
    write(run, 10)
    for _ in range(3):
        (write(run, 20) / "learner.json").write_text("{}")
        assert loaded(Saver(run))["step"] == 10
    plain = f"unusable-step-{20:012d}"
    assert names(run) == [f"step-{10:012d}", plain, f"{plain}.1", f"{plain}.2"]


def test_an_older_damaged_one_takes_no_good_ones_place_either(run: RunDirectory) -> None:
    for step in (10, 20, 30):
        write(run, step)
    (run.checkpoints / f"step-{20:012d}" / "learner.json").write_text("{}")
    assert loaded(Saver(run))["step"] == 30
    write(run, 40)
    assert [int(p.name[5:]) for p in list_checkpoints(run.checkpoints)] == [10, 30, 40]


def test_where_none_is_whole_nothing_is_changed(run: RunDirectory) -> None:
    for step in (10, 20):
        (write(run, step) / "learner.json").write_text("{}")
    before = names(run)
    with pytest.raises(DamageError, match=rf"{20:012d}: learner.json is damaged"):
        Saver(run).load()
    assert names(run) == before
    for name in before:
        (run.checkpoints / name).rename(run.checkpoints / f"unusable-{name}")
    with pytest.raises(StateError, match="no whole checkpoint"):
        Saver(run).load()


def test_a_run_without_a_checkpoint_has_none_and_a_folder_that_cannot_be_read_is_an_error(run: RunDirectory) -> None:
    (run.checkpoints / ".stage-1-0").mkdir()
    assert Saver(run).load() is None
    (run.checkpoints / ".stage-1-0").rmdir()
    run.checkpoints.rmdir()
    run.checkpoints.touch()
    with pytest.raises(StorageError, match=r"checkpoints: cannot be read \(Not a directory\)"):
        Saver(run).load()


def newer_manifest(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    told = json.loads((checkpoint / "manifest.json").read_text())
    (checkpoint / "manifest.json").write_text(json.dumps(told | {"version": 2, "parts": "told otherwise"}))
    return "format version 2"


def newer_part(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    text = json.dumps(json.loads((checkpoint / STATE_FILE).read_text()) | {"version": 2})
    (checkpoint / STATE_FILE).write_text(text)
    told = json.loads((checkpoint / "manifest.json").read_text())
    told["parts"][STATE_FILE] = format_room._measure(checkpoint / STATE_FILE)
    (checkpoint / "manifest.json").write_text(json.dumps(told))
    return "later version .*format 2"


def bad_moment(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    measure = format_room._measure

    def fail(path: Path) -> list[Any]:
        if path.parent == checkpoint:
            raise OSError(errno.EIO, "Input/output error")
        return measure(path)

    monkeypatch.setattr(format_room, "_measure", fail)
    return "Input/output error"


@pytest.mark.parametrize("spoil", [newer_manifest, newer_part, bad_moment])
def test_one_that_may_be_whole_is_named_and_never_given_up(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], str]
) -> None:
    for step in (10, 20, 30):
        write(run, step)
    (write(run, 40) / "learner.json").write_text("{}")
    before = names(run)
    told = spoil(run.checkpoints / f"step-{30:012d}", monkeypatch)
    with pytest.raises(StateError, match=rf"{30:012d}.*{told}"):
        Saver(run).load()
    assert names(run) == before, "not even the damaged one is set aside"
    write(run, 50)  # and older than the one that is taken, it is in nobody's way
    again = Saver(run)
    assert loaded(again)["step"] == 50 and len(again.skipped) == 1
    assert names(run) == [f"step-{step:012d}" for step in (30, 50)] + [f"unusable-step-{40:012d}"]


def test_only_the_newest_whole_one_is_read_through(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(run, step) for step in (10, 20, 30, 40, 50)]
    newest, torn = paths[3:]
    for path in (paths[2], torn):
        (path / "learner.json").write_text('{"step": 99}')  # as large as it was
    read = set[str]()
    measure = format_room._measure

    def note(path: Path) -> list[Any]:
        read.add(path.parent.name)
        return measure(path)

    monkeypatch.setattr(format_room, "_measure", note)
    saver = Saver(run)
    assert loaded(saver)["step"] == 40 and saver.newest == newest
    assert read == {newest.name, torn.name}
    assert names(run) == [f"step-{step:012d}" for step in (30, 40)] + [f"unusable-{torn.name}"]
    for step in (41, 42, 43):  # the one that nobody read goes first
        write(run, step)
        assert loaded(Saver(run))["step"] == step
    assert [int(p.name[5:]) for p in list_checkpoints(run.checkpoints)] == [41, 42, 43]


class Handle:
    """An actor whose calls are noted, and answered at once but for those of `silent`."""

    def __init__(self, calls: list[tuple[Any, ...]], silent: str = "") -> None:
        self._calls, self._silent = calls, silent

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            self._calls.append((name, *arguments))
            if name == "checkpoint":
                (Path(arguments[0]) / "learner.json").write_text("{}")
            return (
                None
                if name == self._silent
                else {"snapshot": {"step": 7, "stall_ms": 1.0}, "checkpoint": 7}.get(name, 0)
            )

        return SimpleNamespace(remote=remote)


@pytest.mark.parametrize("silent", ["", "snapshot"])
def test_what_the_learner_was_asked_to_hold_is_let_go_of(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(room, "WRITING", 0.0)

    def ready(answers: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return [a for a in answers if a is not None], [a for a in answers if a is None]

    monkeypatch.setattr("ray.wait", ready)
    monkeypatch.setattr("ray.get", lambda answers, timeout: answers)
    it, calls = Saver(run), list[tuple[Any, ...]]()

    def state(step: int) -> dict[str, Any]:
        return dict.fromkeys(STATE_KEYS, 0) | {"version": 1, "step": step}

    for _ in range(2):
        it.save(Handle(calls, silent), Handle([]), 5, 0.0, state, time.monotonic() + 0.2)
    asked = [call for call in calls if call[0] != "checkpoint"]
    assert asked == [("snapshot", 1), ("give_up", 1), ("snapshot", 2), ("give_up", 2)]
    written = [call[2] for call in calls if call[0] == "checkpoint"]
    assert written == [7, 7] if not silent else written == [None, None]
    monkeypatch.setattr("ray.get", lambda answers, timeout: None)  # it still holds an earlier one
    if not silent:
        with pytest.raises(SaveError, match="still being written"):
            it.save(Handle(calls), Handle([]), 5, 0.0, state, time.monotonic() + 0.2)
        assert calls[-2:] == [("snapshot", 3), ("give_up", 3)]
