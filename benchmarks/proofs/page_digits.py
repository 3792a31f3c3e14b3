"""The page: ten digits are drawn in a browser after five minutes of learning; a judge hears the answers.

    python benchmarks/proofs/page_digits.py [--minutes 5] [--rounds 1] [--run-dir DIR] [--screenshots DIR] [--json]

README's five-minute run starts with the embedded data. After so many minutes of learning it is paused, so that all
answers come from the same weights; Chromium opens its page and draws the digits with the mouse; a judge, trained with
labels on the embedded speech, names what each drawing evoked. Needs Chromium, and the extras `speech` and `browser`.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agent.config import MonitorConfig
from agent.networks.published import to_network
from benchmarks.harness.drawn_digits import NAMES
from benchmarks.harness.grades import load_examiners
from benchmarks.harness.job import Job
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.page_visitor import GESTURE, ask_digit, browser, give, heard, status
from teacher.config import DataConfig
from teacher.datasets.choose import load_speech

EMBEDDED = ("--images", "digits", "--speech", "synthetic", "--letters", "synthetic")
START_WITHIN = 300.0
"""Seconds in which the page must be served."""
SETTLE = 7.0
"""Seconds in which the page has the newest weights: it looks for them every five."""


@contextlib.contextmanager
def learned(minutes: float, directory: Path) -> Iterator[str]:
    """A run that has learned for so long and is paused; yields its page's address."""
    job = Job("--teacher", "simulated", *EMBEDDED, "--run-dir", str(directory), "--set", "run.dashboard=false")
    with job:
        address = job.wait_for(r"page (http://\S+)", START_WITHIN)[1]
        while (status(address)["run"]["learning_s"] or 0) < 60 * minutes:
            assert job.process.poll() is None, job.text
            time.sleep(1)
        give(address, "pause")
        while not status(address)["run"]["paused"]:
            time.sleep(0.2)
        yield address
        job.stop()


def measure(address: str, rounds: int, pictures: Path | None) -> dict[str, Any]:
    """Draw the digits and grade the answers."""
    with browser(GESTURE) as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 860})
        page.goto(address)
        page.wait_for_selector(".board canvas")
        page.wait_for_timeout(1000 * SETTLE)
        # The first question also has the known samples encoded, to which later ones are compared.
        ask_digit(page, 0)
        page.wait_for_timeout(1000 * SETTLE)
        answers = []
        for digit in list(range(len(NAMES))) * rounds:
            answers.append(ask_digit(page, digit))
            page.wait_for_selector(".headline")
            if pictures is not None:
                page.wait_for_timeout(800)
                page.screenshot(path=pictures / f"{digit}.png")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    unanswered = [answer["why"] for answer in answers if not answer["told"]]
    assert not unanswered, unanswered
    speech = load_speech(DataConfig(speech="synthetic"))
    judge = load_examiners({"audio": speech}, MonitorConfig(), "small", ("first",))["audio"]["first"]
    drawn = np.arange(len(answers)) % len(NAMES)
    said = judge.grade(to_network(heard(address, answers), "audio")).numpy()
    named = np.array([answer["says"] == NAMES[digit] for answer, digit in zip(answers, drawn, strict=True)])
    took = sorted(answer["took_ms"] for answer in answers)
    return {
        "drawn": len(answers),
        "heard_right": int((said == drawn).sum()),
        "named_right": int(named.sum()),
        "heard": " ".join(NAMES[one] for one in said),
        "step": answers[-1]["step"],
        "answer_ms_median": took[len(took) // 2],
        "answer_ms_longest": took[-1],
        "first_paint_ms": round(paint, 1),
    }


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="digits that are drawn on the page, and what a judge hears")
    parser.add_argument("--minutes", type=float, default=5.0, help="of learning before the first digit (default 5)")
    parser.add_argument("--rounds", type=int, default=1, help="how often the ten digits are drawn (default 1)")
    parser.add_argument("--run-dir", type=Path, default=None, help="the run's directory; a temporary one by default")
    parser.add_argument("--screenshots", type=Path, default=None, help="folder for a picture of each answer")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if options.screenshots is not None:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    about = machine()
    with (
        tempfile.TemporaryDirectory(prefix="reciprocal-") as folder,
        learned(options.minutes, options.run_dir or Path(folder) / "run") as address,
    ):
        figures = measure(address, options.rounds, options.screenshots)
    tell(figures, {"minutes": options.minutes, **about}, options.json)


if __name__ == "__main__":
    main()
