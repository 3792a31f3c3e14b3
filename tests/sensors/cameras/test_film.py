"""Films that are whole, cut off, damaged in the middle, and broken off on their way here."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.cameras.camera import Camera
from sensors.cameras.film import Film, FilmPosition
from sensors.cameras.film_containers import is_cut_off
from sensors.core.errors import SourceError
from sensors.sources.source import Change
from tests.patience import PATIENCE
from tests.sensors.cameras.test_sequence import play
from tests.sensors.web_camera import WebCamera, body, broken, silent, status

CODECS = {"avi": "MJPG", "mp4": "mp4v", "mkv": "MJPG", "webm": "VP80"}


def film(path: Path, count: int = 40, rate: float = 50.0) -> Path:
    """A film whose picture n is dark but for a bright column at 3 n."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODECS[path.suffix[1:]]), rate, (128, 96))
    for n in range(count):
        picture = np.full((96, 128, 3), 20, np.uint8)
        picture[:, 3 * n : 3 * n + 3] = 230
        writer.write(picture)
    writer.release()
    return path


def numbers(frames: list[NDArray[np.uint8]]) -> list[int]:
    return [round((float(np.argmax(picture.mean(axis=0))) - 1) / 3) for picture in frames]


@pytest.fixture
def web() -> Iterator[WebCamera]:
    made = WebCamera()
    yield made
    made.close()


@pytest.mark.parametrize("kind", CODECS)
def test_a_whole_film_is_played_once_and_nothing_is_said_to_be_lost(tmp_path: Path, kind: str) -> None:
    frames, lost, reason = play(str(film(tmp_path / f"film.{kind}")))
    assert numbers([f.picture for f in frames]) == list(range(40))
    assert reason == "at its end" and not lost
    assert np.diff([f.time for f in frames]) == pytest.approx(0.02, abs=1e-3)
    assert is_cut_off(tmp_path / f"film.{kind}") is False


