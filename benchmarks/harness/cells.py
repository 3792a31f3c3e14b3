"""Cells: the runs that a benchmark consists of, each a set of settings; worked off side by side, and resumable.

    def work(cell, folder):                    # top level of its module: workers import it
        for k in range(cell["steps"]):
            ...                                # a cell that takes long keeps a checkpoint in `folder`
            progress(k, cell["steps"])
        yield {"accuracy": 0.99}

    rows = run_cells([{"seed": s, "steps": 100} for s in range(3)], work, Path("out"), workers=2)

A finished cell's rows go to `rows.jsonl`, each with the cell's own settings as sorted JSON; such a cell is not run
again. What is interrupted goes on from the checkpoint that `work` left in the cell's folder.
"""

import hashlib
import json
import math
import multiprocessing
import os
import statistics
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from tqdm import tqdm

from replay.files import lock, make_directory, write_json
from sensors.core.errors import ConfigError, StorageError, UserError

Cell = Mapping[str, Any]
Row = Mapping[str, Any]
Work = Callable[[Cell, Path], Iterable[Row]]
_T = TypeVar("_T")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_tell: Callable[[int, int, str], None] | None = None


def progress(done: int, total: int, note: str = "") -> None:
    """Tell the program that started this cell how far it is; does nothing outside of a cell."""
    if _tell is not None:
        _tell(done, total, note)


def cell_key(cell: Cell) -> str:
    """A cell's settings as sorted JSON."""
    return json.dumps(cell, sort_keys=True)


def cell_folder(out: Path, cell: Cell) -> Path:
    """Where a cell keeps what is its own."""
    return out / hashlib.sha256(cell_key(cell).encode()).hexdigest()[:12]


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Rows of finished cells, oldest first; what a crash left half-written is passed over.

    Raises:
        StorageError: `rows.jsonl` cannot be read.
    """
    path = out / "rows.jsonl"
    try:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path}: cannot be read ({error})") from None
    by_cell: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        try:
            row = json.loads(line)
            by_cell.setdefault(row["cell"], []).append(row)
        except (ValueError, KeyError, TypeError):
            continue
    return [row for rows in by_cell.values() if len(rows) == rows[0]["cell_rows"] for row in rows]


def run_cells(cells: Sequence[Cell], work: Work, out: Path, workers: int) -> list[dict[str, Any]]:
    """Run those cells that are not finished yet.

    Args:
        cells: JSON-ready settings; equal ones are one cell.
        work: makes a cell's rows, given its settings and its own folder; importable by name.
        out: of `rows.jsonl` and the cells' folders; one program at a time.
        workers: cells side by side, each in a spawned process with one torch thread; 0: here, one after the other.

    Returns:
        The rows of all these cells, in their order.

    Raises:
        ConfigError: `workers` is negative.
        UserError: cells failed; the others were worked off first, and the next start tries again.
        StorageError: `out` cannot be written, or another program is at work in it.
    """
    if workers < 0:
        raise ConfigError(f"--workers {workers}: expected 0 or more")
    make_directory(out)
    descriptor = lock(out / "lock")
    if descriptor is None:
        raise StorageError(f"{out}: another benchmark is at work there; wait, or choose another --out")
    with open(descriptor, "rb"):
        _tidy(out)
        found = {row["cell"] for row in read_rows(out)}
        todo = {key: cell for cell in cells if (key := cell_key(cell)) not in found}
        if found and len(todo) < len(cells):
            print(f"{len({cell_key(c) for c in cells}) - len(todo)} cells are finished already", file=sys.stderr)
        failures = _here(todo, work, out) if workers == 0 else _side_by_side(todo, work, out, workers)
    if failures:
        first = next(iter(failures.values()))
        raise UserError(f"{len(failures)} of {len(todo)} cells failed, the first with: {first}")
    order = {key: k for k, key in enumerate(dict.fromkeys(map(cell_key, cells)))}
    return sorted((r for r in read_rows(out) if r["cell"] in order), key=lambda r: order[r["cell"]])


def table(rows: Sequence[Row], by: Sequence[str], columns: Sequence[str] | Mapping[str, str]) -> str:
    """Rows as a Markdown table: mean ± standard deviation over those that agree in `by`.

    Args:
        rows: what `run_cells` returned.
        by: keys that tell the table's lines apart, in order of appearance.
        columns: keys of numbers, or key -> format specification ('.1f'); without one, fractions (all values within
            0…1) are shown in per cent with two digits, others with four significant ones. None and missing: '–', or
            ' (n of m)' after the figure where n of the line's m runs have one. A '+' is for means alone.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(k) for k in by), []).append(row)
    formats = {name: columns.get(name, "") if isinstance(columns, Mapping) else "" for name in columns}
    values = {name: [v for row in rows if (v := row.get(name)) is not None] for name in columns}
    for name, given in formats.items():
        fractions = all(isinstance(v, float) and 0 <= v <= 1 for v in values[name])
        formats[name] = given or (".2%" if values[name] and fractions else ".4g")
    heads = [f"{name}, %" if formats[name].endswith("%") else name for name in columns]
    lines = ["| " + " | ".join((*by, "runs", *heads)) + " |", "|" + " --- |" * len(by) + " ---: |" * (len(heads) + 1)]
    for group, members in groups.items():
        shown = [_spread([m.get(name) for m in members], formats[name]) for name in columns]
        lines.append("| " + " | ".join((*map(str, group), str(len(members)), *shown)) + " |")
    return "\n".join(lines)


