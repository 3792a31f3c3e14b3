"""What SIGKILL costs: replay, or everything, is killed at random moments while sources send.

    python benchmarks/proofs/kills.py          # replay 20 times, then replay and its sources together 10 times
    python benchmarks/proofs/kills.py --ray    # replay 20 times, as an actor that Ray brings back, fed by teachers
    python benchmarks/proofs/kills.py --json   # the last line is one flat JSON object

Everything is killed a few times while it still starts, before anything else. Two sources send 200 co-occurring
audio+image events a second each, of 10 kB, in batches of 10. A source writes down what was acknowledged to it. After
the last kill the table is opened: an acknowledged event that is not there, or whose bytes are not those that were sent,
is lost; one that is there twice is a duplicate. A recovery lasts from SIGKILL until each source has been told of events
that it sent after it. The exit code is 1 if anything was lost or stored twice.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from benchmarks.harness.measured import machine, tell
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.dedupe import source_key
from replay.storage import Storage
from sensors.core.event import EventBatch
from sensors.core.wire import decode, encode

KIND = "audio+image"
SOURCES = ("left", "right")
EVENTS = 10
RATE = 200.0
"""Events a second of each source."""
ANSWER = 0.3
"""Seconds after which a source sends a batch again."""
EARLY = 3
"""Times that everything is killed while it starts, before anything else."""
BEHIND = 3
"""Batches that a source which begins again sends a second time, as one does whose cursor was saved a while ago."""
DEADLINE = 60.0
"""Seconds to wait for an acknowledgement before the campaign ends as failed."""


def settings(ack: str, capacity: int) -> ReplayConfig:
    """Replay of a campaign: nothing is throttled, and nothing evicted before `capacity` events."""
    return ReplayConfig(ack=ack, samples_per_insert=0.0, capacity=capacity)


def samples(source: str, seq: Sequence[int]) -> dict[str, Any]:
    """Samples whose every byte follows from the event's id."""
    value = (np.asarray(seq) * 37 + source_key(source) % 251) % 256
    shapes = {"audio": (1, 96, 96), "image": (1, 32, 32)}
    return {
        m: np.broadcast_to(value.astype(np.uint8).reshape(-1, 1, 1, 1), (len(value), *s)).copy()
        for m, s in shapes.items()
    }


