"""A host and robots on one machine, run in turn by one test."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from sensors.core.event import EventBatch
from sensors.robots.ingest import RemoteIngest
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import IngestConfig, PublisherConfig
from sensors.robots.robot_table import Received
from tests.patience import PATIENCE
from tests.sensors.batches import fields

FREE = "tcp://127.0.0.1:0"


def made(
    seq: int, name: str = "kitchen", generation: int = 3, count: int = 2, start: float | None = None
) -> EventBatch:
    f = fields("image", count, seq) | {"source": name, "generation": generation}
    f["seq"] = np.arange(seq, seq + count)
    if start is not None:
        f["start"] = f["end"] = np.full(count, start)
    return EventBatch(**f)


def robot(address: str, name: str = "kitchen", generation: int = 3, keys: Path | None = None, **more: Any) -> Publisher:
    return Publisher(PublisherConfig(to=address, keys=None if keys is None else str(keys), **more), name, generation)


def host(address: str = FREE, keys: Path | None = None, **more: int) -> RemoteIngest:
    return RemoteIngest(IngestConfig(listen=address, keys=None if keys is None else str(keys), **more))


def until(
    done: Callable[[], object], ingest: RemoteIngest | None, *robots: Publisher, store: bool = True
) -> list[Received]:
    """Run both ends until `done`, acknowledging if `store`; what came in."""
    found: list[Received] = []
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "took too long"
        for one in robots:
            one.run(0.005)
        if ingest is not None:
            received = ingest.run(0.005)
            found += received
            if store:
                ingest.acknowledge(received)
    return found


@contextmanager
def raw(address: str, **options: bytes) -> Iterator["zmq.Socket[bytes]"]:
    """A peer that says whatever it likes."""
    context = zmq.Context()
    peer = context.socket(zmq.DEALER)
    for name, value in options.items():
        setattr(peer, name, value)
    peer.connect(address)
    try:
        yield peer
    finally:
        context.destroy(linger=0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
