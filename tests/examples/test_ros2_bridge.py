"""The bridge to ROS 2 against a stand-in for rclpy, the real receiver of robots and a page that answers."""

import array
import http.server
import importlib.util
import io
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.harness.job import ROOT
from benchmarks.harness.shown import drawing, show
from tests.examples import rclpy_stand_in as ros
from tests.patience import PATIENCE
from tests.sensors import robot_rigs as robots
from tests.sensors.speech import chunks, stream

EVOKED = (np.sin(np.arange(1600) * 0.3) * 9000).astype("<i2")


@pytest.fixture
def page() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A run's interface over HTTP that evokes a known sound and a known picture; what it was asked."""
    asked: list[tuple[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, np.load(io.BytesIO(body))))
            if "as=wav" in self.path:
                file = io.BytesIO()
                with wave.open(file, "wb") as sound:
                    sound.setnchannels(1)
                    sound.setsampwidth(2)
                    sound.setframerate(16_000)
                    sound.writeframes(EVOKED.tobytes())
                data = file.getvalue()
            else:
                data = cv2.imencode(".png", np.full((8, 12, 3), (1, 2, 3), np.uint8))[1].tobytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bridge_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[ros.Graph], Any]:
    def load(graph: ros.Graph) -> Any:
        ros.install(monkeypatch, graph)
        spec = importlib.util.spec_from_file_location("ros2_bridge_in_test", ROOT / "examples" / "ros2_bridge.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


def octets(data: bytes) -> "array.array[int]":
    return array.array("B", data)


def perform(graph: ros.Graph, seconds: float = 3.0, inform: bool = True) -> None:
    """A card is shown and a word is said meanwhile, as messages in real time."""
    rng = np.random.default_rng(0)
    begin = time.time()
    if inform:
        graph.publish("/mic/audio_info", ros.AudioInfo(channels=1, sample_rate=16_000, sample_format="S16LE"))
    events: list[tuple[float, Any]] = [
        (chunk.end, chunk) for chunk in chunks(stream([(1.2, 0.6)], seconds, rng), start=0.0)
    ]
    events += [(n / 10, n) for n in range(round(seconds * 10))]
    for at, what in sorted(events, key=lambda event: event[0]):
        time.sleep(max(begin + at - time.time(), 0))
        if isinstance(what, int):
            picture = show(drawing(1) if 5 <= what < 23 else None, rng)
            height, width = picture.shape
            header = ros.Header(stamp=ros.stamp(round((begin + at) * 1e9)))
            graph.publish(
                "/camera",
                ros.Image(
                    header=header,
                    height=height,
                    width=width,
                    encoding="mono8",
                    step=width,
                    data=octets(picture.tobytes()),
                ),
            )
        else:
            header = ros.Header(stamp=ros.stamp(round((begin + what.start) * 1e9)))
            pcm = np.clip(what.samples * 32767, -32768, 32767).astype("<i2").tobytes()
            graph.publish("/mic/audio", ros.AudioDataStamped(header=header, audio=ros.AudioData(data=octets(pcm))))


def test_it_perceives_in_topics_sends_to_the_host_and_publishes_what_is_evoked(
    bridge_module: Callable[[ros.Graph], Any], page: tuple[str, list[tuple[str, Any]]]
) -> None:
    address, asked = page
    with robots.host() as host:
        graph = ros.Graph(
            to=host.address,
            image="/camera",
            audio="/mic/audio",
            audio_info="/mic/audio_info",
            page=address,
            name="kitchen",
        )
        bridge = bridge_module(graph).Bridge()
        actors = threading.Thread(target=perform, args=(graph,))
        actors.start()
        found: list[Any] = []

        def hear() -> None:
            received = host.run(0.02)
            found.extend(received)
            host.acknowledge(received)

        while actors.is_alive():
            hear()
        closing = threading.Thread(target=lambda: found.append(bridge.close()))
        closing.start()
        end = time.monotonic() + PATIENCE
        while closing.is_alive() and time.monotonic() < end:
            hear()
        closing.join()
    batches = [received.batch for received in found if not isinstance(received, bool)]
    assert True in found, "not all was stored"
    assert {batch.source for batch in batches} == {"kitchen"}
    pairs = [batch for batch in batches if batch.kind == "audio+image"]
    assert pairs and pairs[0].samples["image"].dtype == np.uint8
    # Stamps of ROS became this machine's monotonic seconds.
    assert all(abs(time.monotonic() - float(batch.end[-1])) < 60 for batch in batches)
    published = dict(graph.published)
    sound, picture = published["/reciprocal_bridge/evoked_audio"], published["/reciprocal_bridge/evoked_image"]
    assert sound.audio.data.tobytes() == EVOKED.tobytes() and sound.header.stamp.sec > 0
    assert published["/reciprocal_bridge/evoked_audio_info"].sample_rate == 16_000
    assert (picture.height, picture.width, picture.encoding) == (8, 12, "bgr8")
    assert picture.data.tobytes() == np.full((8, 12, 3), (1, 2, 3), np.uint8).tobytes()
    questions = {path.partition("?")[2].partition("&as")[0]: sample.shape for path, sample in asked}
    assert set(questions) == {"sense=image&target=audio", "sense=audio&target=image"}


def test_the_page_says_that_it_was_tried_against_a_stand_in() -> None:
    for text in ((ROOT / "examples" / "ros2_bridge.py").read_text(), (ROOT / "docs" / "howto" / "ros.md").read_text()):
        assert "stand-in" in text
