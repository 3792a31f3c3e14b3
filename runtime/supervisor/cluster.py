"""The Ray that a run lives in: a private one that ends with it, or one that was there before."""

# Imported before Ray's thread forks its processes: this module hooks into forks with a lock, and a hook that appears
# while a fork is under way in another thread releases what it never took, which Python reports with a traceback.
import concurrent.futures.thread  # noqa: F401
import contextlib
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import ray

from runtime.command.environment import token_command
from runtime.config.run_section import RunSection
from runtime.supervisor.imports import rooms_elsewhere, standing_at_home
from sensors.core.errors import ConfigError, UserError
from sensors.system.address import redact_argument

CONNECT_TIMEOUT = 3.0
"""Seconds for the head of a Ray cluster to answer."""

LOGGED = re.compile(r"^\[[^\]]* [EF] |Check failed|\b\w*Error: ")
"""How Ray's services mark an error in their logs."""

HINTS = {
    "dashboard": "try it with --set run.dashboard=false",
    "object_store_memory": "give Ray less shared memory with --set run.object_store=300",
}
"""What helps where Ray's error speaks of this."""

RAY_PATIENCE = 3.0
"""Seconds that a stopping run gives Ray to shut down."""


class Cluster:
    """Starts or joins Ray, and takes it down again without leaving a process behind.

    Ray lives in a thread of its own from start to shutdown: the main thread stays free for signals, and Ray's
    processes end with the thread that started them.

    Args:
        section: address, CPUs, memory and dashboard.
        namespace: where the run's actors have their names.

    Attributes:
        dashboard: address of the dashboard, when there is one.
        metrics: address at which Prometheus finds the figures of this machine, once Ray is up.
        joined: whether the cluster was there before.
        notes: what people should know of it, one line each.
    """

    def __init__(self, section: RunSection, namespace: str) -> None:
        self.dashboard: str | None = None
        self.metrics: str | None = None
        self.joined = section.address is not None
        self.notes: list[str] = []
        self._section = section
        self._namespace = namespace
        self._folder: Path | None = None
        self._error: Exception | None = None
        self._before: list[psutil.Process] = []  # children that are none of Ray's
        self._up, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, name="ray", daemon=True)

    def start(self) -> None:
        """Begin to start; `ready` tells when it is done.

        Raises:
            ConfigError: nothing answers at the address.
        """
        if self._section.address is not None:
            _check_address(self._section.address)
        self._before = psutil.Process().children(recursive=True)
        self._thread.start()

    def ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; whether Ray is up.

        Raises:
            UserError: Ray could not be started or joined.
        """
        if not self._up.wait(timeout):
            return False
        if self._error is not None:
            if self.joined:
                raise UserError(f"--address {self._section.address}: {_brief(self._error)}") from self._error
            why = f"Ray did not start: {_brief(self._error)}"
            for cause, hint in HINTS.items():
                if cause in str(self._error).lower():
                    raise UserError(f"{why}\n{hint}") from self._error
            logged = None if self._folder is None else last_error(self._folder)
            raise UserError(why + (f"\n{logged}" if logged else "")) from self._error
        return True

    def describe(self) -> list[str]:
        """Printable lines: what people should know of it, and where to watch it; once Ray is up."""
        lines = list(self.notes)
        if self.dashboard:
            lines.append(f"dashboard {self.dashboard}  (token: run {token_command()})")
        return lines + ([f"metrics {self.metrics}  (for Prometheus)"] if self.metrics else [])

    def close(self, patience: float, keep_logs: bool = False) -> Path | None:
        """Shut Ray down within about `patience` seconds; returns the logs' folder if they are kept."""
        end = time.monotonic() + patience
        family = self._family()
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(max(end - time.monotonic() - 0.5, 0.1))
        if not self.joined:
            _, alive = psutil.wait_procs(family, timeout=max(end - time.monotonic() - 0.3, 0.1))
            _kill(alive)
        logs = self._folder
        if logs is not None and not keep_logs:
            shutil.rmtree(logs, ignore_errors=True)
            logs = None
        return logs

    def kill(self) -> None:
        """End every process of a private Ray at once, and leave a joined one to notice that we are gone."""
        if not self.joined:
            _kill(self._family())
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _live(self) -> None:
        # Ray's processes inherit it from this thread. A terminal that is closed signals all that were started there:
        # without them a run could not stop with a checkpoint. Ctrl-C Ray itself keeps from them in the same way.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            with standing_at_home():
                self._init()
            self.metrics = self._find_metrics()
        except Exception as error:
            self._error = error
        self._up.set()
        self._closing.wait()
        # A cluster that broke down has said so already; what is left of it is killed by `close`.
        with contextlib.suppress(Exception):
            ray.shutdown()

    def _init(self) -> None:
        common: dict[str, Any] = {
            "namespace": self._namespace,
            "log_to_driver": False,
            "logging_level": logging.ERROR,
        }
        s = self._section
        if s.address is not None:
            self.notes += _hide_passwords()
            ray.init(address=s.address, runtime_env={"worker_process_setup_hook": rooms_elsewhere()}, **common)
            return
        wanted, there = s.object_store * 2**20, _shared_memory()
        if there is not None and there < wanted:
            self.notes.append(
                f"/dev/shm has {there / 2**20:.0f} MiB free, run.object_store={s.object_store} MiB does not fit: "
                "Ray keeps it in files under /tmp, which is slower"
            )
        # Ray's sockets need a path of less than 107 characters, which a run directory seldom has.
        self._folder = Path(tempfile.mkdtemp(prefix="rcp-", dir="/tmp" if os.access("/tmp", os.W_OK) else None))
        self.notes += _hide_passwords()
        context = ray.init(
            address="local",
            num_cpus=s.cpus,
            object_store_memory=wanted,
            include_dashboard=s.dashboard,
            dashboard_host="127.0.0.1",
            dashboard_port=free_port(s.dashboard_port) if s.dashboard else None,
            _temp_dir=str(self._folder / "ray"),
            **common,
        )
        self.dashboard = f"http://{context.dashboard_url}" if s.dashboard and context.dashboard_url else None

    def _find_metrics(self) -> str | None:
        untyped: Any = ray
        for node in untyped.nodes():
            if node["NodeID"] == self.here() and node.get("MetricsExportPort"):
                return f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        return None

    def _family(self) -> list[psutil.Process]:
        """The processes that were started below this one since Ray was: Ray's own."""
        return [child for child in psutil.Process().children(recursive=True) if child not in self._before]

    def resources(self) -> tuple[dict[str, float], dict[str, float]]:
        """What the cluster has, and what of it is free."""
        untyped: Any = ray
        return untyped.cluster_resources(), untyped.available_resources()

    def here(self) -> str:
        """Id of the node that this process is on."""
        return str(ray.get_runtime_context().get_node_id())


