"""A robot that is killed again and again: what it said it had perceived is stored by its host, and every event once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.robots.ingest import RemoteIngest
from sensors.robots.robot_journal import ABOUT
from sensors.robots.robot_table import Received
from tests.patience import PATIENCE
from tests.sensors.robot_rigs import host

SAID = re.compile(r"^kitchen: (\d+) events", re.MULTILINE)
FREE = ReplayConfig(samples_per_insert=0.0, capacity_single=50_000)


class Host:
    """A real ingest and a real replay. Some batches are stored and their acknowledgement comes late, or never."""

    def __init__(self, directory: Path, ingest: RemoteIngest) -> None:
        directory.mkdir()
        self.buffer = Buffer(directory, FREE)
        self.ids: dict[int, set[int]] = defaultdict(set)
        self.repeated = 0
        self._ingest = ingest
        self._late: list[Received] = []
        self._rng = np.random.default_rng(0)

    def run(self, seconds: float, late: bool = True) -> None:
        received = self._ingest.run(seconds)
        for item in received:
            answer = self.buffer.insert(item.batch)
            assert not answer.throttled_ms
            self.repeated += answer.duplicate
            self.ids[item.batch.generation] |= set(item.batch.seq.tolist())
        self._late += received
        if not late or self._rng.integers(3) == 0:
            self._ingest.acknowledge(self._late)
            self._late = []


def start(address: str, journal: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.sensors.ticking_robot", "--to", address, "--journal", str(journal)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with out.open("wb") as file:
        return subprocess.Popen(
            [*command, "--name", "kitchen"], cwd=Path(__file__).parents[3], env=environment, stdout=file
        )


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_robot_loses_nothing_that_it_said_it_had_perceived(tmp_path: Path, kills: int) -> None:
    rng = np.random.default_rng(1)
    journal = tmp_path / "journal"
    said: dict[int, int] = {}
    with host() as ingest:
        book = Host(tmp_path / "replay", ingest)
        with closing(book.buffer):
            for life in range(kills + 1):
                out = tmp_path / f"{life}.txt"
                process = start(ingest.address, journal, out)
                try:
                    end = time.monotonic() + PATIENCE
                    while not SAID.search(out.read_text()):
                        assert time.monotonic() < end and process.poll() is None, out.read_text()
                        book.run(0.01)
                    away = time.monotonic() + rng.uniform(0.0, 2.0)
                    while time.monotonic() < away:
                        book.run(0.01)
                    if life < kills:
                        # More than a window of batches comes up meanwhile.
                        time.sleep(rng.uniform(1.0, 2.0))
                        process.kill()
                    else:
                        process.send_signal(signal.SIGINT)
                        while process.poll() is None:
                            assert time.monotonic() < end
                            book.run(0.01, late=False)
                        assert process.returncode == 0, out.read_text()
                finally:
                    process.kill()
                    process.wait()
                text = out.read_text()
                assert "dropped" not in text and "refused" not in text
                generation = json.loads((journal / ABOUT).read_text())["generation"]
                said[generation] = max(map(int, SAID.findall(text)))
            stats = book.buffer.stats()["image"]
    assert len(said) == kills + 1 and all(said.values())
    assert {generation: set(range(count)) - book.ids[generation] for generation, count in said.items()} == {
        generation: set() for generation in said
    }
    assert stats["inserted"] == stats["size"] == sum(map(len, book.ids.values()))
    assert book.repeated > 0, "no acknowledgement was ever lost: this has shown too little"
    assert not list(journal.glob("*.batch"))
