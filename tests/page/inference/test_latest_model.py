"""The page's newest weights: the codes of known samples are there before anybody asks."""

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from agent.networks.published import Networks
from page.inference import latest_model
from page.inference.codes import KnownSamples
from page.inference.inference_thread import InferenceThread
from page.inference.latest_model import LatestModel
from tests.agent.rigs import images
from tests.patience import PATIENCE


class Known:
    """Known samples: at first without names, from an exam on with them."""

    def __init__(self) -> None:
        self.names: Sequence[str] = ()
        self.asked = 0

    def __call__(self) -> tuple[Mapping[str, KnownSamples], Sequence[str]]:
        self.asked += 1
        concepts = np.arange(6)
        pictures = images(concepts, np.random.default_rng(0))
        labels = concepts if self.names else None
        return {"image": KnownSamples([f"image.{n}" for n in concepts], pictures, labels)}, self.names


@pytest.fixture
def thread() -> Iterator[InferenceThread]:
    made = InferenceThread()
    yield made
    made.close()


def made(model: LatestModel, known: Known, asked: int) -> None:
    """Wait until the codes were made so many times."""
    end = time.monotonic() + PATIENCE
    while known.asked < asked or model._encoding is not None:
        assert time.monotonic() < end
        model.update_codes()
        time.sleep(0.01)


def test_codes_and_then_named_ones_are_made_before_anybody_looks(
    thread: InferenceThread, known: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_model, "ENCODE_EVERY", 0.0)
    source = Known()
    model = LatestModel(thread, source)
    model.update_codes()
    assert source.asked == 0  # nothing is learned yet
    model.renew(known)
    made(model, source, 1)
    source.names = [str(n) for n in range(6)]
    model.forget_codes()
    made(model, source, 2)
    near, names = model.nearest("image", images(np.arange(6), np.random.default_rng(0))[3])
    assert near["image"][0].concept == 3 and names == source.names
    # From now on only for those who look.
    model.forget_codes()
    model.update_codes()
    assert source.asked == 2
    model.codes()
    made(model, source, 3)
