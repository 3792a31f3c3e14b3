import numpy as np

from benchmarks.harness.handheld import FPS, HEIGHT, RENDERED, WIDTH, HandheldScene, overlap, rendered


def test_boxes_overlap_by_what_they_share() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == 50 / 150
    assert overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0.0


def test_the_thing_is_where_the_truth_says() -> None:
    rng = np.random.default_rng(1)
    scene = HandheldScene([rendered(name, rng) for name in RENDERED], seed=1, empty=0.0, light=0.0, noise=0.0)
    empty = scene.picture(0.5)[0].astype(int)
    for showing in scene.showings:
        picture, box = scene.picture((showing.held + showing.let) / 2)
        assert box is not None and picture.shape == (HEIGHT, WIDTH, 3)
        left, top, width, height = (round(v) for v in box)
        # Above the thing, on the side that no arm comes from, there is nothing new.
        changed = np.abs(picture.astype(int) - empty).max(axis=2) > 6
        assert changed[top : top + height, left : left + width].mean() > 0.25
        if showing.side == 0:
            assert not changed[: top - 4].any()


def test_a_scene_is_the_same_each_time_it_is_seen() -> None:
    scenes = [HandheldScene([rendered("mug", np.random.default_rng(0))], seed=3) for _ in range(2)]
    for at in np.arange(0, scenes[0].seconds, 12 / FPS):
        one, other = (scene.picture(float(at)) for scene in scenes)
        assert np.array_equal(one[0], other[0]) and one[1] == other[1]
        assert (one[1] is not None) <= (scenes[0].at(float(at)) is not None)
