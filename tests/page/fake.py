"""A page over a run that is not there: replay, weights and an exam, without Ray."""

import contextlib
import http.client
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.networks.published import Networks
from page.config import PageConfig
from page.context import PageContext
from page.feed.run_report import RunFacts
from page.samples.exam_results import ExaminedSubject, JudgedRows
from page.server.page_server import PageServer
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality
from tests.agent.rigs import clips, datasets, exam_set, images
from tests.patience import PATIENCE

SETTINGS = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=64, min_size=1)
FACTS = RunFacts("fake", "0.0", ["digits"], False, [{"key": "run.seed", "value": 0}], ("audio", "image"), "ink")
OVERVIEW: Mapping[str, Any] = {
    "time_s": 12.5,
    "learning_s": 10.0,
    "step": 42,
    "phase": "learning",
    "share": 0.5,
    "paused": False,
    "waiting": "",
    "values": {
        "learner/turn": "image<audio",
        "learner/steps_per_s": 20.0,
        "loss/image": math.nan,
        "size/audio+image": 3,
        "events/audio+image": 3.0,
        "dropped/throttled": 2,
        "sensor/microphone": "live",
        "sensor_read/microphone": 7,
        "sensor_lost/microphone/late": 1,
        "exam/image_to_audio": 0.75,
        "judge/audio": 0.99,
    },
    "actors": [{"name": "learner", "state": "up", "since_s": 3.0, "restarts": 0, "pid": None, "fault": ""}],
    "exams": [{"title": "image → audio", "exam": "image_to_audio", "judge": "audio", "crosses": True}],
    "checkpoint": {"step": 40, "age_s": 2.0},
    "notes": [{"number": 1, "at": 1.0, "text": "first step"}],
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeRun:
    """A run's directory, replay's tables in it, and the page."""

    def __init__(self, path: Path, config: PageConfig | None = None, token: str = "", **options: Any) -> None:
        (path / "samples").mkdir(parents=True, exist_ok=True)
        self.path = path
        self.buffer = Buffer(path / "replay", SETTINGS)
        self.config = config or PageConfig(port=20_000)
        self.context = PageContext(path, self.config, FACTS)
        self.server = PageServer(self.context, self.config, token, **options)
        self.port = self.server.port

    def learn(self, networks: Networks) -> None:
        """The learner has published these."""
        self.context.model.renew(networks)

    def perceive(self, kind: str, first: int, count: int = 1) -> None:
        """New events, their concept being their number."""
        seq = np.arange(first, first + count)
        rng = np.random.default_rng(first)
        make: Mapping[str, Callable[..., NDArray[Any]]] = {
            "image": images,
            "audio": clips,
            "speech": said,
            "lips": films,
            "letter": letters,
        }
        samples = {name: make[name](seq % 10, rng) for name in kind.split("+")}
        moment = seq.astype(np.float64)
        self.buffer.insert(EventBatch("rig", 0, seq, moment, moment, np.full(count, NO_LESSON), samples))

    def examine(self) -> None:
        """The monitor has told of an exam, in which every third picture was taken for the next concept."""
        exam = exam_set(datasets())
        rows = np.arange(len(exam.parts["image"]))
        labels = exam.parts["image"].labels
        judged = np.where(rows % 3 == 0, (labels + 1) % len(exam.concepts), labels)
        verdicts = {("image", "audio"): JudgedRows(rows, judged)}
        self.context.take_exams([ExaminedSubject("", exam, 40, {"audio": 0.99}, verdicts)])

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: bytes, kind: str, **headers: str) -> Answer:
        return self.ask("POST", path, body, {"Content-Type": kind, **headers})

    def refused(self) -> dict[str, int]:
        return self.context.refusals.totals

    def close(self) -> None:
        self.server.close()
        self.context.close()
        self.buffer.close()


@contextlib.contextmanager
def fake_run(path: Path, config: PageConfig | None = None, token: str = "", **options: Any) -> Iterator[FakeRun]:
    with contextlib.closing(FakeRun(path, config, token, **options)) as run:
        yield run


def said(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Cepstral coefficients for each letter."""
    return rng.normal(labels[:, None, None], 1.0, (len(labels), *modality("speech").shape)).astype(np.float32)


def films(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Films of lips, brighter for each letter."""
    return rng.integers(10 * labels[0], 10 * labels[0] + 60, (len(labels), *modality("lips").shape)).astype(np.uint8)


def letters(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint16]:
    """The labels."""
    return labels[:, None].astype(np.uint16)


def board(ink: int = 0, paper: int = 255, size: tuple[int, int] = (280, 280)) -> NDArray[np.uint8]:
    """A board with a 3 drawn on it, (H, W, 3)."""
    drawn = np.full((*size, 3), paper, np.uint8)
    cv2.putText(drawn, "3", (70, 220), cv2.FONT_HERSHEY_SIMPLEX, 7, (ink,) * 3, 18)
    return drawn


def png(picture: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def tone(seconds: float = 0.5, silence: float = 0.0, loud: float = 0.5) -> NDArray[np.float32]:
    """A sound with a quiet room around it, (samples,) float32 at 16 kHz."""
    rng = np.random.default_rng(0)
    t = np.arange(round(16_000 * seconds)) / 16_000
    said = loud * np.sin(2 * np.pi * 440 * t) * np.hanning(len(t)) ** 0.5
    quiet = np.zeros(round(16_000 * silence))
    whole = np.concatenate([quiet, said, quiet])
    return (whole + 0.0005 * rng.standard_normal(len(whole))).astype(np.float32)