def serve(directory: Path, config: ReplayConfig) -> None:
    """Be the replay: a thread for each source, until SIGKILL."""
    buffer = Buffer(directory / "replay", config)
    context = zmq.Context()

    def answer(source: str) -> None:
        socket = context.socket(zmq.REP)
        socket.bind(f"ipc://{directory / source}.ipc")
        while True:
            taken = buffer.insert(decode(socket.recv_multipart()))
            socket.send_json({"accepted": taken.accepted, "duplicate": taken.duplicate})

    threads = [threading.Thread(target=answer, args=(source,), daemon=True) for source in SOURCES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send(directory: Path, source: str) -> None:
    """Be a source until SIGTERM; a line of its log is the end of what was acknowledged."""
    log = (directory / f"{source}.log").open("ab", buffering=0)
    first = max(0, acknowledged(directory, source) - BEHIND * EVENTS)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    context = zmq.Context()
    due = time.monotonic()
    while not stop.is_set():
        seq = np.arange(first, first + EVENTS)
        moment = seq.astype(np.float64)
        batch = EventBatch(source, 0, seq, moment, moment, seq // 5, samples(source, seq.tolist()))
        while not stop.is_set():
            socket = context.socket(zmq.REQ)
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(f"ipc://{directory / source}.ipc")
            socket.send_multipart(encode(batch))
            answered = socket.poll(int(1e3 * ANSWER))
            told: Any = socket.recv_json() if answered else {}
            socket.close()
            if answered:
                assert told["accepted"] + told["duplicate"] == EVENTS
                first += EVENTS
                log.write(f"{first}\n".encode())
                break
        due = max(due + EVENTS / RATE, time.monotonic() - 1.0)
        stop.wait(max(0.0, due - time.monotonic()))


def acknowledged(directory: Path, source: str) -> int:
    """The number up to which a source's events were acknowledged; a line that SIGKILL cut short does not count."""
    log = directory / f"{source}.log"
    lines = log.read_bytes().rpartition(b"\n")[0].split(b"\n") if log.exists() else []
    return max((int(line) for line in lines if line), default=0)


class KillTest:
    """Replay and its sources in processes of their own.

    Args:
        directory: for their files; short, as sockets lie there.
        ack: the promise that is tested.
        capacity: events that fit.
        seed: of the moments.
    """

    def __init__(self, directory: Path, ack: str, capacity: int, seed: int) -> None:
        self._directory, self._ack, self._capacity = directory, ack, capacity
        self._rng = np.random.default_rng(seed)
        self._replay: subprocess.Popen[bytes] | None = None
        self._sources: list[subprocess.Popen[bytes]] = []
        self.kills = self.early = 0
        self.recoveries: list[float] = []

    def run(self, kills: int, everything: bool) -> None:
        """Kill replay, or `everything`, so many times, each time after 0.1 to 0.8 s of work."""
        if self._replay is None:
            self._kill_early()
        self._await_progress()
        for _ in range(kills):
            time.sleep(self._rng.uniform(0.1, 0.8))
            assert self._replay is not None
            victims = [self._replay, *(self._sources if everything else [])]
            assert all(victim.poll() is None for victim in victims), "one had died by itself"
            began = time.monotonic()
            for victim in victims:
                victim.send_signal(signal.SIGKILL)
            assert all(victim.wait() == -signal.SIGKILL for victim in victims)
            self.kills += 1
            self._start_replay()
            if everything:
                self._start_sources()
            self._await_progress()
            self.recoveries.append(time.monotonic() - began)

    def _kill_early(self) -> None:
        """Kill everything `EARLY` times while it starts, whether anything was acknowledged by then or not."""
        for _ in range(EARLY):
            self._start_replay()
            self._start_sources()
            assert self._replay is not None
            time.sleep(self._rng.uniform(0.2, 1.5))
            for victim in (self._replay, *self._sources):
                victim.send_signal(signal.SIGKILL)
                victim.wait()
            self.early += 1
        self._start_replay()
        self._start_sources()

    def close(self) -> None:
        """Stop the sources, then replay."""
        for process in self._sources:
            process.terminate()
        for process in [*self._sources, *([self._replay] if self._replay else [])]:
            try:
                process.wait(5.0 if process is not self._replay else 0.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def audit(self) -> dict[str, float]:
        """Open the tables: events acknowledged, lost and stored twice, and the table's own figures."""
        buffer = Buffer(self._directory / "replay", settings(self._ack, self._capacity))
        try:
            assert buffer.checked(DEADLINE)
            figures = buffer.stats()[KIND]
        finally:
            buffer.close()
        assert figures["evicted"] == 0, "too small a table for this campaign"
        storage = Storage(self._directory / "replay" / KIND, writable=False)
        meta = storage.meta[storage.live()]
        total = lost = duplicates = 0
        for source in SOURCES:
            seq = meta["seq"][meta["source"] == source_key(source)]
            slots = np.flatnonzero(storage.live() & (storage.meta["source"] == source_key(source)))
            whole = np.ones(len(seq), np.bool_)
            for part in np.array_split(np.arange(len(seq)), len(seq) // 256 + 1):
                for m, column in samples(source, seq[part].tolist()).items():
                    whole[part] &= (storage.samples[m][slots[part]] == column).reshape(len(part), -1).all(axis=1)
            count = acknowledged(self._directory, source)
            total += count
            lost += len(set(range(count)) - set(seq[whole].tolist()))
            duplicates += len(seq) - len(np.unique(seq))
        balance = figures["inserted"] - figures["size"] - figures["evicted"] - figures["corrupt"]
        return {
            "acknowledged": total,
            "lost": lost,
            "duplicates": duplicates,
            "unaccounted": abs(balance) + abs(figures["inserted"] - len(meta)),
            "torn": figures["torn"],
            "offered_again": figures["duplicates"],
        }

    def _start_replay(self) -> None:
        self._replay = self._spawn("serve", self._ack, str(self._capacity))

    def _start_sources(self) -> None:
        self._sources = [self._spawn("send", source) for source in SOURCES]

    def _spawn(self, *role: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "benchmarks.proofs.kills", "--role", *role, "--dir", str(self._directory)]
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": path})

    def _await_progress(self) -> None:
        """Until every source has been told of a batch more; one answer may still have been on its way."""
        before = {source: acknowledged(self._directory, source) for source in SOURCES}
        deadline = time.monotonic() + DEADLINE
        while any(acknowledged(self._directory, source) <= count + EVENTS for source, count in before.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing acknowledged for {DEADLINE:g} s")
            time.sleep(0.005)


def measure(kills: int, all_kills: int, ack: str, seed: int) -> dict[str, float]:
    """Kill replay `kills` times and everything `all_kills` times; the figures of a report."""
    directory = Path(tempfile.mkdtemp(prefix="rcp", dir="/tmp"))
    campaign = KillTest(directory, ack, 200_000 if kills + all_kills > 10 else 20_000, seed)
    try:
        campaign.run(kills, False)
        campaign.run(all_kills, True)
        campaign.close()
        found = campaign.audit()
    finally:
        campaign.close()
        shutil.rmtree(directory, ignore_errors=True)
    ordered = sorted(campaign.recoveries)
    return {
        "kills": float(campaign.kills),
        "early_kills": float(campaign.early),
        **found,
        "recovery_median_s": ordered[len(ordered) // 2],
        "recovery_max_s": ordered[-1],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument(
        "--ray", action="store_true", help="replay is an actor that Ray brings back, its sources teachers"
    )
    parser.add_argument("--kills", type=int, default=20, help="times that replay is killed (default 20)")
    parser.add_argument("--all-kills", type=int, default=10, help="times that everything is killed (default 10)")
    parser.add_argument("--ack", default="disk", help="what is promised: memory or disk (default disk)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--role", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        role, *words = given.role
        if role == "serve":
            serve(given.dir, settings(words[0], int(words[1])))
        else:
            send(given.dir, words[0])
        return 0
    about = {**machine(), "seed": given.seed, "ack": given.ack}
    if given.ray:
        # Not at the top: what is killed must not load Ray to come back.
        from benchmarks.proofs.kills_ray import measure as measure_ray

        figures = measure_ray(given.kills, given.ack, given.seed)
    else:
        figures = measure(given.kills, given.all_kills, given.ack, given.seed)
    figures = {name: round(value, 2) for name, value in figures.items()}
    tell(figures, about, given.json)
    return int(bool(figures["lost"] or figures["duplicates"] or figures["unaccounted"]))


if __name__ == "__main__":
    sys.exit(main())
