"""Which stream each sense is perceived in."""

from typing import Any, ClassVar

import pytest

from sensors.core.errors import ConfigError, SourceError
from sensors.files.choice import Channel, channels_of, read_topics
from sensors.files.contract import FileStream
from sensors.senses import Stream
from sensors.signals.readings import Chunk, Frame, Values

STREAMS = (
    FileStream("left", Frame, 30.0, "640 × 480"),
    FileStream("right", Frame, 30.0, "640 × 480"),
    FileStream("depth", Frame, 30.0, "640 × 480", refused="depth is no picture"),
    FileStream("speech", Chunk, 16_000.0, "mono"),
    FileStream("felt", Values, 100.0, "6 values"),
)


class Felt(Values):
    kind: ClassVar[str] = "felt"


def stream(reading: type[Any], *names: str) -> Stream:
    return Stream(reading, lambda config: [], lambda config: None, lambda percepts, config: [], names)  # type: ignore[arg-type, return-value]


def picked(channel: Channel) -> str | None:
    found = channel.pick(STREAMS)
    return None if found is None else found.name


def test_the_first_that_fits_is_played() -> None:
    assert picked(Channel("pictures", Frame)) == "left"
    assert picked(Channel("sound", Chunk)) == "speech"


def test_rows_of_values_are_taken_by_name_alone() -> None:
    assert picked(Channel("felt", Felt, ("felt",))) == "felt"
    assert picked(Channel("heat", Felt, ("heat",))) is None
    assert picked(Channel("heat", Felt, ("heat",), topic="felt")) == "felt"


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("up", "no stream 'up'; it holds left, right"),
        ("depth", "depth is no picture"),
        ("speech", "perceived in pictures"),
    ],
)
def test_a_stream_that_is_not_there_or_does_not_fit_is_told(topic: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        Channel("pictures", Frame, topic=topic).pick(STREAMS)


def test_senses_of_one_source_share_a_channel() -> None:
    wanted = {"audio": stream(Chunk), "image": stream(Frame), "lips": stream(Frame), "heat": stream(Frame, "thermal")}
    found = channels_of(wanted, {"lips": "right"})
    assert [(channel.name, channel.topic) for channel in found] == [
        ("sound", None),
        ("pictures", "right"),
        ("thermal", None),
    ]
    with pytest.raises(SourceError, match="image and lips are perceived in one source"):
        channels_of(wanted, {"lips": "right", "image": "left"})
    with pytest.raises(SourceError, match="does not perceive touch"):
        channels_of(wanted, {"touch": "felt"})


def test_topics_are_read() -> None:
    assert read_topics("image=/camera/left, audio=mic=1") == {"image": "/camera/left", "audio": "mic=1"}
    assert read_topics(None) == {} == read_topics("")
    for text in ("image", "=x", "image=", "image=a,image=b"):
        with pytest.raises(ConfigError, match="SENSE=STREAM"):
            read_topics(text)
