import socket

import pytest

from runtime.settings import RunSection
from runtime.supervisor.cluster import Cluster, check_resources, free_port
from sensors.errors import ConfigError


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


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001", "nowhere", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match="--address"):
        Cluster(RunSection(address=address), "test").start()
