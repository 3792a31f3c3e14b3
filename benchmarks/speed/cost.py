"""Cost: what a learner's step costs, in every make of it, and how much of the machine it uses.

    python benchmarks/speed/cost.py   # presets x precisions x compiled x memory order
    python benchmarks/speed/cost.py --quick   # seconds instead of minutes; figures are rough
    python benchmarks/speed/cost.py --json   # ends with one JSON object a row
    python benchmarks/speed/cost.py --presets paper --paper-steps 300 --data DIR   # falling losses on real data, too

A step is one update of one side on a batch of co-occurring events in memory; a sample is one such event. Steps/s is
the mean over both sides and has the choosing of guides in it. Utilisation is the model's own FLOPs (matrix products
and convolutions, forward and backward) a second, over what this machine's matrix products reach at that precision
and number of threads, measured in turns with the steps. Memory is the peak of the whole process, on a GPU that of the
learner alone. 'whole learner' is a run's learner: replay of full size mapped and read, weights published, a checkpoint
written.

Every row is measured in a process of its own, with a time limit: what cannot run here, or not in time, says why.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from agent.hardware import cores, cpu_name
from benchmarks.harness.cells import integers, run_program, words

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]
MAKE = ("device", "preset", "precision", "compiled", "channels_last", "threads", "batch")
COLUMNS = {
    "device": "device",
    "preset": "preset",
    "precision": "precision",
    "compiled": "compiled",
    "channels_last": "channels last",
    "threads": "threads",
    "batch": "batch",
    "steps_per_s": "steps/s",
    "samples_per_s": "samples/s",
    "gflop_per_step": "GFLOP/step",
    "gemm_gflops": "GEMM GFLOP/s",
    "utilisation": "utilisation",
    "first_step_s": "ready after, s",
    "peak_rss_mib": "peak RSS, MiB",
    "peak_gpu_mib": "peak GPU, MiB",
}


def cells(options: argparse.Namespace) -> Iterator[Row]:
    """Everything to measure: speeds, then memory of whole learners, then the proof on real data."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    chosen = [d for d in devices if options.devices in ("all", d)]
    threads = options.threads or [max(1, cores() - 1)]
    common = {"seed": options.seed, "seconds": options.seconds}
    for device in chosen:
        for preset in options.presets:
            # The published network is large for a CPU: a batch that ends within a second or two.
            batch = options.batch or (16 if (preset, device) == ("paper", "cpu") else 128)
            same = {**common, "device": device, "preset": preset, "batch": batch}
            for count in threads if device == "cpu" else threads[:1]:
                for precision in options.precisions:
                    make = {**same, "threads": count, "precision": precision}
                    for compiled in (False, True):
                        for last in (True, False):
                            yield {**make, "task": "speed", "compiled": compiled, "channels_last": last}
                    if device == "cpu":
                        extent = {"events": 20_000, "steps": 60} if not options.quick else {"events": 1024, "steps": 4}
                        yield {**make, **extent, "task": "memory"}
            if preset == "paper" and options.paper_steps:
                proof = {"task": "proof", "steps": options.paper_steps, "data": options.data, "precision": "auto"}
                yield {**same, **proof, "threads": threads[-1]}


def measure(cell: Row, limit: float) -> list[Row]:
    """Rows of one cell: its make and its figures, or the reason why there are none."""
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        count = str(cell["threads"])
        # One compiler at a time and none from an earlier row: what compiling costs is measured, too.
        compiler = {"TORCHINDUCTOR_COMPILE_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": folder}
        environment = os.environ | compiler | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
        command = [sys.executable, "-m", "benchmarks.speed.cost_row", json.dumps(cell)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=limit)
                last = [line for line in err.splitlines() if line.strip()][-1:]
                failed = f"exit code {process.returncode}: {' '.join(last)[:200]}"
                rows: list[Row] = json.loads(out.splitlines()[-1]) if not process.returncode else [{"reason": failed}]
            except subprocess.TimeoutExpired:
                rows = [{"reason": f"not done within {limit:g} s"}]
                # A compiler that it started goes with it.
                os.killpg(process.pid, signal.SIGKILL)
    return [{**cell, **row} for row in rows]


