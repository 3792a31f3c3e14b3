"""A process of its own that follows a live run by its page, and shows it in rerun.

    python -m runtime.viewers.follow http://127.0.0.1:8270/ --to viewer

The page keeps the newest of each kind of event for a viewer that is slow, so the run waits for nothing here, and what
is held has a bound. The process ends with the run, with the process that started it, or with its viewer.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from runtime.viewers.rerun_log import RerunLog
from sensors.core.errors import UserError

SAMPLES_EVERY = 2.0
"""Shortest time between two samples of one kind, seconds."""
SOUNDS_EVERY = 10.0
"""Shortest time between two sounds of one kind, seconds: to make one of a spectrogram takes the page a tenth of one."""
FIGURES_EVERY = 2.0
"""Shortest time between two statuses whose figures are written, seconds."""
PATIENCE = 10.0
"""Seconds within which the page answers."""
GONE_AFTER = 30.0
"""Seconds after which a page that does not answer has ended."""
LARGEST_FILE = 2 << 30
"""Bytes of a file after which nothing more is written into it."""
TOKEN = "RECIPROCAL_PAGE_TOKEN"
"""Variable with the token of a page that needs one: a command line can be read by every user of the machine."""


class Follower:
    """Follows one page.

    Args:
        address: of the page.
        log: where what it tells is written.
        token: that the page needs; empty: none.
    """

    def __init__(self, address: str, log: RerunLog, token: str = "") -> None:
        parts = urllib.parse.urlsplit(address)
        self._address, self._token, self._log = f"{parts.scheme}://{parts.netloc}", token, log
        self._due: dict[str, float] = {}
        self._seconds, self._step = 0.0, 0
        self._notes = 0
        self.full = False

    def run(self, stop: threading.Event) -> None:
        """Follow until the page has been gone for `GONE_AFTER` seconds, the file is full, or `stop` is set."""
        last = time.monotonic()
        while not stop.is_set() and not self.full and time.monotonic() - last < GONE_AFTER:
            with contextlib.suppress(OSError, ValueError), self._open("/v1/events") as stream:
                for name, told in events(stream):
                    last = time.monotonic()
                    self.take(name, told)
                    if stop.is_set() or self.full:
                        return
            stop.wait(1.0)

    def take(self, name: str, told: Mapping[str, Any]) -> None:
        """Write one event of the page, if its kind is due."""
        if name == "status":
            self._status(told)
        elif name == "samples":
            for sense, one in told["newest"].items():
                if self._is_due(f"perceived {sense}", SAMPLES_EVERY):
                    self._sample(f"perceived/{sense}", one["id"])
        elif name == "pair" and self._is_due("pair", SAMPLES_EVERY):
            for sense, reference in told["ids"].items():
                self._sample(f"pair/{sense}", reference)
                for other in told["ids"]:
                    if other != sense:
                        self._sample(f"evoked/{other}_of_{sense}", f"evoked.{reference}.{other}")
        elif name == "turn":
            self._log.text("notes/turn", str(told["turn"]))

    def _status(self, told: Mapping[str, Any]) -> None:
        run = told["run"]
        self._seconds, self._step = float(run["time_s"] or 0.0), int(run["step"] or 0)
        # Once a second: what follows is left out where the viewer has not taken what came before.
        self._log.keeps_up()
        self._log.at(self._seconds, self._step)
        self.full = self._log.size > LARGEST_FILE
        for note in told["notes"]:
            if note["number"] > self._notes:
                self._notes = note["number"]
                self._log.text("notes/run", note["text"])
        if not self._is_due("figures", FIGURES_EVERY):
            return
        for path, value in figures(told):
            self._log.figure(path, value)

    def _sample(self, path: str, reference: str) -> None:
        """Fetch a sample as a picture and, where it can be heard, as a sound; one that is gone is passed over."""
        where = f"/v1/samples/{urllib.parse.quote(reference)}"
        with contextlib.suppress(OSError):
            with self._open(f"{where}?as=png&size=192") as answer:
                self._log.picture(path, answer.read())
            if not self._is_due(f"{path}/sound", SOUNDS_EVERY):
                return
            with self._open(f"{where}?as=wav") as answer:
                if data := answer.read():
                    self._log.sound(f"{path}/sound", data)

    def _is_due(self, kind: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(kind, 0.0):
            return False
        self._due[kind] = now + every
        return True

    def _open(self, route: str) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(f"{self._address}{route}", headers=headers)
        return urllib.request.urlopen(request, timeout=PATIENCE)


def events(stream: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events as they come: name and data."""
    name = ""
    while line := stream.readline():
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])


def figures(status: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of a status, by their paths in the recording."""
    learner = status["learner"]
    named: dict[str, Any] = {f"loss/{name}": value for name, value in learner.get("losses", {}).items()}
    named |= {one["figure"]: one["accuracy"] for one in status["exams"]}
    named |= {f"judge/{one['figure'].rpartition('_to_')[2]}": one["judge"] for one in status["exams"]}
    named |= {f"dropped/{reason}": count for reason, count in status["dropped"].items()}
    named |= {"learner/steps_per_s": learner.get("steps_per_s"), "learner/duty": learner.get("duty")}
    named |= {"replay/events_per_s": status["replay"].get("events_per_s"), "replay/fill": status["replay"].get("fill")}
    for path, value in named.items():
        if isinstance(value, int | float):
            yield path, float(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Follow the page that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description="show a live run in rerun")
    parser.add_argument("address", help="of the run's page")
    parser.add_argument("--to", required=True, help="viewer, the address of one, or a file that ends in .rrd")
    parser.add_argument("--name", default="run", help="of the recording")
    parser.add_argument("--follow-parent", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)
    stop = threading.Event()
    if given.follow_parent:
        threading.Thread(target=_await_end, args=(sys.stdin.buffer, stop), daemon=True).start()
    # It gives way to the run, which may be on the same cores. Linux shares CPU time among sessions first, and this
    # process has one of its own.
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("10")
    try:
        log = RerunLog(given.name, given.to)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with contextlib.closing(log):
        Follower(given.address, log, os.environ.get(TOKEN, "")).run(stop)
    return 0


def _await_end(stream: BinaryIO, stop: threading.Event) -> None:
    while stream.read(1024):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
