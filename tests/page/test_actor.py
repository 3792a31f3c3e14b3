"""The page's actor in a real Ray, beside a learner that publishes and a monitor that examines."""

import dataclasses
import json
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from page.actor import PageActor
from page.config import PageConfig
from replay.buffer import Buffer
from sensors.core.errors import ConfigError
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, config, datasets, exam_set, tables
from tests.page.fake import FACTS, OVERVIEW, SETTINGS, board, png
from tests.patience import PATIENCE


class Publisher:
    """The learner's actor as far as it is asked for weights."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.made = made

    def publish(self, name: str, version: int) -> dict[str, Any] | None:
        assert name == "smart"
        return self.made if self.made["step"] > version else None


class Examiner:
    """The monitor's actor as far as it is asked for its exams."""

    def material(self, known: list[int]) -> list[dict[str, Any]] | None:
        if known == [3]:
            return None
        exam = exam_set(datasets())
        rows = np.arange(len(exam.parts["image"]))
        verdicts = [("image", "audio", rows, exam.parts["image"].labels)]
        told = {"name": "", "exam": None if known else exam.to_dict(), "step": 3, "judges": {"audio": 0.9}}
        return [{**told, "verdicts": verdicts}]


def get(address: str, path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(address + path, body, {"Content-Type": "image/png"} if body else {})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


@pytest.mark.ray
def test_it_pulls_weights_and_exams_and_gives_commands(ray_session: None, tmp_path: Path) -> None:
    import ray

    (tmp_path / "samples").mkdir()
    it = SmartLearner(config(), ListReplay(tables()), 0)
    it.step()
    settings = PageConfig(port=21_000, refresh=0.2).to_dict()
    with closing(Buffer(tmp_path / "replay", SETTINGS)):
        made: Any = ray.remote(PageActor).options(num_cpus=0)
        page = made.remote(str(tmp_path), settings, dataclasses.asdict(FACTS), "smart", "token")
        (line,) = ray.get(page.describe.remote(), timeout=120)
        address = line.split()[1]
        assert address.startswith("http://127.0.0.1:") and ray.get(page.entrance.remote(), timeout=60) == ""
        assert ray.get(page.run.remote(0.0, dict(OVERVIEW)), timeout=60)["commands"] == []
        status = get(address, "v1/status")
        assert status["run"]["step"] == 42 and status["page"]["weights_step"] is None
        # Neither learner nor monitor was there, which did no harm.
        made = ray.remote(Publisher).options(num_cpus=0, name="learner")
        learner = made.remote(published(it))
        made = ray.remote(Examiner).options(num_cpus=0, name="monitor")
        monitor = made.remote()
        end = time.monotonic() + 2 * PATIENCE
        while get(address, "v1/status")["page"]["weights_step"] != 1 or not get(address, "v1/confusion")["paths"]:
            assert time.monotonic() < end
            time.sleep(0.2)
        told = get(address, "v1/evoke", png(board()))
        assert told["told"] and told["step"] == 1
        pending = page.run.remote(60.0, dict(OVERVIEW))
        command = urllib.request.Request(
            address + "v1/command", b'{"command": "pause"}', {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(command, timeout=PATIENCE).close()
        answer = ray.get(pending, timeout=60)
        assert answer["commands"] == [(1, "pause")] and answer["figures"]["page/asked"] == 1.0
        assert repr(PageConfig()) and "Page(http" in ray.get(page.ping.remote(), timeout=60)
        ray.get(page.close.remote(), timeout=60)
        with pytest.raises(OSError):
            get(address, "v1/status")
        for actor in (page, learner, monitor):
            ray.kill(actor)
        remote = settings | {
            "address": "203.0.113.7",
            "cert": str(tmp_path / "no.pem"),
            "key": str(tmp_path / "no.pem"),
        }
        made = ray.remote(PageActor).options(num_cpus=0)
        with pytest.raises((ConfigError, ray.exceptions.RayActorError), match="page-cert"):
            page = made.remote(str(tmp_path), remote, dataclasses.asdict(FACTS), "smart", "token")
            ray.get(page.ping.remote(), timeout=120)
