"""A visitor of a run's page: Chromium, driven by Playwright, that draws digits and waits for the answers."""

import contextlib
import importlib.util
import io
import json
import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.drawn_digits import draw
from benchmarks.harness.playwright_process import chromium_type

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60.0
"""Seconds in which an answer must stand on the page."""
GESTURE = "--autoplay-policy=user-gesture-required"


def program() -> str | None:
    """Path of an installed Chromium; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """A headless Chromium, as Playwright's `Browser`.

    Args:
        flags: more of its command line.

    Raises:
        SystemExit: Chromium or the extra `browser` is missing.
    """
    if importlib.util.find_spec("playwright") is None:
        raise SystemExit("needs the extra 'browser': pip install -e '.[browser]'")
    path = program()
    if path is None:
        raise SystemExit("needs Chromium: apt-get install chromium")
    with chromium_type() as kind:
        found = kind.launch(executable_path=path, args=["--no-sandbox", *flags])
        with contextlib.closing(found):
            yield found


def ask_digit(page: Any, digit: int) -> dict[str, Any]:
    """Wipe the board, draw a digit with the mouse and wait for the answer, as `/v1/evoke` gives it."""
    page.click("text=Wipe")
    with page.expect_response(lambda answer: "/v1/evoke" in answer.url, timeout=1000 * PATIENCE) as told:
        draw(page, digit, page.locator(".board canvas").bounding_box())
    answer: dict[str, Any] = told.value.json()
    return answer


def status(address: str) -> dict[str, Any]:
    """The run's status."""
    with urllib.request.urlopen(f"{address}v1/status", timeout=PATIENCE) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def give(address: str, command: str) -> None:
    """Give the run a command."""
    body = json.dumps({"command": command}).encode()
    urllib.request.urlopen(
        urllib.request.Request(f"{address}v1/command", body, {"Content-Type": "application/json"}), timeout=PATIENCE
    ).close()


def stored(address: str, reference: str) -> NDArray[Any]:
    """The stored array of a sample."""
    with urllib.request.urlopen(f"{address}v1/samples/{reference}?as=npy", timeout=PATIENCE) as answer:
        found: NDArray[Any] = np.load(io.BytesIO(answer.read()), allow_pickle=False)
    return found


def heard(address: str, answers: Sequence[dict[str, Any]], sense: str = "audio") -> NDArray[Any]:
    """What the answers evoked in one sense, (N, *shape) as stored."""
    return np.stack([stored(address, answer["evoked"][sense]["id"]) for answer in answers])
