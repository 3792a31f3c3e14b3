"""Are what a browser hears and what it sees put together rightly? Chromium's fake devices play a script to a real run.

    python benchmarks/proofs/browser_pairs.py --data DIR [--minutes 2] [--json]

`launch.py --sensors browser` runs; Chromium opens its page and shares a microphone that plays recorded digits, and a
camera before which cards are shown. Every pair that is stored is held against the script, by its times, its sound and
its picture. Halfway the page's process is killed; when the tab has come back by itself, it is closed and opened again.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.browser_stage import BrowserStage, began_at, missing, shifted
from benchmarks.harness.job import Job, actors, latest
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.stage import Line, write_script
from benchmarks.harness.truth import Verdict, judge
from replay.storage import Storage

START = 240.0
"""Seconds in which a run must start."""
BACK = 120.0
"""Seconds in which the page, or a tab, must be back."""
LAST = 3.0
"""Seconds for which a script is waited for after its last line."""
LATE = 2.0
"""Seconds between the time at which a device began and the page's first news of it, at most."""


def measure(data: Path, folder: Path, seconds: float, seed: int, faults: bool = True) -> dict[str, Any]:
    """One run.

    Args:
        data: labelled datasets, of whose recordings and pictures the script is made.
        folder: an empty one.
        seconds: of the script.
        seed: of the script.
        faults: whether the page's process is killed, and the tab closed.
    """
    home, run = folder / "stage", folder / "run"
    home.mkdir()
    lines = write_script(data, seconds, seed)
    begun: list[tuple[float, float]] = []
    outages: list[tuple[float, float]] = []
    arguments = ["--sensors", "browser", "--run-dir", str(run), "--seed", str(seed)]
    with BrowserStage(home, lines, seconds + 30) as stage, Job(*arguments, "--set", "run.dashboard=false") as job:
        address = job.wait_for(r"page (http://\S+/)", START)[1]
        job.wait_for(r"SMART over", START)
        half = seconds / 2 if faults else seconds
        at = stage.share(address)
        begun.append((at - LATE - 5, at + 0.5))
        stage.wait(half + LAST)
        told = stage.told()
        if faults:
            # What a killed page costs, the film of Chromium's fake camera lags behind its sound ever after: both begin
            # anew with the next tab.
            killed = time.monotonic()
            kill_page(job, run, stage)
            stage.close_tab()
            job.wait_for(r"microphone stalled \(the tab was closed", BACK)
            again = stage.share(address)
            begun.append((again - LATE - 5, again + 0.5))
            outages.append((killed, again))
            stage.wait(half + LAST)
            told += stage.told()
        job.stop()
    verdict, all_lines, away = held_against(run, lines, begun, outages)
    # What is made of the last moments of a tab whose page is dead is not what the script says.
    starts = [(one, float(one.partition("…")[0])) for one in verdict.wrong]
    wrong = [one for one, start in starts if not any(early < start < late for early, late in away)]
    late = delays(told)
    figures = {
        "pairs": verdict.right + len(wrong),
        "right": verdict.right,
        "right_share": round(verdict.right / max(1, verdict.right + len(wrong)), 4),
        "pairs_in_outages": verdict.pairs - verdict.right - len(wrong),
        "due": verdict.due,
        "found": verdict.found,
        "alone": verdict.alone,
        "told_after_ms_p50": round(1000 * statistics.median(late), 1) if late else None,
        "told_after_ms_max": round(1000 * max(late), 1) if late else None,
        "page_errors": len(stage.errors),
        "lines": len(all_lines),
    }
    figures |= {key: value for key, value in latest(run).items() if key.startswith("sensor_lost/")}
    for one in wrong:
        print("wrong:", one)
    for error in stage.errors:
        print("page:", error)
    return figures


def kill_page(job: Job, run: Path, stage: BrowserStage) -> float:
    """Kill the page's process; the monotonic second at which the tab's sensors were live again."""
    before = len(job.text)
    actors(run)["page"].kill()
    end = time.monotonic() + BACK
    while "microphone live again" not in job.text[before:] or "camera live again" not in job.text[before:]:
        assert time.monotonic() < end, f"the tab did not come back:\n{job.text[before:]}"
        stage.wait(0.2)
    return time.monotonic()


def delays(told: list[dict[str, Any]]) -> list[float]:
    """Seconds from the end of each utterance until the tab was told of it, the pause that ends it included."""
    return [one["came"] - one["end"] for one in told if one["type"] == "perceived" and one["number"] is None]


def held_against(
    run: Path, lines: list[Line], begun: list[tuple[float, float]], outages: list[tuple[float, float]]
) -> tuple[Verdict, list[Line], list[tuple[float, float]]]:
    """The verdict on all that was stored, all lines that were played, and the outages, from the first beginning on."""
    storage = Storage(run / "replay" / "audio+image", writable=False)
    starts = [float(row["start"]) for row in storage.meta[storage.live()]]
    begins = [began_at(starts, lines, window) for window in begun]
    first, *later = begins
    played: list[Line] = []
    for number, begin in enumerate(begins):
        end = later[number] - first if number < len(later) else float("inf")
        played += [line for line in shifted(lines, begin - first) if line.end < end]
    away = [(early - first - 0.5, late - first + 1.0) for early, late in outages]
    # Nobody hears what the last tab would still play.
    away.append((max(starts, default=first) - first + 1.0, float("inf")))
    return judge(run / "replay", played, first, away), played, away


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled datasets: MNIST and FSDD")
    parser.add_argument("--minutes", type=float, default=2.0, help="of the script")
    parser.add_argument("--seed", type=int, default=0, help="of the script")
    parser.add_argument("--plain", action="store_true", help="nothing is killed or closed")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    given = parser.parse_args()
    if why := missing():
        raise SystemExit(f"error: {why}")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given.data, Path(folder), 60 * given.minutes, given.seed, not given.plain)
    tell(found, {**machine(), "seed": given.seed, "minutes": given.minutes}, given.json)


if __name__ == "__main__":
    main()
