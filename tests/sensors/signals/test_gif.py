"""Whether a GIF is all there."""

import io

import numpy as np
from PIL import Image

from sensors.signals.gif import is_cut_off


def test_every_cut_is_seen_and_what_follows_the_end_is_not_its_own() -> None:
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8)) for _ in range(3)]
    data = io.BytesIO()
    pages[0].save(data, "GIF", save_all=True, append_images=pages[1:], duration=10)
    whole = data.getvalue()
    assert all(is_cut_off(whole[:size]) for size in range(len(whole)))
    assert not is_cut_off(whole)
    assert not is_cut_off(whole + b"more")
