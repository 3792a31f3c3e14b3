"""A camera that serves one picture at a time."""

import io
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from sensors.cameras.camera import Camera
from sensors.core.errors import SourceError
from sensors.sources.source import Change
from tests.patience import PATIENCE, wait_for
from tests.sensors.web_camera import Answer, Handler, WebCamera, body, locked


def picture(brightness: int, kind: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("L", (32, 24), brightness).save(data, kind)
    return data.getvalue()


@pytest.fixture
def web() -> Iterator[WebCamera]:
    made = WebCamera()
    yield made
    made.close()


def changing(pictures: list[bytes], kind: str = "image/jpeg") -> Answer:
    """One picture after the other; the last stays."""
    left = list(pictures)
    return lambda to: body(kind, left.pop(0) if len(left) > 1 else left[0])(to)


def brightnesses(camera: Camera, count: int) -> list[int]:
    return [round(float(camera.read().picture.mean())) for _ in range(count)]


def test_every_new_picture_is_given_once(web: WebCamera) -> None:
    # The first is asked for to see what is served, and again to be shown.
    shown = [picture(n) for n in (10, 10, 10, 50, 50, 90)]
    web.routes["/snapshot"] = changing(shown)
    changes: list[Change] = []
    camera = Camera(web.at("/snapshot"), fps=50, stall=0.3, timeout=PATIENCE)
    camera.observe(changes.append)
    with camera:
        assert brightnesses(camera, 3) == [10, 50, 90]
        asked = len(web.asked)
        # A picture that stays the same is no silence.
        began = time.monotonic()
        assert wait_for(lambda: len(web.asked) > asked + 5 and time.monotonic() - began > 0.6)
        assert camera.state == "live"
        assert camera.counts.given == 3
    assert [c.after for c in changes if c.after != "closed"] == ["connecting", "live"]


def test_it_is_asked_no_more_often_than_is_wanted(web: WebCamera) -> None:
    web.routes["/snapshot"] = body("image/png", picture(10, "PNG"))
    with Camera(web.at("/snapshot"), fps=10) as camera:
        assert wait_for(lambda: camera.counts.given)
        before, began = len(web.asked), time.monotonic()
        time.sleep(1.0)
        assert (len(web.asked) - before) / (time.monotonic() - began) <= 12


def test_an_etag_saves_sending_the_same_picture_again(web: WebCamera) -> None:
    sent: Counter[int] = Counter()
    tags = iter(["a", "a", "a", "b"] + ["b"] * 10_000)

    def answer(to: Handler) -> None:
        tag = next(tags)
        if to.headers.get("If-None-Match") == tag:
            sent[304] += 1
            to.send_response(304)
            to.end_headers()
        else:
            sent[200] += 1
            body("image/jpeg", picture(10 if tag == "a" else 90), ETag=tag)(to)

    web.routes["/snapshot"] = answer
    with Camera(web.at("/snapshot"), fps=50, timeout=PATIENCE) as camera:
        assert brightnesses(camera, 2) == [10, 90]
        assert wait_for(lambda: sent[304] > 5)
    # To see what is served, and once each.
    assert sent[200] == 3 and camera.counts.given == 2


def test_pictures_served_as_bytes_are_recognised(web: WebCamera) -> None:
    for kind in ("application/octet-stream", "text/plain"):
        web.routes["/snapshot"] = changing([picture(10), picture(10), picture(90)], kind)
        with Camera(web.at("/snapshot"), fps=50, timeout=PATIENCE) as camera:
            assert brightnesses(camera, 2) == [10, 90]


def test_a_damaged_picture_is_counted_and_passed_over(web: WebCamera) -> None:
    half = picture(50)[:-60]
    web.routes["/snapshot"] = changing([picture(10), picture(10), half, picture(90)])
    with Camera(web.at("/snapshot"), fps=50, timeout=PATIENCE) as camera:
        assert brightnesses(camera, 2) == [10, 90]
    assert camera.counts.dropped == {"damaged": 1}


def test_nothing_but_damaged_pictures_is_said(web: WebCamera) -> None:
    number = iter(range(10_000))
    web.routes["/snapshot"] = lambda to: body("image/svg+xml", b"<svg>%d</svg>" % next(number))(to)
    with pytest.raises(SourceError, match="gives a picture that is no picture that can be read"):
        Camera(web.at("/snapshot"), fps=50, stall=PATIENCE).connect(PATIENCE)


@pytest.mark.parametrize("tag", [{}, {"ETag": "same"}])
def test_a_damaged_picture_that_stays_the_same_is_said(web: WebCamera, tag: dict[str, str]) -> None:
    web.routes["/snapshot"] = body("image/jpeg", picture(50)[:-60], **tag)
    camera = Camera(web.at("/snapshot"), fps=50, stall=PATIENCE)
    with pytest.raises(SourceError, match="gives a picture that is damaged"):
        camera.connect(PATIENCE)
    assert camera.counts.dropped["damaged"] >= 3


def test_it_is_sought_again_when_it_is_gone(web: WebCamera) -> None:
    web.routes["/snapshot"] = locked("user", "pw", body("image/jpeg", picture(10)))
    camera = Camera(web.at("/snapshot", "user:pw@"), fps=50, timeout=PATIENCE)
    changes: list[Change] = []
    camera.observe(changes.append)
    with camera:
        assert brightnesses(camera, 1) == [10]
        del web.routes["/snapshot"]
        assert wait_for(lambda: camera.state == "stalled")
        web.routes["/snapshot"] = body("image/jpeg", picture(90))
        assert brightnesses(camera, 1) == [90]
    assert "has nothing at this path (404)" in next(c.reason for c in changes if c.after == "stalled")


def test_its_pictures_have_the_time_of_their_arrival_less_the_known_delay(web: WebCamera) -> None:
    rng = np.random.default_rng(0)
    web.routes["/snapshot"] = lambda to: body("image/png", picture(int(rng.integers(256)), "PNG"))(to)
    with Camera(web.at("/snapshot"), fps=50, delay=0.7, timeout=PATIENCE) as camera:
        late = min(-camera.read().time + time.monotonic() for _ in range(5))
    assert 0.7 <= late < 1.5
