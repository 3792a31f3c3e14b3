"""The bridge to Zenoh against a real router, which publishes as `rmw_zenoh` does, and the real receiver of robots."""

import socket
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("zenoh", reason="needs eclipse-zenoh: pip install -e '.[test]'")
pytest.importorskip("rosbags", reason="needs the extra ros: pip install -e '.[ros]'")

import zenoh

from benchmarks.harness.shown import drawing, show
from examples.zenoh_bridge import ZenohBridge, main, parse
from sensors.files.ros.definitions import known_types
from tests.patience import PATIENCE
from tests.sensors import robot_rigs as robots
from tests.sensors.speech import chunks, stream

HASH = "RIHS01_" + 64 * "0"


def publish(session: Any, topic: str, package: str, kind: str, *fields: Any, at: float) -> None:
    """Send a message as CDR, with the key of `rmw_zenoh`."""
    types = known_types()
    stamp = types.types["builtin_interfaces/msg/Time"](int(at), int(at % 1 * 1e9))
    message = types.types[f"{package}/msg/{kind}"](types.types["std_msgs/msg/Header"](stamp, ""), *fields)
    data = bytes(types.serialize_cdr(message, f"{package}/msg/{kind}"))
    session.put(f"0/{topic}/{package}::msg::dds_::{kind}_/{HASH}", data, attachment=bytes(33))


def perform(session: Any, seconds: float = 3.0) -> None:
    """A card is shown and a word is said meanwhile, in real time."""
    rng = np.random.default_rng(0)
    begin = time.time()
    session.put(f"0/camera/sensor_msgs::msg::dds_::Image_/{HASH}", b"no message")
    events: list[tuple[float, Any]] = [(chunk.end, chunk) for chunk in chunks(stream([(1.2, 0.6)], seconds, rng))]
    events += [(n / 10, n) for n in range(round(seconds * 10))]
    for at, what in sorted(events, key=lambda event: event[0]):
        time.sleep(max(begin + at - time.time(), 0))
        if isinstance(what, int):
            picture = show(drawing(1) if 5 <= what < 23 else None, rng)
            fields = (*picture.shape, "mono8", 0, picture.shape[1], picture.ravel())
            publish(session, "camera", "sensor_msgs", "Image", *fields, at=begin + at)
        else:
            pcm = np.clip(what.samples * 32767, -32768, 32767).astype("<i2")
            data = known_types().types["audio_common_msgs/msg/AudioData"](pcm.view(np.uint8))
            publish(session, "mic/audio", "audio_common_msgs", "AudioDataStamped", data, at=begin + what.start)


def test_it_perceives_in_topics_and_sends_to_the_host() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = zenoh.Config()
    config.insert_json5("mode", '"router"')
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("listen/endpoints", f'["tcp/127.0.0.1:{port}"]')
    found: list[Any] = []
    with zenoh.open(config) as session, robots.host() as host:

        def hear() -> None:
            received = host.run(0.02)
            found.extend(each.batch for each in received)
            host.acknowledge(received)

        options = ["--router", f"tcp/127.0.0.1:{port}", "--to", host.address, "--name", "kitchen"]
        bridge = ZenohBridge(parse([*options, "--image", "/camera", "--audio", "/mic/audio"]))
        actors = threading.Thread(target=perform, args=(session,))
        actors.start()
        while actors.is_alive():
            bridge.step()
            hear()
        stored: list[bool] = []
        closing = threading.Thread(target=lambda: stored.append(bridge.close()))
        closing.start()
        end = time.monotonic() + PATIENCE
        while closing.is_alive() and time.monotonic() < end:
            hear()
        closing.join()
    assert stored == [True]
    assert {batch.source for batch in found} == {"kitchen"}
    pairs = [batch for batch in found if batch.kind == "audio+image"]
    assert pairs and pairs[0].samples["image"].dtype == np.uint8
    assert all(abs(time.monotonic() - float(batch.end[-1])) < 60 for batch in found)


@pytest.mark.parametrize(
    ("given", "told"),
    [([], "nothing to perceive"), (["--audio", "/mic", "--audio-form", "S16LE"], "give form, rate and channels")],
)
def test_what_is_given_wrongly_is_told(given: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--router", "tcp/127.0.0.1:1", *given])
    assert caught.value.code == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize("router", ["tcp/127.0.0.1:9", "nonsense"])
def test_a_router_that_is_not_reached_is_told_in_two_lines(
    router: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["zenoh_bridge.py", "--router", router, "--image", "/camera"])
    with pytest.raises(SystemExit) as caught:
        main()
    told = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and len(told) == 2
    assert told[0].startswith(f"--router {router}: no Zenoh router is reached (") and "zenohd" in told[1]
