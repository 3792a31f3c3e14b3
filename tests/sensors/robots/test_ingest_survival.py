"""A host that is killed again and again: what it acknowledged is on its disk, and every event once."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.event import EventBatch
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import PublisherConfig

HOST = """
import sys
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.robots.ingest import RemoteIngest
from sensors.robots.remote_config import IngestConfig

address, directory = sys.argv[1:]
buffer = Buffer(directory, ReplayConfig(samples_per_insert=0.0, capacity_single=20_000))
ingest = RemoteIngest(IngestConfig(listen=address))
while True:
    received = ingest.run(0.05)
    for item in received:
        buffer.insert(item.batch)
    ingest.acknowledge(received)
"""
PATIENCE = 60.0
KILLS = 3


def host(address: str, directory: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", HOST, address, str(directory)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[3], env={**os.environ, "OMP_NUM_THREADS": "1"})


def batch(first: int, count: int) -> EventBatch:
    seq = np.arange(first, first + count)
    samples = {"image": np.full((count, 1, 32, 32), first % 251, np.uint8)}
    moment = np.full(count, time.monotonic())
    return EventBatch("kitchen", 1, seq, moment, moment, np.full(count, -1), samples)


@pytest.mark.slow
def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    directory = tmp_path / "replay"
    directory.mkdir()
    process = host(address, directory)
    first, acknowledged, kills = 0, 0, 0
    end = time.monotonic() + PATIENCE
    try:
        with Publisher(PublisherConfig(to=address, keep=2000), "kitchen", 1) as publisher:
            while kills < KILLS:
                assert time.monotonic() < end
                if publisher.room > 100:
                    publisher.publish(batch(first, 8))
                    first += 8
                publisher.run(0.002)
                if publisher.counts.get("acknowledged", 0) >= acknowledged + 400:
                    process.kill()
                    process.wait()
                    acknowledged, kills = publisher.counts["acknowledged"], kills + 1
                    process = host(address, directory)
            assert publisher.flush(end - time.monotonic())
            counts = publisher.counts
    finally:
        process.kill()
        process.wait()
    assert counts["acknowledged"] == counts["published"] == first
    assert counts["welcomes"] == KILLS + 1
    buffer = Buffer(directory, ReplayConfig(samples_per_insert=0.0, capacity_single=20_000))
    stats = buffer.stats()["image"]
    buffer.close()
    assert stats["inserted"] == stats["size"] == first
    assert stats["corrupt"] == 0
