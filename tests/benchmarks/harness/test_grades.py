import numpy as np
import pytest

from agent.config import MonitorConfig
from agent.exams.exam import examine
from agent.smart.networks import SmartNetworks
from agent.smart.update import Side
from benchmarks.harness.grades import balanced, grade_judges, grade_paths, load_examiners, shares
from tests.agent.rigs import config, datasets, exam_set


@pytest.fixture(autouse=True)
def home(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path))


def test_balanced_counts_every_concept_alike() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 4])
    said = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0])
    assert balanced(said, labels) == pytest.approx((1 + 0.5 + 0) / 3)


def test_shares_of_parts() -> None:
    labels, said = np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])
    found = shares("path", said, labels, {"a": slice(0, 2), "b": slice(2, 4)})
    assert found == {
        "path": 0.75, "path_balanced": pytest.approx((1 + 2 / 3) / 2),
        "path_a": 0.5, "path_a_balanced": 0.5, "path_b": 1.0, "path_b_balanced": 1.0,
    }  # fmt: skip


def test_figures_agree_with_the_exam_and_with_the_judges_own_word() -> None:
    data = datasets(200, 50)
    settings = MonitorConfig(judge_steps=6)
    examiners = load_examiners(data, settings, "small")
    sides = {m: Side(m, (o,), config()).eval() for m, o in (("image", "audio"), ("audio", "image"))}
    networks, exam = SmartNetworks(5, sides), exam_set(data)
    plain = examine(networks, {m: made["first"] for m, made in examiners.items()}, exam).accuracy
    found = grade_paths(networks, examiners, exam, ("first", "second"))
    assert {k: v for k, v in found.items() if k in plain} == pytest.approx(dict(plain))
    second = examine(networks, {m: made["second"] for m, made in examiners.items()}, exam).accuracy
    assert {k: found[f"{k}_second"] for k in second} == pytest.approx(dict(second))
    own = grade_judges(examiners, exam)
    names = {("image", "first"): "mlc", ("audio", "first"): "glc", ("image", "second"): "mlc2",
             ("audio", "second"): "glc2", ("image", "reference"): "reference_image",
             ("audio", "reference"): "reference_audio"}  # fmt: skip
    for (modality, network), name in names.items():
        assert own[name] == pytest.approx(examiners[modality][network].accuracy)
