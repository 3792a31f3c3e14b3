"""The actor that answers, in a real Ray beside a learner that publishes."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.answers.actor import AnswerActor
from agent.config import AnswerConfig
from agent.inference import build_networks
from agent.networks.published import to_network
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.errors import EventError, StateError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.sources.own_playback import NAME as PLAYBACK
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, config, images, tables

SETTINGS = AnswerConfig(respond=True, every=0.1, refresh=0.1, speaker="default", window=False)


class Publisher:
    """The learner's actor as far as it is asked for weights, busy now and then."""

    def __init__(self, versions: list[dict[str, Any]]) -> None:
        self.versions = versions
        self.asked: list[int] = []

    def publish(self, name: str, version: int) -> dict[str, Any] | None:
        assert name == "smart"
        self.asked.append(version)
        newer = [v for v in self.versions if v["step"] > version]
        return newer[0] if newer else None

    def versions_asked(self) -> list[int]:
        return self.asked

    def run(self, seconds: float) -> None:
        time.sleep(seconds)


def versions() -> list[dict[str, Any]]:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    out = []
    for _ in range(2):
        it.step()
        out.append(published(it))
    return out


@pytest.mark.ray
def test_it_answers_with_the_newest_weights_while_the_learner_is_busy(ray_session: None, tmp_path: Path) -> None:
    import ray

    (tmp_path / "samples").mkdir()
    made = versions()
    free = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=64, min_size=1)
    rng = np.random.default_rng(0)
    pictures = images(np.arange(3), rng)
    with closing(Buffer(tmp_path / "replay", free)) as buffer:
        buffer.reserve(["image"])
        agent: Any = ray.remote(AnswerActor).options(num_cpus=0, max_concurrency=8, name="test-agent").remote(
            str(tmp_path), SETTINGS.to_dict(), "test-learner"
        )  # fmt: skip
        found = ray.get_actor("test-agent")
        with pytest.raises(StateError, match="nothing is learned yet"):
            ray.get(found.evoke.remote("image", pictures), timeout=120)
        assert ray.get(agent.run.remote(0.1), timeout=120)["note"] == "", "no learner yet, and no harm in it"
        learner: Any = ray.remote(Publisher).options(num_cpus=0, name="test-learner").remote(made)
        end = time.monotonic() + 60
        while ray.get(agent.figures.remote(), timeout=120).get("answer/step") != made[-1]["step"]:
            ray.get(agent.run.remote(0.3), timeout=120)
            assert time.monotonic() < end
        over: list[Any] = []
        for busy_for in (1.5, 3.0, 6.0, 12.0):  # for longer where this machine is busy, too
            work: list[Any] = [learner.run.remote(busy_for), agent.run.remote(busy_for)]
            asked: Any = found.evoke.remote("image", pictures)
            answer: Any = ray.get(asked, timeout=120)
            over = ray.wait(work, num_returns=2, timeout=0)[0]
            if not over:
                break
        assert not over, "neither the learner nor its own everyday work was waited for"
        expected = build_networks(made[-1]).evoke(to_network(pictures, "image"), "image", "audio") * 255
        assert answer["step"] == made[-1]["step"]
        assert np.abs(answer["samples"]["audio"] - expected.numpy()).max() <= 0.51
        with pytest.raises(EventError, match="the agent knows audio, image"):
            ray.get(found.evoke.remote("speech", pictures), timeout=120)
        ray.get(work, timeout=120)
        alone = {"image": pictures[:1]}
        at = np.array([1.0])
        buffer.insert(EventBatch("rig", 0, np.array([1]), at, at, np.array([NO_LESSON]), alone))
        told: dict[str, Any] = {"note": ""}
        # Where nothing can sound, that is told first.
        while not told["note"].startswith("image") and time.monotonic() < end + 60:
            told = ray.get(agent.run.remote(0.3), timeout=120)
        assert told["note"].startswith("image perceived, audio evoked")
        assert told["figures"]["answer/given"] == 1 and told["figures"]["answer/asked"] == 2
        assert len(list((tmp_path / "samples").glob("response-000001-*"))) == 2 and (tmp_path / PLAYBACK).exists()
        assert ray.get(learner.versions_asked.remote(), timeout=120)[:2] == [0, made[0]["step"]]
        # The learner dies, and another takes its name.
        ray.kill(learner)
        ray.get(agent.run.remote(0.3), timeout=120)
        answer = ray.get(found.evoke.remote("image", pictures), timeout=120)
        assert answer["step"] == made[-1]["step"]
        assert "responds to what is seen or heard alone" in ray.get(agent.describe.remote(), timeout=120)[-1]
        assert ray.get(agent.ping.remote(), timeout=120) == f"Agent(step {made[-1]['step']})"
        ray.get(agent.close.remote(), timeout=120)
        ray.kill(agent)
