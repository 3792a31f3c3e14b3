"""A Ray of a benchmark's own, without dashboard, that leaves nothing behind."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

OBJECT_STORE = 200_000_000
"""Bytes."""


@contextmanager
def private_ray(cpus: int | None = None) -> Iterator[Path]:
    """Start it, give a folder for the benchmark's files, and take both away at the end.

    Args:
        cpus: that Ray may give away; None: the machine's.
    """
    # A short path: Ray's sockets lie below it.
    folder = Path(tempfile.mkdtemp(prefix="rcp", dir="/tmp"))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Actors import this checkout's modules, wherever the benchmark is started.
    root = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(folder / "ray"),
        )
        yield folder
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
