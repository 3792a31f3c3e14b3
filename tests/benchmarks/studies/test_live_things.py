"""The judgement of pairs by their script."""

import cv2
import numpy as np

from benchmarks.harness.handheld import HandheldScene, rendered
from benchmarks.studies.live_things import ThingsScript, Views, _shown
from sensors.cutters.seeing.thing import crop


def test_a_stored_picture_shows_the_thing_from_whose_place_it_was_cut() -> None:
    rng = np.random.default_rng(0)
    things = [rendered("ball", rng), rendered("mug", rng)]
    scene = HandheldScene(things, 3, empty=0.0)
    script = ThingsScript(scene, [], things)
    views: dict[int, list[Views]] = {}
    for number, showing in enumerate(scene.showings):
        middle = (showing.held + showing.let) / 2
        picture, box = scene.picture(middle)
        assert box is not None
        left, top, width, height = (round(v) for v in box)
        far = (20, 20, 80, 80) if left > 200 else (460, 20, 80, 80)
        for place, seen in (((left, top, width, height), number), (far, None)):
            part = cv2.resize(crop(picture, place)[..., ::-1], (32, 32), interpolation=cv2.INTER_AREA)
            # It is found in its own showing, though the word was said in a neighbour's time.
            for at in (middle, (scene.showings[0].end + scene.showings[1].start) / 2):
                stored = np.asarray(part.transpose(2, 0, 1), np.uint8)
                assert _shown(script, at, stored, views) == seen
