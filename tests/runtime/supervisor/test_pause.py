"""`benchmarks/proofs/pause.py`: while learner and monitor are stopped nothing grows, and every event is counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 12


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(480)
@pytest.mark.parametrize("samples", [0, 1], ids=["free", "held back"])
def test_a_paused_learner_costs_no_memory_and_no_event(tmp_path: Path, samples: int) -> None:
    command = [
        sys.executable,
        "benchmarks/proofs/pause.py",
        "--out",
        str(tmp_path),
        "--seconds",
        str(SECONDS),
        "--json",
    ]
    measuring = subprocess.Popen(
        [*command, "--samples-per-insert", str(samples)], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    try:
        told, _ = measuring.communicate(timeout=420)
    finally:
        measuring.terminate()
        measuring.wait(30)
    found = json.loads(told.splitlines()[-1])
    assert found["seconds_stopped"] >= SECONDS - 2 and found["steps_meanwhile"] == 0, "it happened"
    assert found["rss_growth_mb"] < 50
    assert found["unaccounted"] == found["counted_wrongly"] == 0 and found["lines"] > 20
    if samples:
        assert found["throttled"] > 0 and found["held_most"] == found["held_bound"], "queues stood at their bound"
    else:
        assert found["offered_per_s"] > 0.5 * found["rate"] and 0 < found["held_most"] <= found["held_bound"]
    assert measuring.returncode == 0
