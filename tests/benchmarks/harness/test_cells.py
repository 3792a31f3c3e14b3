import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.cells import (
    Cell,
    Row,
    cell_folder,
    integers,
    numbers,
    progress,
    read_rows,
    run_cells,
    run_program,
    table,
    words,
)
from replay.files import lock
from sensors.core.errors import ConfigError, StorageError, UserError
from tests.patience import PATIENCE, wait_for

ROOT = Path(__file__).parents[3]


def count_up(cell: Cell, folder: Path) -> Iterator[Row]:
    """Leaves a trace of every call; fails for 'bad' seeds until a file says otherwise."""
    with (folder / "calls").open("a") as file:
        file.write("x")
    progress(1, 2, "half")
    if cell["seed"] < 0:
        raise UserError("seed is bad")
    if cell["seed"] > 100:
        os.kill(os.getpid(), signal.SIGKILL)
    import torch

    yield {"seed": cell["seed"], "score": cell["seed"] / 10, "threads": torch.get_num_threads()}
    yield {"seed": cell["seed"], "score": 0.5}


def stay(cell: Cell, folder: Path) -> Iterator[Row]:
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(10 * PATIENCE)
    yield {}


def calls(out: Path, cell: Cell) -> int:
    return len((cell_folder(out, cell) / "calls").read_text())


def test_cells_run_once_each_and_their_rows_come_in_order(tmp_path: Path) -> None:
    cells = [{"seed": s} for s in (3, 1, 2)]
    rows = run_cells(cells[:2], count_up, tmp_path, 0)
    assert [r["score"] for r in rows] == [0.3, 0.5, 0.1, 0.5]
    rows = run_cells([*cells, cells[0]], count_up, tmp_path, 0)
    assert [r["seed"] for r in rows] == [3, 3, 1, 1, 2, 2]
    assert [calls(tmp_path, c) for c in cells] == [1, 1, 1]
    assert json.loads(rows[0]["cell"]) == {"seed": 3}


def test_workers_have_one_thread_each_and_leave_the_environment_alone(tmp_path: Path) -> None:
    before = dict(os.environ)
    rows = run_cells([{"seed": 1}, {"seed": 2}], count_up, tmp_path, 2)
    assert [r["threads"] for r in rows if "threads" in r] == [1, 1]
    assert dict(os.environ) == before


def test_a_failed_cell_is_named_and_tried_again(tmp_path: Path) -> None:
    cells = [{"seed": -1}, {"seed": 2}]
    for workers in (0, 2):
        with pytest.raises(UserError, match=r"1 of . cells failed, the first with: seed is bad"):
            run_cells(cells, count_up, tmp_path, workers)
    assert {r["seed"] for r in read_rows(tmp_path)} == {2}
    assert (calls(tmp_path, cells[0]), calls(tmp_path, cells[1])) == (2, 1)


def test_a_killed_worker_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended with code -9"):
        run_cells([{"seed": 101}], count_up, tmp_path, 1)


def test_half_written_rows_do_not_count(tmp_path: Path) -> None:
    run_cells([{"seed": 1}, {"seed": 2}], count_up, tmp_path, 0)
    path = tmp_path / "rows.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:20])
    assert [r["seed"] for r in read_rows(tmp_path)] == [1, 1]
    rows = run_cells([{"seed": 1}, {"seed": 2}], count_up, tmp_path, 0)
    assert [r["seed"] for r in rows] == [1, 1, 2, 2]
    assert (calls(tmp_path, {"seed": 1}), calls(tmp_path, {"seed": 2})) == (1, 2)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    held = lock(tmp_path / "lock")
    assert held is not None
    with pytest.raises(StorageError, match="another benchmark"):
        run_cells([{"seed": 1}], count_up, tmp_path, 0)
    os.close(held)


