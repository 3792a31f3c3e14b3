import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.run_folder.place import check_space
from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import StorageError
from tests.runtime.run_folder.runs import a_run, everything


def test_create_refuses_places_that_are_taken(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="already holds a run"):
        RunDirectory.create(a_run(tmp_path / "run"), {}, "1.0")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(StorageError, match="not empty"):
        RunDirectory.create(tmp_path / "full", {}, "1.0")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    with pytest.raises(StorageError, match="is a file"):
        RunDirectory.create(tmp_path / "full" / "thesis.tex", {}, "1.0")
    with pytest.raises(StorageError, match="cannot be written"):
        RunDirectory.create(tmp_path / "full" / "thesis.tex" / "run", {}, "1.0")


@pytest.mark.parametrize("name", ["output.log", "metrics.jsonl", "tensorboard/events.out.tfevents.1.2.mine"])
def test_files_without_a_runs_lock_are_somebody_elses_whatever_their_names(tmp_path: Path, name: str) -> None:
    place = tmp_path / "full" / name
    place.parent.mkdir(parents=True)
    place.write_text("dear")
    before = everything(tmp_path)
    with pytest.raises(StorageError, match="not empty"):
        RunDirectory.create(tmp_path / "full", {}, "1.0")
    assert everything(tmp_path) == before and place.read_text() == "dear"


def test_create_refuses_a_place_that_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="MiB free"):
        RunDirectory.create(tmp_path / "run", {}, "1.0", needed=1 << 60)
    assert not (tmp_path / "run").exists()
    check_space(tmp_path / "not" / "there", 1)


def test_create_refuses_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    # A file in the way stops root, too, whom no permission stops.
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        RunDirectory.create(tmp_path / "file" / "run", {}, "1.0")


def test_runs_that_begin_in_the_same_second_get_numbers(tmp_path: Path) -> None:
    program = (
        "import time, sys; from runtime.run_folder.rundir import RunDirectory; print(flush=True); "
        "sys.stdin.readline(); "
        "time.strftime = lambda form: '2026-01-31_12-00-00'; "
        "run = RunDirectory.create(None, {}, '1.0'); print(run.path.name, flush=True); sys.stdin.readline()"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout and process.stdout.readline() == "\n"
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    names = {process.stdout.readline().strip() for process in started if process.stdout}
    for process in started:
        process.communicate("\n")
    first = "2026-01-31_12-00-00"
    assert names == {first, *(f"{first}-{number}" for number in range(2, 9))}
    for name in names:
        RunDirectory.resume(tmp_path / "runs" / name).close()
