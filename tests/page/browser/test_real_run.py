"""A visitor of a real run: it draws, is answered by what the run has learned, and stops the run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.job import Job
from benchmarks.harness.page_visitor import ask_digit
from teacher.datasets.synthesis.synthetic import available

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.skipif(not available(), reason="espeakng-loader is not installed: no embedded speech"),
]
BRIEF = ("--set", "monitor.judge_steps=24", "--set", "monitor.every=3", "--set", "learner.batch=32")


def test_a_visitor_is_answered_and_ends_the_run(chromium: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick = ("--learn", "smart", "--set", "teacher.warmup_events=512", "--set", "run.dashboard=false", *BRIEF)
    embedded = ("--images", "digits", "--speech", "synthetic")
    with Job("--teacher", "simulated", *embedded, *quick, "--run-dir", str(run)) as job:
        address = job.wait_for(r"page (http://127\.0\.0\.1:\d+/)", 180)[1]
        job.wait_for(r"first step after", 180)
        page = chromium.new_page()
        told: list[str] = []
        page.on("console", lambda line: told.append(line.text) if line.type == "error" else None)
        page.goto(address)
        page.wait_for_function(
            "() => /learning · step [1-9]/.test(document.getElementById('state').textContent)", timeout=90_000
        )
        answer = ask_digit(page, 3)
        while not answer["told"]:
            # The page has no weights yet.
            assert answer["reason"] == "not_ready", answer
            page.wait_for_timeout(2000)
            answer = ask_digit(page, 3)
        page.wait_for_selector(".headline")
        assert answer["evoked"]["audio"]["heard"]
        kept = json.loads((run / "samples" / "question-000001.json").read_text())
        assert kept["told"]["step"] == answer["step"]

        closed = chromium.new_page()
        closed.goto(f"{address}#watch")
        closed.wait_for_selector(".side.learns")
        closed.close()
        page.click("nav a[href='#watch']")
        page.wait_for_selector(".side.learns")
        page.wait_for_selector("ol.events img")
        page.click("nav a[href='#health']")
        page.click("text=Stop the run…")
        page.click("dialog >> text=Stop it")
        assert job.code(90) == 0, job.text
        assert re.search("stop asked for from the page", job.text)
        page.wait_for_selector("#alarm:not([hidden])", timeout=30_000)
        page.close()
        assert "Traceback" not in (run / "output.log").read_text(), "of a tab that was closed"
        # The connection to a run that has ended is refused, which browsers write to their console.
        assert [line for line in told if "ERR_" not in line] == []
