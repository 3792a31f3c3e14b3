"""What each topic of a bag is to the senses: pictures, sound, rows of values, or nothing that is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sensors.files.contract import FileStream, Report
from sensors.files.ros import pictures, rows, sounds
from sensors.files.ros.bag import Bag, BagMessage, Silent, Topic
from sensors.files.ros.makers import ExactSound, Maker, Pictures, Sounds
from sensors.files.ros.sounds import SoundForm
from sensors.files.ros.stamps import unusable
from sensors.signals.readings import Chunk, Frame, Values

INFO = "audio_common_msgs/msg/AudioInfo"
_PCM = {1: "F32LE", 2: "S32LE", 8: "S16LE", 16: "S8", 32: "U8"}  # PortAudio's numbers of sample formats


@dataclass(frozen=True)
class BagStream:
    """A stream of a bag, and how it is played.

    Attributes:
        stream: as it is listed.
        topic: that it is made of.
        stamped: the messages' own stamps say when they were measured.
        untimed: why not; empty where they do.
        make: makes what plays it, given the report and whether pictures are wanted in colour.
    """

    stream: FileStream
    topic: Topic
    stamped: bool
    untimed: str
    make: Callable[[Report, bool], Maker]


def entries_of(bag: Bag) -> list[BagStream]:
    """The streams of a bag, those that are refused among them."""
    return [entry for topic in bag.topics if not topic.copy for entry in _entries(bag, topic)]


def first_of(bag: Bag, topic: str) -> BagMessage | None:
    """The first message of a topic that can be read."""
    messages = bag.messages(topic, Silent())
    try:
        return next(messages, None)
    finally:
        messages.close()


def _entries(bag: Bag, topic: Topic) -> Iterator[BagStream]:
    kind = _KINDS.get(topic.type)
    if kind is None:
        why = "describes the sound of another topic" if topic.type == INFO else "no sense is perceived in such messages"
        yield _refused(topic, Values, why)
        return
    first = first_of(bag, topic.name)
    if first is None:
        yield _refused(topic, kind.reading, "it has no message that can be read")
        return
    untimed = unusable(first)
    for name, about, rate, refused, make in kind.describe(bag, topic, first.content, bool(untimed)):
        stream = FileStream(
            name, kind.reading, rate, f"{topic.type} {about}".rstrip(), topic.count, refused, topic.kind
        )
        yield BagStream(stream, topic, not untimed, untimed, make)


def _refused(topic: Topic, reading: type[Chunk] | type[Frame] | type[Values], why: str) -> BagStream:
    stream = FileStream(topic.name, reading, topic.rate, topic.type, topic.count, why)
    return BagStream(stream, topic, False, "", _never)


def _never(report: Report, color: bool) -> Maker:
    raise ValueError("a stream that is refused is not played")


Described = tuple[str, str, float | None, str, Callable[[Report, bool], Maker]]
"""Name, words for people, rate, why it is refused, what makes its maker."""


@dataclass(frozen=True)
class _Kind:
    """Messages of one type.

    Attributes:
        reading: class of what they become.
        describe: the streams of a topic, given its bag, the topic, its first message, and whether its times are those
            of recording.
    """

    reading: type[Chunk] | type[Frame] | type[Values]
    describe: Callable[[Bag, Topic, Any, bool], Iterator[Described]]


def _image(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    about, refused = pictures.image_about(message), pictures.image_refused(message)
    yield topic.name, about, topic.rate, refused, lambda report, color: Pictures(pictures.image_pixels, report, color)


def _compressed(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    about, refused = pictures.compressed_about(message), pictures.compressed_refused(message)
    make = lambda report, color: Pictures(pictures.compressed_pixels, report, color)  # noqa: E731
    yield topic.name, about, topic.rate, refused, make


def _audio_data(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    yield _audio(bag, topic, message, lambda content: content, arrival)


def _audio_stamped(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    yield _audio(bag, topic, message, lambda content: content.audio, arrival)


def _audio(bag: Bag, topic: Topic, message: Any, part: Callable[[Any], Any], arrival: bool) -> Described:
    if not hasattr(part(message), "data"):
        return topic.name, "", None, "its package audio_common_msgs is another one than ROS's own", _never
    info = _info(bag, topic.name)
    if info is None:
        why = f"no topic of type {INFO} says its rate and form; record the topic audio_info, too"
        return topic.name, "", None, why, _never
    form = sounds.form_of_info(info)
    if topic.exact:
        return topic.name, str(form), form.rate, form.refused, lambda report, color: ExactSound()
    return _sound(topic, form, lambda content: part(content).data.tobytes(), arrival)


def _raw_audio(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    yield _sound(topic, sounds.form_of_raw_audio(message), lambda content: content.data.tobytes(), arrival)


def _portaudio(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    """Of the other package of that name, whose messages say their own form, with PortAudio's numbers."""
    info = message.audio.info
    form = SoundForm(int(info.rate), int(info.channels), _PCM.get(int(info.format), f"PortAudio's {info.format}"))
    field = {"F32LE": "float32", "S32LE": "int32", "S16LE": "int16", "S8": "int8", "U8": "uint8"}.get(form.format, "")
    yield _sound(topic, form, lambda content: getattr(content.audio.audio_data, f"{field}_data").tobytes(), arrival)


def _sound(topic: Topic, form: SoundForm, data: Callable[[Any], bytes], arrival: bool) -> Described:
    return topic.name, str(form), form.rate, form.refused, lambda report, color: Sounds(form, data, report, arrival)


def _info(bag: Bag, topic: str) -> Any:
    """What the nearest topic of `AudioInfo` says; None: there is none."""

    def shared(name: str) -> int:
        pairs = zip(name.split("/"), topic.split("/"), strict=False)
        return next((n for n, (a, b) in enumerate(pairs) if a != b), len(topic))

    for name in sorted((each.name for each in bag.topics if each.type == INFO), key=shared, reverse=True):
        if (first := first_of(bag, name)) is not None:
            return first.content
    return None


def _joints(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    fields = rows.joint_fields(message)
    if not fields:
        yield (
            topic.name,
            "",
            topic.rate,
            "its first message holds no position, velocity or effort of its joints",
            _never,
        )
    for field in fields:
        # The topic's own name stands for its positions, or for what it has in their place.
        name = topic.name if field == fields[0] else f"{topic.name}.{field}"
        about = f"{field} of {len(message.name)} joints"
        yield name, about, topic.rate, "", lambda report, color, field=field: rows.RowsDecoder(report, field)  # type: ignore[misc]


def _array(bag: Bag, topic: Topic, message: Any, arrival: bool) -> Iterator[Described]:
    about = f"of {len(message.data)}"
    yield topic.name, about, topic.rate, "", lambda report, color: rows.RowsDecoder(report, None)


_KINDS = {
    "sensor_msgs/msg/Image": _Kind(Frame, _image),
    "sensor_msgs/msg/CompressedImage": _Kind(Frame, _compressed),
    "foxglove_msgs/msg/CompressedImage": _Kind(Frame, _compressed),
    "audio_common_msgs/msg/AudioData": _Kind(Chunk, _audio_data),
    "audio_common_msgs/msg/AudioDataStamped": _Kind(Chunk, _audio_stamped),
    "audio_common_msgs/msg/AudioStamped": _Kind(Chunk, _portaudio),
    "foxglove_msgs/msg/RawAudio": _Kind(Chunk, _raw_audio),
    "sensor_msgs/msg/JointState": _Kind(Values, _joints),
    **{name: _Kind(Values, _array) for name in rows.ARRAYS},
}
"""The types of messages that are read."""
