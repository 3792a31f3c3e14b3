"""What is taught next."""

import numpy as np
import pytest

from sensors.errors import ConfigError
from teacher.config import TeacherConfig
from teacher.curriculum import AUDIO, BOTH, IMAGE, Curriculum, Plan

ALL = frozenset(range(10))


def plans(config: TeacherConfig, count: int) -> list[Plan]:
    curriculum = Curriculum(config, ALL, ALL)
    return [curriculum.plan(b, np.random.default_rng([7, b])) for b in range(count)]


def test_hybrid_gives_each_modality_its_warm_up_before_anything_co_occurs() -> None:
    made = plans(TeacherConfig(warmup_events=200, batch_events=64), 12)
    assert [p.modalities for p in made[:8]] == [AUDIO, IMAGE] * 4
    assert all(p.modalities == BOTH for p in made[8:])


def test_classroom_co_occurs_from_the_start() -> None:
    assert all(p.modalities == BOTH for p in plans(TeacherConfig(style="classroom"), 20))


def test_single_share_is_kept_and_split_between_the_modalities() -> None:
    made = plans(TeacherConfig(style="classroom", single_share=0.4), 2000)
    shares = {m: np.mean([p.modalities == m for p in made]) for m in (AUDIO, IMAGE, BOTH)}
    assert shares[AUDIO] == pytest.approx(0.2, abs=0.03)
    assert shares[IMAGE] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(("length", "batch"), [(1, 64), (4, 64), (5, 64), (32, 64), (1, 2)])
def test_a_lesson_holds_one_concept_and_a_batch_mixes_several(length: int, batch: int) -> None:
    for plan in plans(TeacherConfig(style="classroom", lesson_length=length, batch_events=batch), 50):
        assert plan.lessons is not None
        assert len(plan.concepts) == len(plan.lessons) == batch
        for lesson in np.unique(plan.lessons):
            assert len(np.unique(plan.concepts[plan.lessons == lesson])) == 1
        assert np.bincount(plan.lessons).max() == length
        assert len(np.unique(plan.concepts)) > 1


def test_imbalance_follows_zipf() -> None:
    made = plans(TeacherConfig(style="classroom", lesson_length=1, imbalance=1.0), 400)
    counts = np.bincount(np.concatenate([p.concepts for p in made]), minlength=10)
    expected = 1 / np.arange(1, 11)
    assert counts / counts.sum() == pytest.approx(expected / expected.sum(), abs=0.01)


def test_missing_concepts_are_met_alone_only() -> None:
    config = TeacherConfig(style="classroom", single_share=0.5, missing_audio="three", missing_image="4")
    met = {
        m: np.concatenate([p.concepts for p in plans(config, 300) if p.modalities == m]) for m in (AUDIO, IMAGE, BOTH)
    }
    assert set(met[AUDIO].tolist()) == ALL - {3}
    assert set(met[IMAGE].tolist()) == ALL - {4}
    assert set(met[BOTH].tolist()) == ALL - {3, 4}


def test_nothing_left_to_teach_is_refused() -> None:
    everything = "0,1,2,3,4,5,6,7,8,9"
    with pytest.raises(ConfigError, match="no concept is left to be heard"):
        Curriculum(TeacherConfig(missing_audio=everything), ALL, ALL)
    with pytest.raises(ConfigError, match="heard and seen together"):
        Curriculum(TeacherConfig(missing_audio="0,1,2,3,4", missing_image="5,6,7,8,9"), ALL, ALL)