def check_resources(total: Mapping[str, float], free: Mapping[str, float], device: str) -> float:
    """GPUs for the learner, once it is sure that the cluster can hold the run.

    Args:
        total: resources of the cluster.
        free: those that nobody uses.
        device: the learner's `auto`, `cpu`, `cuda`, ….

    Raises:
        ConfigError: no free CPU, or no free GPU where one was asked for.
    """
    if total.get("CPU", 0) < 1:
        raise ConfigError("Ray has no CPU to offer; the learner needs one (start Ray with --num-cpus 1 or more)")
    if free.get("CPU", 0) < 1:
        raise ConfigError(f"all {total['CPU']:.0f} CPUs of the Ray cluster are in use; the learner needs one")
    wants = device.partition(":")[0] == "cuda"
    if wants and total.get("GPU", 0) < 1:
        raise ConfigError("--device cuda: no CUDA device found; use --device cpu or auto")
    if wants and free.get("GPU", 0) < 1:
        raise ConfigError("--device cuda: every GPU of the Ray cluster is in use")
    return 1.0 if wants or (device == "auto" and free.get("GPU", 0) >= 1) else 0.0


def last_error(folder: Path) -> str:
    """The newest error that Ray's own services logged, with the name of the log; empty where there is none."""
    try:
        logs = sorted(folder.glob("ray/session_*/logs/*.[oe][ur][tr]"), key=lambda log: log.stat().st_mtime)
        for log in reversed(logs):
            lines = log.read_text(errors="replace").splitlines()
            for line in reversed(lines):
                if LOGGED.search(line):
                    return f"{log.name}: {' '.join(line.split())[:300]}"
    except OSError:
        pass
    return ""


def _brief(error: Exception) -> str:
    """What an error of Ray's says, in one line: libraries put the cause last, below what they were at."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join((lines or [type(error).__name__])[-1].split())[:300]


def free_port(first: int, tries: int = 100) -> int:
    """The first port from `first` on that nobody listens on at 127.0.0.1.

    Raises:
        ConfigError: none of `tries` ports is free.
    """
    for port in range(first, first + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigError(f"run.dashboard_port={first}: no free port among {tries}; use --set run.dashboard=false")


def _shared_memory() -> int | None:
    """Bytes free in shared memory; None where there is no such file system."""
    try:
        return shutil.disk_usage("/dev/shm").free
    except OSError:
        return None


def _check_address(address: str) -> None:
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise ConfigError(f"--address {address}: expected host:port of a Ray head, as `ray start --head` prints it")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--address {address}: no Ray head answers there ({error})") from None


def _hide_passwords() -> list[str]:
    """Leave passwords out of this process's command line, which `ps` shows, and Ray's dashboard as its entry point.

    Returns:
        what people should know of it.
    """
    given = psutil.Process().cmdline()
    shown = [redact_argument(argument) for argument in given]
    if shown == given:
        return []
    # Ray names its workers by it.
    rename = getattr(ray._raylet, "setproctitle", None)
    if rename is None:
        return ["the command line, as ps and Ray's dashboard show it, holds the camera's password"]
    rename(shlex.join(shown))
    return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=0.3)
