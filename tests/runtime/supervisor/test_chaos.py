"""Five minutes of `benchmarks/proofs/chaos.py`: everything is killed and stopped at random, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.proofs.chaos import works

ROOT = Path(__file__).parents[3]
MINUTES = 5.0


@pytest.mark.parametrize(
    ("role", "figure"),
    [("teacher-0", "accepted/teacher-0"), ("learner", "learner/steps_done"), ("replay", "replay/inserted")],
)
def test_a_recovered_actor_is_up_and_makes_progress_by_itself(role: str, figure: str) -> None:
    others = [{f"actor/{role}": "up", "accepted/teacher-1": n, "teacher/offered": n, "step": n} for n in range(9)]
    assert not works(role, []) and not works(role, others), "others get on"
    assert not works(role, [row | {figure: 7} for row in others]), "it is up, and does nothing"
    assert not works(role, [row | {figure: int(n > 0)} for n, row in enumerate(others)]), "it did before the fault"
    working = [row | {figure: n} for n, row in enumerate(others)]
    assert works(role, working) and works(role, working[:3])
    assert not works(role, [row | {f"actor/{role}": "hung"} for row in working])


def test_the_monitor_works_again_when_it_examined_twice() -> None:
    up: list[dict[str, float | str]] = [{"actor/monitor": "up", "step": n} for n in range(5)]
    assert not works("monitor", up) and not works("monitor", [*up, up[0] | {"examined/step": 80}]), "one of before"
    exams = [up[0] | {"examined/step": 80}, *up, up[0] | {"examined/step": 90}]
    assert works("monitor", exams)
    assert not works("monitor", [row | {"actor/monitor": "late"} for row in exams])


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(960)
def test_five_minutes_of_chaos_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "benchmarks/proofs/chaos.py",
        "--out",
        str(tmp_path),
        "--minutes",
        str(MINUTES),
        "--seed",
        "11",
    ]
    campaign = subprocess.Popen([*command, "--json"], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        # The last fault, the end and the counting come after the five minutes.
        told, _ = campaign.communicate(timeout=900)
    finally:
        campaign.terminate()  # which ends its run, too
        campaign.wait(30)
    found = json.loads(told.splitlines()[-1])
    assert found["kills"] > 0 and found["stops"] > 0 and found["events"] > 1_000, "it happened"
    assert "kill all early" in json.loads((tmp_path / "report.json").read_text())["mended"]
    assert len(found["recoveries_s"]) == found["kills"] + found["stops"], "and was mended"
    assert (found["lost"], found["duplicates"], found["unmended"], found["backwards"]) == (0, 0, 0, 0)
    assert campaign.returncode == 0
