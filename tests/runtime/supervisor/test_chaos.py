"""Five minutes of `benchmarks/chaos.py`: everything is killed and stopped at random, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MINUTES = 5.0


@pytest.mark.slow
@pytest.mark.timeout(960)
def test_five_minutes_of_chaos_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/chaos.py", "--out", str(tmp_path), "--minutes", str(MINUTES), "--seed", "11"]
    campaign = subprocess.Popen([*command, "--json"], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        # The last fault, the end and the counting come after the five minutes.
        told, _ = campaign.communicate(timeout=900)
    finally:
        campaign.terminate()  # which ends its run, too
        campaign.wait(30)
    found = json.loads(told.splitlines()[-1])
    assert found["kills"] > 0 and found["stops"] > 0 and found["events"] > 1_000, "it happened"
    assert len(found["recoveries_s"]) == found["kills"] + found["stops"], "and was mended"
    assert (found["lost"], found["duplicates"], found["unmended"], found["backwards"]) == (0, 0, 0, 0)
    assert campaign.returncode == 0
