"""Perceives, for a run, in what robots publish over Zenoh as ROS 2's `rmw_zenoh` does; neither side needs ROS here.

    pip install 'reciprocal[ros]' eclipse-zenoh
    python examples/zenoh_bridge.py --router tcp/ROBOT:7447 --image /camera/image_raw --audio /audio/audio_stamped \
        --audio-form "S16LE 16000 1" --to tcp://HOST:5570

Utterances and views are cut out here and sent to the host, which runs `launch.py --sensors live --listen …`. Messages
are found by topic and type (`<domain>/<topic>/<type>/<hash>`) and decoded from CDR. The project's tests publish such
messages through a Zenoh session of their own; `rmw_zenoh` itself was not at hand.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import zenoh

from sensors.files.ros.definitions import known_types
from sensors.files.ros.makers import Pictures, Sounds
from sensors.files.ros.pictures import compressed_pixels, image_pixels
from sensors.files.ros.sounds import SoundForm
from sensors.perception.perception import Perception
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import PublisherConfig
from sensors.robots.robot import Robot
from sensors.robots.topic_source import TopicSource
from sensors.senses import sense
from sensors.sources.loop import LoopSource

PATIENCE = 10.0
"""Longest wait for the host at the end, seconds."""


class ZenohBridge:
    """Perceives in topics until it is closed.

    Args:
        options: as `parse` returns them.

    Raises:
        zenoh.ZError: no router answers at the address.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._types = known_types()
        config = zenoh.Config()
        config.insert_json5("mode", '"client"')
        config.insert_json5("connect/endpoints", json.dumps([options.router]))
        self._session = zenoh.open(config)
        self._subscribers: list[Any] = []
        sources = list(self._subscribe(options))
        generation = time.time_ns() // 1_000_000
        self._link = Publisher(
            PublisherConfig(to=options.to, keys=options.keys, journal=None), options.name, generation
        )
        self._robot = Robot(sources, Perception(options.name, generation), self._link)
        for missing, why in self._robot.start().items():
            print(f"{missing}: {why}")

    def step(self) -> bool:
        """Perceive what came; False: nothing will come any more."""
        return self._robot.step(0.02)

    def close(self) -> bool:
        """Wait for the host; whether all is stored there."""
        for subscriber in self._subscribers:
            subscriber.undeclare()
        self._session.close()  # type: ignore[no-untyped-call]
        return self._robot.close(PATIENCE)

    def _subscribe(self, options: argparse.Namespace) -> Iterator[LoopSource[Any]]:
        color = sense("image").stream.in_color()  # type: ignore[union-attr]
        kind, pixels = ("Image", image_pixels) if options.image else ("CompressedImage", compressed_pixels)
        if topic := options.image or options.compressed:
            source = TopicSource("camera", lambda report: Pictures(pixels, report, color))
            yield self._topic(source, options.domain, topic, "sensor_msgs", kind)
        if options.audio:
            form, rate, channels = options.audio_form.split()
            coded = SoundForm(int(rate), int(channels), form)
            source = TopicSource(
                "microphone", lambda report: Sounds(coded, lambda m: bytes(m.audio.data), report, arrival=False)
            )
            yield self._topic(source, options.domain, options.audio, "audio_common_msgs", "AudioDataStamped")

    def _topic(self, made: TopicSource, domain: int, topic: str, package: str, kind: str) -> LoopSource[Any]:
        def take(sample: zenoh.Sample) -> None:
            try:
                made.take(self._types.deserialize_cdr(sample.payload.to_bytes(), f"{package}/msg/{kind}"))
            except Exception:  # what a stranger sends may fail in any way in the decoder
                made.lose("unreadable")

        key = f"{domain}/{topic.strip('/')}/{package}::msg::dds_::{kind}_/*"
        self._subscribers.append(self._session.declare_subscriber(key, take))
        made.source.observe(lambda change: print(change))
        return made.source


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--router", required=True, help="address of the Zenoh router, as tcp/192.168.1.7:7447")
    parser.add_argument("--to", default="tcp://127.0.0.1:5570", help="address at which the run listens")
    parser.add_argument("--keys", help="this robot's folder of keys")
    parser.add_argument("--name", default="zenoh", help="this robot's name")
    parser.add_argument("--domain", type=int, default=0, help="ROS_DOMAIN_ID of the robots (default 0)")
    parser.add_argument("--image", help="topic of sensor_msgs/Image")
    parser.add_argument("--compressed", help="topic of sensor_msgs/CompressedImage")
    parser.add_argument("--audio", help="topic of audio_common_msgs/AudioDataStamped")
    parser.add_argument(
        "--audio-form", default="S16LE 16000 1", help="form, rate and channels of the sound (default S16LE 16000 1)"
    )
    options = parser.parse_args(arguments)
    if not (options.image or options.compressed or options.audio):
        parser.error("nothing to perceive; name a topic with --image, --compressed or --audio")
    form = options.audio_form.split()
    if len(form) != 3 or not (form[1].isdigit() and form[2].isdigit()):
        parser.error(f"--audio-form {options.audio_form!r}: give form, rate and channels, as 'S16LE 16000 1'")
    return options


def main() -> None:
    """Perceive until Ctrl-C."""
    options = parse()
    try:
        bridge = ZenohBridge(options)
    except zenoh.ZError as error:
        why = " ".join(str(error).partition(" at ")[0].split())[:200]
        print(
            f"--router {options.router}: no Zenoh router is reached ({why})\n"
            "start one there (rmw_zenohd, or zenohd), and give its address, as tcp/192.168.1.7:7447",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    with contextlib.suppress(KeyboardInterrupt):
        while bridge.step():
            pass
    if not bridge.close():
        print("not all events are stored: the host did not answer")


if __name__ == "__main__":
    main()