@pytest.mark.parametrize("kind", ["avi", "mkv", "webm"])
def test_a_film_that_is_cut_off_says_so_and_how_much_is_missing(tmp_path: Path, kind: str) -> None:
    path = film(tmp_path / f"film.{kind}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert is_cut_off(path)
    frames, lost, reason = play(str(path))
    given = len(frames)
    assert 0 < given < 30 and lost["missing"] == pytest.approx(40 - given, abs=1)
    assert reason.startswith(f"ended after {given} of about 40 pictures") and reason.endswith("the file is cut off")


def test_a_film_whose_index_was_cut_off_is_named_so(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match="is cut off, and what tells how it is played is missing"):
        Camera(str(path)).connect(PATIENCE)


def test_damage_in_the_middle_is_passed_over_counted_and_what_follows_is_played(tmp_path: Path) -> None:
    path = film(tmp_path / "film.avi")
    data = bytearray(path.read_bytes())
    first = len(data) // 2
    data[first : first + 600] = bytes(600)
    path.write_bytes(data)
    frames, lost, reason = play(str(path))
    found = numbers([f.picture for f in frames])
    assert found[-1] == 39 and 30 < len(found) < 40
    assert lost == {"damaged": 40 - len(found)}
    assert reason == f"at its end: {len(found)} of about 40 pictures, {40 - len(found)} damaged"
    # What follows keeps its moment.
    assert frames[-1].time - frames[0].time == pytest.approx(39 * 0.02, abs=0.03)


def test_a_percent_sign_in_a_films_name_is_a_part_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "50% off"
    folder.mkdir()
    for name in ("film_%03d.avi", "100%.avi"):
        assert len(play(str(film(folder / name, 5)))[0]) == 5
    assert len(play(f"file://{folder}/100%.avi")[0]) == 5


@pytest.mark.parametrize("kind", ["avi", "mp4", "webm"])
def test_a_film_of_the_network_is_played_once_at_its_own_pace(web: WebCamera, tmp_path: Path, kind: str) -> None:
    data = film(tmp_path / f"film.{kind}").read_bytes()
    # Neither the name nor the type tells.
    web.routes["/watch"] = body("application/octet-stream", data)
    frames, lost, reason = play(web.at("/watch"))
    assert numbers([f.picture for f in frames]) == list(range(40)) and not lost and reason == "at its end"
    assert frames[-1].time - frames[0].time == pytest.approx(39 * 0.02, abs=0.01)


def test_a_film_that_its_server_calls_text_is_played(web: WebCamera, tmp_path: Path) -> None:
    web.routes["/film"] = body("text/plain", film(tmp_path / "film.mkv", 10).read_bytes())
    frames, lost, reason = play(web.at("/film"))
    assert numbers([f.picture for f in frames]) == list(range(10)) and not lost and reason == "at its end"


def test_jpegs_one_behind_the_other_are_a_film(web: WebCamera, tmp_path: Path) -> None:
    jpegs = [cv2.imencode(".jpg", np.full((96, 128), 9 * n, np.uint8))[1].tobytes() for n in range(25)]
    path = tmp_path / "film.mjpeg"
    path.write_bytes(b"".join(jpegs))
    web.routes["/film"] = body("application/octet-stream", path.read_bytes())
    for address in (str(path), web.at("/film")):
        frames, lost, reason = play(address)
        assert [round(float(f.picture.mean()) / 9) for f in frames] == list(range(25))
        assert not lost and reason == "at its end"


def test_a_slow_film_of_the_network_does_not_stall(web: WebCamera, tmp_path: Path) -> None:
    web.routes["/slow"] = body("video/x-msvideo", film(tmp_path / "film.avi", 4, rate=2.5).read_bytes())
    camera = Camera(web.at("/slow"), stall=0.25)
    changes: list[Change] = []
    camera.observe(changes.append)
    with camera:
        for _ in range(4):
            camera.read()
    assert [c.after for c in changes if c.after != "closed"] == ["connecting", "live"]


def test_a_film_whose_connection_breaks_goes_on_where_it_was(web: WebCamera, tmp_path: Path) -> None:
    data = film(tmp_path / "film.avi").read_bytes()
    once = iter([broken("video/x-msvideo", data, len(data) // 2)])
    whole = body("video/x-msvideo", data)
    # The first request is only for what is served there.
    web.routes["/film"] = lambda to: (whole if len(web.asked) == 1 else next(once, whole))(to)
    camera = Camera(web.at("/film"))
    changes: list[Change] = []
    camera.observe(changes.append)
    found: list[NDArray[np.uint8]] = []
    with camera:
        while len(found) < 40:
            found.append(camera.read().picture)
    assert numbers(found) == list(range(40))
    (broke,) = [c.reason for c in changes if c.after == "stalled"]
    assert broke.startswith("broke off after ") and broke.endswith(" of about 40 pictures")
    assert camera.counts.reconnects == 1


def test_a_film_that_breaks_off_for_good_is_not_at_its_end(web: WebCamera, tmp_path: Path) -> None:
    data = film(tmp_path / "film.avi").read_bytes()
    web.routes["/film"] = broken("video/x-msvideo", data, len(data) // 2)
    frames, lost, reason = play(web.at("/film"))
    assert reason == f"ended after {len(frames)} of about 40 pictures"
    assert lost == {"missing": 40 - len(frames)} and 0 < len(frames) < 30


def test_a_film_that_was_closed_begins_anew(web: WebCamera, tmp_path: Path) -> None:
    web.routes["/film"] = body("video/x-msvideo", film(tmp_path / "film.avi", 10).read_bytes())
    camera = Camera(web.at("/film"))
    for _ in range(2):
        with camera:
            assert numbers([camera.read().picture for _ in range(3)]) == [0, 1, 2]


class Pieces:
    """A capture of something live that comes in pieces: 20 pictures a second of which one fails."""

    def __init__(self, count: int) -> None:
        self.count, self.at = count, 0

    def get(self, what: int) -> float:
        return {cv2.CAP_PROP_FPS: 20.0, cv2.CAP_PROP_POS_MSEC: 50.0 * self.at}.get(what, -1.0)

    def grab(self) -> bool:
        self.at += 1
        return self.at != 5 and self.at < self.count

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return True, np.zeros((8, 8), np.uint8)

    def release(self) -> None:
        pass


def test_a_live_stream_in_pieces_is_paced_and_never_ends() -> None:
    film = Film(Pieces(10), 15.0, FilmPosition(), lambda reason, count: None, lambda: None, endless=True)
    times = []
    with pytest.raises(SourceError, match="no longer gives pictures"):
        while True:
            if (frame := film.read(0.1)) is not None:
                times.append(frame.time)
    assert np.diff(times).round(3).tolist() == [0.05, 0.05, 0.05, 0.1, 0.05, 0.05, 0.05]


def test_what_a_server_answers_instead_is_told(web: WebCamera) -> None:
    web.routes |= {"/odd": body("video/mp4", b"nothing of the kind" * 99), "/busy": status(503), "/late": silent(9.0)}
    for path, message in (("/odd", "answers with video/mp4, which cannot be played"), ("/busy", "503")):
        with pytest.raises(SourceError, match=message):
            Camera(web.at(path)).connect(PATIENCE)
