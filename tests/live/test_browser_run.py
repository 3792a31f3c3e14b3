"""A real run and a real browser: what Chromium's fake microphone and camera play is stored in pairs, and told."""

from pathlib import Path

import pytest

from benchmarks.harness.browser_stage import missing
from benchmarks.proofs.browser_pairs import measure

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing"),
]


@pytest.mark.slow
def test_what_a_browser_hears_and_sees_is_stored_in_pairs_and_told(tmp_path: Path, data_dir: Path) -> None:
    found = measure(data_dir, tmp_path, 18.0, seed=1, faults=False)
    assert found["pairs"] >= 4 and found["right"] >= 0.98 * found["pairs"], found
    assert found["found"] >= 0.8 * found["due"], found
    assert found["page_errors"] == 0 and found["told_after_ms_p50"] is not None, found
