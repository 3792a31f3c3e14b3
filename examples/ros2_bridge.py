"""A ROS 2 node that perceives in topics for a run, as a robot does, and publishes what the run evokes.

    source /opt/ros/jazzy/setup.bash
    python examples/ros2_bridge.py --ros-args -p to:=tcp://HOST:5570 -p image:=/camera/color/image_raw \
        -p audio:=/audio/audio_stamped -p audio_info:=/audio/audio_info -p page:=http://127.0.0.1:8270

Utterances and views are cut out here and sent to the host, which runs `launch.py --sensors live --listen …`. With
`page`, the run's interface over HTTP is asked what each of them evokes: a sound for a view, published as
`~/evoked_audio`, and a picture for an utterance, published as `~/evoked_image`. Where no `AudioInfo` comes,
`-p audio_form:="S16LE 16000 1"` says how sound is coded: the form, the rate and the channels.

It needs rclpy, which comes with ROS 2 alone. The project's tests run it against a stand-in that has rclpy's interface,
not against ROS 2 itself.
"""

import array
import io
import queue
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import rclpy
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from sensors.core.event import EventBatch
from sensors.files.ros.makers import Maker, Pictures, Sounds
from sensors.files.ros.pictures import compressed_pixels, image_pixels
from sensors.files.ros.sounds import SoundForm, form_of_info
from sensors.perception.perception import Perception
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import PublisherConfig
from sensors.robots.robot import Robot
from sensors.robots.topic_source import TopicSource
from sensors.senses import sense
from sensors.sources.loop import LoopSource

QUESTIONS = 4
"""Samples that wait to be asked about; beyond, the oldest is not asked about."""
PATIENCE = 10.0
"""Longest wait for the run's answer, and at the end for the host, seconds."""


class Asking(Publisher):
    """Sends batches to the host, and keeps their samples for `Answers`."""

    asked: "queue.Queue[tuple[str, np.ndarray[Any, Any]]] | None" = None

    def publish(self, batch: EventBatch) -> None:
        """Send a batch; see `Publisher.publish`."""
        super().publish(batch)
        for name, samples in batch.samples.items() if self.asked is not None else ():
            while self.asked is not None:
                try:
                    self.asked.put_nowait((name, samples[-1]))
                    break
                except queue.Full:
                    with suppress(queue.Empty):
                        self.asked.get_nowait()