def test_ctrl_c_ends_the_workers_too(tmp_path: Path) -> None:
    code = (
        "from benchmarks.harness.cells import run_cells, run_program;"
        "from tests.benchmarks.harness.test_cells import stay;"
        "from pathlib import Path; import sys;"
        "run_program(lambda: run_cells([{'seed': 1}], stay, Path(sys.argv[1]), 1) and None)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, stderr=subprocess.PIPE, text=True
    ) as program:
        pid = cell_folder(tmp_path, {"seed": 1}) / "pid"
        assert wait_for(lambda: pid.exists() and pid.read_text())
        worker = int(pid.read_text())
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=PATIENCE)
    assert program.returncode == 130 and said.strip().endswith("goes on from here") and "Traceback" not in said
    assert not Path(f"/proc/{worker}/stat").exists()


def test_a_table_has_mean_and_deviation_over_what_agrees() -> None:
    rows = [
        {"data": "a", "style": "x", "score": 0.9, "minutes": 10.0},
        {"data": "a", "style": "x", "score": 0.94, "minutes": 12.0},
        {"data": "b", "style": "x", "score": 1.0, "minutes": None},
    ]
    assert table(rows, ("data", "style"), ("score", "minutes")).splitlines() == [
        "| data | style | runs | score, % | minutes |",
        "| --- | --- | ---: | ---: | ---: |",
        "| a | x | 2 | 92.00 ± 2.83 | 11 ± 1.414 |",
        "| b | x | 1 | 100.00 | – |",
    ]
    assert "| 0.92 ± 0.03 |" in table(rows, ("data",), {"score": ".2f"})


def test_a_figure_that_some_runs_lack_says_how_many_have_it() -> None:
    rows = [{"arm": "a", "events": e} for e in (10.0, None, 14.0)] + [{"arm": "b"}] * 2 + [{"arm": "c", "events": 3.0}]
    assert table(rows, ("arm",), {"events": ".0f"}).splitlines()[2:] == [
        "| a | 3 | 12 ± 3 (2 of 3) |",
        "| b | 2 | – |",
        "| c | 1 | 3 |",
    ]
    assert "| 12 (1 of 2) |" in table([{"events": 12}, {}], (), {"events": ".0f"})


def test_a_sign_is_for_the_mean_alone() -> None:
    rows = [{"margin": m} for m in (1.0, 3.0)]
    assert "| +2.00 ± 1.41 |" in table(rows, (), {"margin": "+.2f"})
    assert "| -2.00 ± 1.41 |" in table([{"margin": -r["margin"]} for r in rows], (), {"margin": "+.2f"})


def test_a_negative_number_of_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--workers -1: expected 0 or more"):
        run_cells([{"seed": 1}], count_up, tmp_path / "out", -1)
    assert not (tmp_path / "out").exists()


def test_comma_lists() -> None:
    assert words("--only", " a, b,") == ["a", "b"]
    assert integers("--seeds", "3,0, 7") == [3, 0, 7]
    assert numbers("--shares", "0.1,1,1e-3") == [0.1, 1.0, 0.001]
    assert integers("--seeds", "1") == [1]


@pytest.mark.parametrize("given", ["", ",", "1,x", "1.5", "-1", "1;2"])
def test_a_list_of_anything_but_integers_is_refused_by_option_and_value(given: str) -> None:
    with pytest.raises(ConfigError) as told:
        integers("--seeds", given)
    assert str(told.value) == f"--seeds {given!r}: expected whole numbers from 0 on, as in 0,1"


def test_other_lists_are_refused_by_option_and_value() -> None:
    with pytest.raises(ConfigError, match=r"^--threads '0': expected whole numbers from 1 on"):
        integers("--threads", "0", least=1)
    for given in ("nan", "1,inf", "a", ""):
        with pytest.raises(ConfigError, match=rf"^--shares '{given}': expected numbers"):
            numbers("--shares", given)
    with pytest.raises(ConfigError, match=r"^--only ' ': expected words"):
        words("--only", " ")


def test_a_users_mistake_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def mistaken() -> None:
        raise UserError("no such data")

    with pytest.raises(SystemExit) as ended:
        run_program(mistaken)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: no such data\n"
