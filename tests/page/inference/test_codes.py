"""Which known samples are nearest to a question, and to what it evokes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.networks.published import Networks, to_network
from page.inference.codes import NEAREST, Codes, KnownSamples, encoding
from tests.agent.rigs import clips, images

CONCEPTS = np.arange(30) % 10


def encoded(networks: Networks, **samples: NDArray[Any]) -> Codes:
    known = {
        sense: KnownSamples([f"{sense}.{row}" for row in range(len(rows))], rows, CONCEPTS[: len(rows)])
        for sense, rows in samples.items()
    }
    work = encoding(networks, known, [str(n) for n in range(10)])
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: Codes = end.value
            return found


def test_those_of_its_own_sense_are_near_to_it_and_others_to_what_it_evokes(known: Networks) -> None:
    rng = np.random.default_rng(0)
    pictures, sounds = images(CONCEPTS, rng), clips(CONCEPTS, rng)
    codes = encoded(known, image=pictures, audio=sounds)
    found = codes.nearest("image", pictures[7])
    assert set(found) == {"image", "audio"} and len(found["audio"]) == NEAREST
    assert found["image"][0].id == "image.7" and found["image"][0].distance < 0.02
    # The slow way: the translated code against the code of each sound.
    with torch.inference_mode():
        evoked = known.translate(known.encode(to_network(pictures[7:8], "image"), "image"), "image", "audio")
        distances = torch.cdist(evoked, known.encode(to_network(sounds, "audio"), "audio"))[0]
    assert [near.id for near in found["audio"]] == [f"audio.{row}" for row in distances.argsort()[:NEAREST].tolist()]
    assert [near.concept for near in found["audio"]] == CONCEPTS[distances.argsort()[:NEAREST]].tolist()


def test_a_sense_without_known_samples_has_none_near(known: Networks) -> None:
    rng = np.random.default_rng(0)
    codes = encoded(known, image=images(CONCEPTS[:3], rng))
    assert set(codes.nearest("image", images(CONCEPTS[:1], rng)[0])) == {"image"}
    assert codes.nearest("audio", clips(CONCEPTS[:1], rng)[0]) == {}