class Bridge(Node):  # type: ignore[misc]
    """The node; `spin` runs it until ROS ends it."""

    def __init__(self) -> None:
        super().__init__("reciprocal_bridge")
        defaults = {"to": "tcp://127.0.0.1:5570", "keys": "", "page": "", "token": "", "name": "ros"}
        topics = {"image": "", "compressed": "", "audio": "", "audio_info": "", "audio_form": ""}
        given = {name: self._parameter(name, value) for name, value in (defaults | topics).items()}
        self._page, self._token = given["page"].rstrip("/"), given["token"]
        self._form: SoundForm | None = None
        if given["audio_form"]:
            form, rate, channels = given["audio_form"].split()
            self._form = SoundForm(int(rate), int(channels), form)
        sources = list(self._subscribe(given))
        generation = time.time_ns() // 1_000_000
        config = PublisherConfig(to=given["to"], keys=given["keys"] or None, journal=None)
        self._link = Asking(config, given["name"], generation)
        self._link.asked = queue.Queue(QUESTIONS) if self._page else None
        self._robot = Robot(sources, Perception(given["name"], generation), self._link)
        self._ended = threading.Event()
        self._image = self.create_publisher(Image, "~/evoked_image", 10)
        self._audio = self.create_publisher(AudioDataStamped, "~/evoked_audio", 10)
        self._audio_info = self.create_publisher(AudioInfo, "~/evoked_audio_info", 10)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._perceive, self._answer)]
        for thread in self._threads:
            thread.start()

    def close(self) -> bool:
        """Perceive what came, and wait for the host; whether all is stored there."""
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self._robot.close(PATIENCE)

    @property
    def counts(self) -> dict[str, int]:
        """What became of the events; see `Publisher.counts`."""
        return self._link.counts

    def _parameter(self, name: str, default: str) -> str:
        return str(self.declare_parameter(name, default).value)

    def _subscribe(self, given: dict[str, str]) -> Iterator[LoopSource[Any]]:
        color = sense("image").stream.in_color()  # type: ignore[union-attr]
        kind, pixels = (Image, image_pixels) if given["image"] else (CompressedImage, compressed_pixels)
        if topic := given["image"] or given["compressed"]:
            yield self._topic("camera", kind, topic, lambda report: Pictures(pixels, report, color))
        if given["audio"]:
            self.create_subscription(AudioInfo, given["audio_info"] or f"{given['audio']}_info", self._inform, 10)
            yield self._topic("microphone", AudioDataStamped, given["audio"], self._sounds)

    def _topic(self, name: str, kind: Any, topic: str, maker: Callable[[TopicSource], Maker | None]) -> LoopSource[Any]:
        made = TopicSource(name, maker)
        self.create_subscription(kind, topic, made.take, qos_profile_sensor_data)
        made.source.observe(lambda change: self.get_logger().info(str(change)))
        return made.source

    def _inform(self, info: Any) -> None:
        form = form_of_info(info)
        if form.refused:
            self.get_logger().error(f"sound: {form.refused}")
        else:
            self._form = form

    def _sounds(self, topic: TopicSource) -> Maker | None:
        if self._form is None:
            return None
        return Sounds(self._form, lambda message: bytes(message.audio.data), topic, arrival=False)

    def _perceive(self) -> None:
        for missing, why in self._robot.start().items():
            self.get_logger().warning(f"{missing}: {why}")
        while not self._ended.is_set() and self._robot.step(0.02):
            pass

    def _answer(self) -> None:
        """Ask what perceived samples evoke, the newest ones where there are too many, and publish it."""
        while not self._ended.is_set() and self._link.asked is not None:
            try:
                name, sample = self._link.asked.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                if name == "image":
                    self._publish_sound(self._evoked(name, sample, "audio", "wav"))
                elif name == "audio":
                    self._publish_picture(self._evoked(name, sample, "image", "png"))
            except urllib.error.HTTPError as error:
                self.get_logger().info(f"nothing is evoked: {error.headers.get('X-Why') or error}")
            except (OSError, ValueError) as error:
                self.get_logger().warning(f"{self._page}: {error}")

    def _evoked(self, name: str, sample: "np.ndarray[Any, Any]", target: str, form: str) -> bytes:
        body = io.BytesIO()
        np.save(body, sample)
        headers = {"Content-Type": "application/x-npy"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        address = f"{self._page}/v1/evoke?sense={name}&target={target}&as={form}&keep=0"
        with urllib.request.urlopen(
            urllib.request.Request(address, body.getvalue(), headers), timeout=PATIENCE
        ) as answer:
            return bytes(answer.read())

    def _publish_sound(self, data: bytes) -> None:
        with wave.open(io.BytesIO(data)) as file:
            rate, channels = file.getframerate(), file.getnchannels()
            sound = file.readframes(file.getnframes())
        info = AudioInfo(channels=channels, sample_rate=rate, sample_format="S16LE", coding_format="wave")
        self._audio_info.publish(info)
        message = AudioDataStamped(audio=AudioData(data=array.array("B", sound)))
        message.header.stamp = self.get_clock().now().to_msg()
        self._audio.publish(message)

    def _publish_picture(self, data: bytes) -> None:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise ValueError("what is evoked is no picture")
        height, width = picture.shape[:2]
        message = Image(
            height=height, width=width, encoding="bgr8", step=3 * width, data=array.array("B", picture.tobytes())
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._image.publish(message)


def main() -> None:
    """Run the node until ROS or Ctrl-C ends it."""
    rclpy.init()
    bridge = Bridge()
    try:
        rclpy.spin(bridge)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if not bridge.close():
            print("not all events are stored: the host did not answer")
        bridge.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
