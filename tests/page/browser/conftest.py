"""Chromium, and a page over a run that is a stand-in."""

import importlib.util
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.page_visitor import browser, program
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.event import NO_LESSON, EventBatch
from tests.agent.answers.test_associations import networks
from tests.agent.rigs import datasets, exam_set, tables
from tests.page.browser.standin import StandIn

RATE = 16_000
RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
Visit = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser; its microphone hears a tone again and again."""
    if importlib.util.find_spec("playwright") is None or importlib.util.find_spec("axe_core_python") is None:
        pytest.skip("needs the extra 'browser': pip install -e '.[browser]'")
    if program() is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    spoken = tmp_path_factory.mktemp("microphone") / "tone.wav"
    write_tone(spoken)
    devices = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with browser(*devices, f"--use-file-for-fake-audio-capture={spoken}") as found:
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A run that has learned a little, with events and an exam."""
    directory = tmp_path_factory.mktemp("run")
    settings = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=64, min_size=1)
    buffer = Buffer(directory / "replay", settings)
    for columns in tables(24).values():
        seq = np.arange(24)
        times = seq.astype(np.float64)
        buffer.insert(EventBatch("rig", 0, seq, times, times + 0.5, np.full(24, NO_LESSON), dict(columns)))
    standin = StandIn(directory, exam_set(datasets()), {"dropped/throttled": 3, "sensor/microphone <i>": "live"})
    standin.learned(networks(4))
    yield standin
    standin.close()
    buffer.close()


@pytest.fixture
def visit(chromium: Any, run: StandIn) -> Iterator[Visit]:
    """Opens a view as a visitor; afterwards nothing must stand in the browser's console, and no policy be broken."""
    told: list[str] = []
    pages: list[Any] = []

    def begin(view: str, scheme: str = "light", width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.add_init_script(RECORD_VIOLATIONS)
        page.on("console", lambda line: told.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(f"{run.address}#{view}")
        page.wait_for_function("() => document.getElementById('state').textContent.includes('step')")
        pages.append(page)
        return page

    yield begin
    violations = [violation for page in pages for violation in page.evaluate("window.violations")]
    for page in pages:
        page.context.close()
    assert not told, told
    assert not violations, violations


def write_tone(path: Path, seconds: float = 0.5, quiet: float = 1.2) -> None:
    """A WAV file: a tone, then silence."""
    t = np.arange(round(RATE * seconds)) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * t) * np.hanning(len(t)) ** 0.5
    whole = np.concatenate([tone, np.zeros(round(RATE * quiet))])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((32767 * whole).astype("<i2").tobytes())
