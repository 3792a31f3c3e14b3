"""Which events are drawn."""

import numpy as np
import pytest
from scipy import stats

from replay.selectors import SlotView, group_size, lesson, make_selector, recency_mixed, uniform
from sensors.core.errors import ConfigError, StorageError
from sensors.core.event import NO_LESSON


def view_of(lessons: list[int], empty: int = 0) -> SlotView:
    """Slots whose serial runs backwards, so that no order comes right by chance; the last ones empty."""
    count = len(lessons)
    serial = np.concatenate([np.arange(count, 0, -1), np.zeros(empty, np.int64)])
    return SlotView(
        version=np.zeros(count + empty, np.uint64),
        serial=serial,
        lesson=np.array(lessons + [0] * empty, np.int64),
        slots=np.arange(count),
    )


def test_uniform_passes_a_chi_square_test() -> None:
    drawn = uniform(view_of([0] * 1_000, empty=50), 200_000, np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=1_050)
    assert counts[1_000:].sum() == 0
    assert stats.chisquare(counts[:1_000]).pvalue > 1e-3


def test_lesson_draws_whole_groups_of_different_views() -> None:
    view = view_of([n // 12 for n in range(240)])
    rng = np.random.default_rng(1)
    for _ in range(50):
        slots = lesson(view, 64, rng, views=8).reshape(8, 8)
        groups = view.lesson[slots]
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0].tolist())) == 8
        assert all(len(set(row)) == 8 for row in slots.tolist())


def test_lessons_weigh_the_same_whatever_their_size() -> None:
    view = view_of([0] * 500 + [1] * 5 + [NO_LESSON] * 100)
    rng = np.random.default_rng(2)
    drawn = np.concatenate([lesson(view, 8, rng, views=8) for _ in range(1_000)])
    assert (view.lesson[drawn] == 0).mean() == pytest.approx(0.5, abs=0.05)
    assert not (view.lesson[drawn] == NO_LESSON).any()
    assert set(drawn[view.lesson[drawn] == 1].tolist()) == set(range(500, 505))


def test_lesson_refuses_what_it_cannot_do() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="views=8"):
        lesson(view_of([1] * 20), 12, rng)
    with pytest.raises(StorageError, match="lesson"):
        lesson(view_of([NO_LESSON] * 20), 16, rng)


def test_recency_mixed_draws_half_from_the_newest() -> None:
    view = view_of([0] * 1_000)
    drawn = recency_mixed(view, 20_000, np.random.default_rng(3), newest=0.05)
    assert (view.serial[drawn] > 950).mean() == pytest.approx(0.525, abs=0.02)
    with pytest.raises(ConfigError, match="newest"):
        recency_mixed(view, 8, np.random.default_rng(3), newest=0.0)
    assert recency_mixed(view_of([0]), 7, np.random.default_rng(3)).tolist() == [0] * 7


def test_selectors_are_functions_of_their_seed() -> None:
    view = view_of([n // 10 for n in range(300)])
    for name in ("uniform", "lesson", "recency_mixed"):
        select = make_selector(name)
        first, again = (select(view, 64, np.random.default_rng(9)).tolist() for _ in range(2))
        assert first == again
        assert first != select(view, 64, np.random.default_rng(10)).tolist()


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="uniform, lesson, recency_mixed"):
        make_selector("newest")
    with pytest.raises(ConfigError, match="views"):
        make_selector("uniform", views=3)
    assert group_size("lesson", views=4) == 4
    assert group_size("uniform") == 1
