"""What is taught next."""

import numpy as np
import pytest

from sensors.core.errors import ConfigError
from teacher.config import CONCEPTS, TeacherConfig
from teacher.curriculum import Curriculum, Plan

ALL = frozenset(range(10))
AUDIO, IMAGE, BOTH = ("audio",), ("image",), ("audio", "image")


def curriculum_of(config: TeacherConfig) -> Curriculum:
    return Curriculum(config, {"audio": ALL, "image": ALL}, CONCEPTS)


def plans(config: TeacherConfig, count: int) -> list[Plan]:
    curriculum = curriculum_of(config)
    return [curriculum.plan(b, np.random.default_rng([7, b])) for b in range(count)]


def test_hybrid_gives_each_modality_its_warm_up_before_anything_co_occurs() -> None:
    made = plans(TeacherConfig(warmup_events=200, batch_events=64), 12)
    assert [p.senses for p in made[:8]] == [AUDIO, IMAGE] * 4
    assert all(p.senses == BOTH for p in made[8:])


def test_classroom_co_occurs_from_the_start() -> None:
    assert all(p.senses == BOTH for p in plans(TeacherConfig(style="classroom"), 20))


def test_single_share_is_kept_and_split_between_the_modalities() -> None:
    made = plans(TeacherConfig(style="classroom", single_share=0.4), 2000)
    shares = {m: np.mean([p.senses == m for p in made]) for m in (AUDIO, IMAGE, BOTH)}
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
    config = TeacherConfig(style="classroom", single_share=0.5, missing="audio:three image:4")
    met = {m: np.concatenate([p.concepts for p in plans(config, 300) if p.senses == m]) for m in (AUDIO, IMAGE, BOTH)}
    assert set(met[AUDIO].tolist()) == ALL - {3}
    assert set(met[IMAGE].tolist()) == ALL - {4}
    assert set(met[BOTH].tolist()) == ALL - {3, 4}


def test_nothing_left_to_teach_is_refused() -> None:
    everything = "0,1,2,3,4,5,6,7,8,9"
    with pytest.raises(ConfigError, match="no concept remains for audio"):
        curriculum_of(TeacherConfig(missing=f"audio:{everything}"))
    with pytest.raises(ConfigError, match="audio and image meet together"):
        curriculum_of(TeacherConfig(missing="audio:0,1,2,3,4 image:5,6,7,8,9"))


def phases_of(config: TeacherConfig, count: int) -> list[set[int]]:
    return [set(p.concepts.tolist()) for p in plans(config, count)]


def test_concepts_arrive_two_by_two_and_the_first_return() -> None:
    config = TeacherConfig(style="classroom", batch_events=64, phase_events=256, single_share=0.3)
    assert phases_of(config, 48) == [{2 * (b // 4 % 5), 2 * (b // 4 % 5) + 1} for b in range(48)]


def test_phases_begin_after_the_warm_up_and_the_last_one_may_be_smaller() -> None:
    config = TeacherConfig(warmup_events=256, batch_events=64, phase_events=64, phase_concepts=4)
    met = phases_of(config, 12)
    assert set().union(*met[:8]) == ALL
    assert [met[b] <= group for b, group in zip(range(8, 12), ({0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}, ALL), strict=True)]
    assert met[11] <= {0, 1, 2, 3}


def test_a_phase_in_which_nothing_can_be_taught_is_refused() -> None:
    config = TeacherConfig(phase_events=64, missing="audio:four,five")
    with pytest.raises(ConfigError, match="no concept of phase 4, 5 remains for audio"):
        curriculum_of(config)


@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
def test_a_share_of_the_sounds_is_of_another_concept(share: float) -> None:
    made = plans(TeacherConfig(style="classroom", wrong_pairs=share), 300)
    seen = np.concatenate([p.concepts_of("image") for p in made])
    heard = np.concatenate([p.concepts_of("audio") for p in made])
    assert (seen != heard).mean() == pytest.approx(share, abs=0.01)
    wrong = np.bincount(heard[seen != heard], minlength=10)
    assert wrong / wrong.sum() == pytest.approx(0.1, abs=0.025)
    # Drawn for each event, not for each lesson.
    wrong_in_lesson = (seen != heard).reshape(-1, 4).sum(1)
    mixed = ((wrong_in_lesson > 0) & (wrong_in_lesson < 4)).mean()
    assert mixed == pytest.approx(1 - share**4 - (1 - share) ** 4, abs=0.03)


def test_a_passer_by_speaks_the_concepts_of_the_phase() -> None:
    config = TeacherConfig(style="classroom", wrong_pairs=0.5, missing="image:9", imbalance=1.0)
    heard = np.concatenate([p.concepts_of("audio")[p.concepts != p.concepts_of("audio")] for p in plans(config, 100)])
    counts = np.bincount(heard, minlength=10)
    assert counts[9] > 0 and counts[1] > 2 * counts[9]
    for plan in plans(config.replace(phase_events=64, missing=""), 20):
        assert set(plan.concepts_of("audio").tolist()) == set(plan.concepts.tolist())
    with pytest.raises(ConfigError, match="no second concept of phase 0 is met by audio"):
        curriculum_of(config.replace(phase_events=64, phase_concepts=1, missing=""))


def test_wrong_pairs_leave_the_rest_of_the_stream_as_it_is() -> None:
    config = TeacherConfig(style="classroom", single_share=0.3)
    for plain, wrong in zip(plans(config, 50), plans(config.replace(wrong_pairs=0.3), 50), strict=True):
        assert plain.senses == wrong.senses
        assert (plain.concepts == wrong.concepts).all()