def run_program(main: Callable[[], None]) -> NoReturn:
    """Run a benchmark's `main`: a user's mistake is told in a line (exit code 2), Ctrl-C ends quietly (130)."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def words(option: str, text: str) -> list[str]:
    """A comma list of words, as in 'a,b'.

    Raises:
        ConfigError: there are none; the message names the option and what it was given.
    """
    return _listed(option, text, str, "words, as in a,b")


def integers(option: str, text: str, least: int = 0) -> list[int]:
    """A comma list of whole numbers, as in '0,1,2'.

    Raises:
        ConfigError: there are none, or one is no whole number or below `least`.
    """
    hint = f"whole numbers from {least} on, as in {least},{least + 1}"
    found = _listed(option, text, int, hint)
    if min(found) < least:
        raise _unlisted(option, text, hint)
    return found


def numbers(option: str, text: str) -> list[float]:
    """A comma list of finite numbers, as in '0.1,1'.

    Raises:
        ConfigError: there are none, or one is no finite number.
    """
    hint = "numbers, as in 0.1,1"
    found = _listed(option, text, float, hint)
    if not all(map(math.isfinite, found)):
        raise _unlisted(option, text, hint)
    return found


def _listed(option: str, text: str, read: Callable[[str], _T], hint: str) -> list[_T]:
    try:
        found = [read(word.strip()) for word in text.split(",") if word.strip()]
    except ValueError:
        found = []
    if not found:
        raise _unlisted(option, text, hint)
    return found


def _unlisted(option: str, text: str, hint: str) -> ConfigError:
    return ConfigError(f"{option} {text!r}: expected {hint}")


def _spread(values: Sequence[float | None], form: str) -> str:
    there = [v for v in values if v is not None]
    if not there:
        return "–"

    def text(value: float) -> str:
        return format(value, form).removesuffix("%")

    shown = text(statistics.fmean(there))
    if len(there) > 1:
        shown += f" ± {text(statistics.stdev(there)).removeprefix('+')}"
    return shown if len(there) == len(values) else f"{shown} ({len(there)} of {len(values)})"


def _finish(out: Path, key: str, rows: Sequence[Row]) -> None:
    """Append a finished cell's rows in one write; a cell without any gets an empty one, so that it counts as done."""
    own = [dict(row) for row in rows] or [{}]
    text = "".join(json.dumps(row | {"cell": key, "cell_rows": len(own)}) + "\n" for row in own)
    try:
        with (out / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{out / 'rows.jsonl'}: cannot be written ({error.strerror})") from None


def _tidy(out: Path) -> None:
    """Leave whole rows alone in `rows.jsonl`, so that what is appended starts on a line of its own."""
    path = out / "rows.jsonl"
    text = "".join(json.dumps(row) + "\n" for row in read_rows(out))
    if path.exists() and path.read_text("utf-8") != text:
        stage = path.with_name("rows.jsonl.new")
        stage.write_text(text, "utf-8")
        stage.replace(path)


def _prepare(out: Path, cell: Cell) -> Path:
    folder = cell_folder(out, cell)
    make_directory(folder)
    write_json(folder / "cell.json", cell)
    return folder


def _here(todo: Mapping[str, Cell], work: Work, out: Path) -> dict[str, str]:
    failures: dict[str, str] = {}
    for key, cell in todo.items():
        try:
            _finish(out, key, list(work(cell, _prepare(out, cell))))
        except UserError as error:
            failures[key] = str(error)
    return failures


@dataclass
class _Running:
    """A cell in a worker."""

    key: str
    name: str
    slot: int
    process: BaseProcess
    bar: "tqdm[Any]"


def _side_by_side(todo: Mapping[str, Cell], work: Work, out: Path, workers: int) -> dict[str, str]:
    failures: dict[str, str] = {}
    waiting = list(todo.items())
    running: dict[Connection, _Running] = {}
    context = multiprocessing.get_context("spawn")
    # Inherited by the workers: numpy's and torch's own threads would fight over the cores.
    before = {name: os.environ.get(name) for name in THREAD_SETTINGS}
    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                key, cell = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                arguments = (theirs, work, dict(cell), _prepare(out, cell))
                process = context.Process(target=_worker, args=arguments, daemon=True)
                process.start()
                theirs.close()
                slot = next(s for s in range(workers) if s not in {r.slot for r in running.values()})
                bar = tqdm(desc=_name(cell), position=slot, leave=False, disable=None)
                running[ours] = _Running(key, _name(cell), slot, process, bar)
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                _hear(pipe, running, failures, out)
    finally:
        for left in running.values():
            left.process.terminate()
            left.process.join()
            left.bar.close()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return failures


def _hear(pipe: Connection, running: dict[Connection, _Running], failures: dict[str, str], out: Path) -> None:
    """Take one message of a worker."""
    cell = running[pipe]
    try:
        word, content = json.loads(pipe.recv_bytes())
    except (EOFError, OSError):
        cell.process.join()
        word, content = "failed", f"its process ended with code {cell.process.exitcode}"
    if word == "progress":
        done, total, note = content
        cell.bar.total = total
        cell.bar.set_postfix_str(note, refresh=False)
        cell.bar.update(done - cell.bar.n)
        return
    if word == "rows":
        _finish(out, cell.key, content)
    else:
        failures[cell.key] = str(content)
    cell.bar.close()
    tqdm.write(f"{cell.name}: {'done' if word == 'rows' else content}", file=sys.stderr)
    cell.process.join()
    pipe.close()
    del running[pipe]


def _worker(pipe: Connection, work: Work, cell: Cell, folder: Path) -> None:
    """Body of a worker: one cell."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Imported here: whoever only reads rows or makes tables needs no torch.
    import torch

    torch.set_num_threads(1)

    def send(word: str, content: Any) -> None:
        pipe.send_bytes(json.dumps([word, content]).encode())

    global _tell
    _tell = lambda done, total, note: send("progress", [done, total, note])  # noqa: E731
    try:
        send("rows", [dict(row) for row in work(cell, folder)])
    except UserError as error:
        send("failed", str(error))
    except KeyboardInterrupt:
        pass  # the terminal sends Ctrl-C to every process; the parent tells the user
    except Exception:
        text = traceback.format_exc()
        (folder / "error.txt").write_text(text, "utf-8")
        send("failed", f"{text.strip().splitlines()[-1]} (see {folder / 'error.txt'})")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _name(cell: Cell) -> str:
    return " ".join(str(v) for v in cell.values() if isinstance(v, str | int) and str(v))[:60]
