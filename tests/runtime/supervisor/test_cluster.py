import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.config.run_section import RunSection
from runtime.supervisor.cluster import Cluster, check_resources, free_port
from sensors.core.errors import ConfigError, UserError
from tests.patience import PATIENCE


def test_resources_decide_the_learners_gpus() -> None:
    two = {"CPU": 2.0}
    assert check_resources(two, two, "auto") == 0
    assert check_resources(two | {"GPU": 1}, two | {"GPU": 1}, "auto") == 1
    assert check_resources(two | {"GPU": 1}, two, "auto") == 0
    assert check_resources(two | {"GPU": 1}, two | {"GPU": 1}, "cpu") == 0


@pytest.mark.parametrize(
    ("total", "free", "device", "told"),
    [
        ({}, {}, "auto", "no CPU"),
        ({"CPU": 2}, {"CPU": 0.5}, "auto", "in use"),
        ({"CPU": 2}, {"CPU": 2}, "cuda", "no CUDA device"),
        ({"CPU": 2, "GPU": 1}, {"CPU": 2}, "cuda", "every GPU"),
    ],
)
def test_too_little_is_refused(total: dict[str, float], free: dict[str, float], device: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_resources(total, free, device)


def test_a_busy_port_is_passed_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert free_port(taken) > taken
        with pytest.raises(ConfigError, match="dashboard"):
            free_port(taken, tries=1)


@pytest.mark.parametrize(
    ("error", "log", "told"),
    [
        ("Could not determine home directory.", "", "Ray did not start: Could not determine home directory."),
        (
            "it was at this\nand timed out",
            "[2026-01-31 12:00:00,000 I 7 7] fine\n[2026-01-31 12:00:01,000 E 7 7] io.cc:7: no  sockets left\nbye\n",
            "Ray did not start: and timed out\nraylet.out: [2026-01-31 12:00:01,000 E 7 7] io.cc:7: no sockets left",
        ),
        ("The dashboard failed", "", "Ray did not start: The dashboard failed\ntry it with --set run.dashboard=false"),
    ],
)
def test_why_ray_did_not_start_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: str, log: str, told: str
) -> None:
    logs = tmp_path / "ray" / "session_x" / "logs"
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text(log)

    def fail(self: Cluster) -> None:
        self._folder = tmp_path
        raise RuntimeError(error)

    monkeypatch.setattr(Cluster, "_init", fail)
    cluster = Cluster(RunSection(), "test")
    cluster.start()
    with pytest.raises(UserError) as caught:
        cluster.ready(PATIENCE)
    cluster.close(0.1, keep_logs=True)
    assert str(caught.value) == told


@pytest.mark.parametrize("end", [lambda cluster: cluster.close(0.1), lambda cluster: cluster.kill()])
def test_children_that_were_there_before_outlive_it(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[Cluster], object]
) -> None:
    started = []
    monkeypatch.setattr(Cluster, "_init", lambda self: started.append(subprocess.Popen(["sleep", "60"])))
    monkeypatch.setattr(Cluster, "_find_metrics", lambda self: None)
    with subprocess.Popen(["sleep", "60"]) as before:
        cluster = Cluster(RunSection(dashboard=False), "test")
        cluster.start()
        cluster.ready(PATIENCE)
        end(cluster)
        outlived = before.poll() is None
        before.kill()
        # Whether it was reaped by `psutil` or is left to us, it has ended.
        started[0].wait(1.0)
        assert outlived


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001", "nowhere", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match="--address"):
        Cluster(RunSection(address=address), "test").start()
