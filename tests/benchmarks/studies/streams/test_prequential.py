"""Answers before learning, and the figures made of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agent.exams.judges import Judge
from agent.networks.published import Networks, to_network
from benchmarks.studies.streams.prequential import BatchScore, Prequential, published, running, share_right
from replay.config import ReplayConfig
from runtime.trial import Concepts, Trial
from sensors.core.event import EventBatch
from teacher.config import TeacherConfig
from teacher.subjects.digits import taught_digits
from tests.agent.rigs import config, datasets


class Brightest(nn.Module):
    """Takes a sample for the concept numbered by the brightest tenth of its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2] // 10
        return torch.stack([x[:, 0, size * k : size * k + size].mean((1, 2)) for k in range(10)], 1)


def make(directory: Path, **teacher: Any) -> Trial:
    data = datasets(200, 50)
    settings = TeacherConfig(style="classroom", batch_events=16, lesson_length=2, **teacher)
    sizes = ReplayConfig(capacity=64, capacity_single=64, min_size=16, limiter_slack=48, samples_per_insert=2.0)
    return Trial(taught_digits(data["image"], data["audio"]), settings, sizes, config(latent=32), 3, directory, 12)


def judges() -> dict[str, Judge]:
    return {"image": Judge("MLC", Brightest()), "audio": Judge("GLC", Brightest())}


def test_each_event_is_answered_with_the_networks_from_before_it(tmp_path: Path) -> None:
    known = judges()
    with make(tmp_path, single_share=0.4) as trial:
        preq = Prequential(trial, known)
        met: list[tuple[EventBatch, Concepts, Networks]] = []

        def tap(batch: EventBatch, concepts: Concepts) -> None:
            met.append((batch, concepts, before))
            preq.observe(batch, concepts)

        trial.tap = tap
        while trial.done < 12:
            before = trial.networks()
            trial.step()
    expected = []
    for batch, concepts, networks in met:
        for source, target in (("image", "audio"), ("audio", "image")):
            if source in batch.samples:
                evoked = networks.evoke(to_network(batch.samples[source], source), source, target).clone()
                right = int((known[target].grade(evoked).numpy() == concepts[source]).sum())
                expected.append(BatchScore(int(batch.seq[-1]) + 1, f"{source}_to_{target}", right, 16))
    assert preq.answers == expected
    # Some came while the learner was at work, and single-modality events are answered in one direction.
    assert {n.step for _, _, n in met} > {0} and {len(b.samples) for b, _, _ in met} == {1, 2}


def test_answers_change_nothing_that_is_learned(tmp_path: Path) -> None:
    weights = []
    for tapped in (False, True):
        with make(tmp_path / str(tapped)) as trial:
            if tapped:
                trial.tap = Prequential(trial, judges()).observe
            trial.run(6)
            weights.append(trial.smart.weights())
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def test_answers_survive_their_state(tmp_path: Path) -> None:
    with make(tmp_path) as trial:
        preq, again = Prequential(trial, judges()), Prequential(trial, judges())
        trial.tap = preq.observe
        trial.run(2)
        again.restore(preq.state())
        assert again.answers == preq.answers != []
        assert published(trial).step == 2


ANSWERS = [
    BatchScore(10, "a", 0, 10),
    BatchScore(10, "b", 10, 10),
    BatchScore(20, "a", 5, 10),
    BatchScore(40, "a", 20, 20),
]


def test_a_share_is_of_the_events_of_a_span_on_one_path() -> None:
    assert share_right(ANSWERS, "a", 0, 40) == pytest.approx(25 / 40)
    assert share_right(ANSWERS, "a", 10, 20) == 0.5
    assert share_right(ANSWERS, "b", 0, 10) == 1.0
    assert share_right(ANSWERS, "b", 10, 40) is None


@pytest.mark.parametrize(
    ("window", "shares"), [(1, [0, 0.5, 1]), (20, [0, 0.25, 1]), (25, [0, 0.25, 25 / 30]), (99, [0, 0.25, 25 / 40])]
)
def test_a_window_holds_the_newest_batches_that_fill_it(window: int, shares: list[float]) -> None:
    points = running(ANSWERS, "a", window)
    assert [at for at, _ in points] == [10, 20, 40]
    assert [share for _, share in points] == pytest.approx(shares)
