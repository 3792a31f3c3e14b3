"""The registry of modalities."""

import numpy as np
import pytest

from sensors.core.errors import EventError
from sensors.core.modalities import Modality, kind_of, labelled, modality, register


def test_kind_is_in_registry_order() -> None:
    assert kind_of(["image", "audio"]) == "audio+image"
    assert kind_of({"lips": 0, "speech": 0}) == "speech+lips"


def test_bytes_of_a_sample() -> None:
    assert modality("audio").nbytes == 96 * 96
    assert modality("speech").nbytes == 24 * 26 * 4


def test_unknown_names_are_refused() -> None:
    with pytest.raises(EventError, match="'smell'; registered: audio"):
        modality("smell")
    with pytest.raises(EventError, match="at least one"):
        kind_of([])


@pytest.mark.parametrize("name", ["audio", "Audio", "a+b", "a/b", ""])
def test_malformed_and_taken_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="modality"):
        register(Modality(name, (1,), np.dtype(np.uint8), "", 1.0))


def test_a_malformed_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="layout 'a heap': use a lower-case identifier"):
        register(Modality("smell", (1,), np.dtype(np.uint8), "", 1.0, "a heap"))


def test_a_letter_comes_last_and_makes_a_kind_labelled() -> None:
    assert kind_of(["letter", "lips", "speech"]) == "speech+lips+letter"
    assert modality("letter").dtype == np.uint16 and modality("letter").nbytes == 2
    assert labelled("speech+letter") and labelled("speech+lips+letter")
    assert not any(labelled(kind) for kind in ("speech", "speech+lips", "audio+image", "audio+image+audio_far"))
    with pytest.raises(EventError, match="'smell'"):
        labelled("speech+smell")