def table(rows: list[Row], columns: dict[str, str]) -> str:
    """Markdown; a row without figures has its reason in the first column that it has no figure for."""
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        texts, reason = [], row.get("reason", "")
        for name in columns:
            texts.append(text(name, row[name]) if name in row else reason)
            reason = reason if name in row else ""
        lines.append("| " + " | ".join(texts) + " |")
    return "\n".join(lines)


def text(name: str, value: Any) -> str:
    """One figure for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "utilisation":
        return f"{value:.0%}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


def report(rows: list[Row]) -> str:
    """All tables, and the fastest make of each preset on each device."""
    speeds = [row for row in rows if row["task"] == "speed"]
    wholes = [row for row in rows if row["task"] == "memory"]
    proofs = [row for row in rows if row["task"] == "proof"]
    parts = [table(speeds, COLUMNS)]
    for device, preset in sorted({(row["device"], row["preset"]) for row in speeds}):
        own = [r for r in speeds if (r["device"], r["preset"]) == (device, preset) and "samples_per_s" in r]
        if own:
            best = max(own, key=lambda row: float(row["samples_per_s"]))
            named = ", ".join(f"{COLUMNS[name]} {text(name, best[name])}" for name in MAKE[2:])
            parts.append(f"Fastest on {device}, {preset}: {named}: {best['samples_per_s']:,.0f} samples/s.")
    if wholes:
        names = ("device", "preset", "precision", "threads", "batch", "steps_per_s", "peak_rss_mib")
        parts.append("Whole learner:\n\n" + table(wholes, {name: COLUMNS[name] for name in names}))
    if proofs:
        kept = ("device", "preset", "batch", "steps_per_s", "samples_per_s", "peak_rss_mib")
        extra = {"steps": "steps", "data": "data", "loss": "loss", "start": "first tenth", "end": "last tenth"}
        parts.append("On real data:\n\n" + table(proofs, {name: COLUMNS[name] for name in kept} | extra))
    return "\n\n".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for option, default in (("--presets", "small,paper"), ("--precisions", "float32,bfloat16")):
        parser.add_argument(
            option, type=partial(words, option), default=default, help=f"comma-separated (default {default})"
        )
    parser.add_argument("--devices", default="all", choices=("all", "cpu", "cuda"), help="default: all there are")
    parser.add_argument(
        "--threads",
        type=partial(integers, "--threads", least=1),
        default=[],
        help="CPU threads, comma-separated (default: all cores but one)",
    )
    parser.add_argument("--batch", type=int, default=0, help="events a step (default 128; paper on a CPU: 16)")
    parser.add_argument("--seconds", type=float, default=9.0, help="time measured for each row (default 9)")
    parser.add_argument("--limit", type=float, default=600.0, help="longest a row may take, s (default 600)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--paper-steps", type=int, default=0, help="also run preset paper on real data for so long")
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--quick", action="store_true", help="a second a row, batches of 16 unless --batch is given")
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object a row")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.batch = 1.0, options.batch or 16
    gpu = f"; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    about = {"machine": f"{cpu_name()}{gpu}", "torch": torch.__version__, "date": date.today().isoformat()}
    about["load"] = f"{os.getloadavg()[0]:.1f}"
    rows: list[Row] = []
    for cell in tqdm(list(cells(options)), unit="row", desc="cost"):
        limit = options.limit if cell["task"] != "proof" else 86_400.0
        rows += measure(cell, limit)
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    print(report(rows))
    if options.json:
        for row in rows:
            print(json.dumps({**{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, **about}))


if __name__ == "__main__":
    run_program(main)
