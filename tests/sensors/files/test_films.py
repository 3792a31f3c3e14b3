"""Films that phones and cameras write: all usual containers and codecs, whole and damaged."""

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.files.choice import Channel
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.signals.readings import Chunk, Frame
from tests.sensors.files.conformance import FileReaderConformance, Made, play, play_sources
from tests.sensors.files.film_files import FLASH, FPS, KINDS, av, write_film


def cut_in_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.fixture(scope="module", params=list(KINDS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of each kind, written once."""
    return write_film(tmp_path_factory.mktemp("films") / f"talk.{request.param}")


class TestFilms(FileReaderConformance):
    @pytest.fixture
    def made(self, written: Path, tmp_path: Path) -> Made:
        path = tmp_path / written.name
        path.write_bytes(written.read_bytes())
        begins = [i / FPS for i in range(30)]
        # MPEG's system layer begins at a second of its own, and its first picture somewhat later.
        tolerance = 0.05 if path.suffix == ".mpg" else 0.0021
        # An MPEG program stream does not say how long it is.
        damage = None if path.suffix == ".mpg" else cut_in_half
        return Made(path, {"pictures": begins}, {"sound": 1.2}, tolerance, damage=damage)


def onset(readings: list[Any]) -> float:
    """Second at which a film turns bright, or its tone begins."""
    if isinstance(readings[0], Frame):
        return next(float(r.begin) for r in readings if r.picture.mean() > 120)
    samples = np.concatenate([r.samples for r in readings])
    return float(readings[0].begin) + int(np.argmax(np.abs(samples) > 0.1)) / 16_000


def test_picture_and_sound_keep_their_distance(written: Path) -> None:
    film = parts_of(written)[0].open()
    pictures, sound = play(film, "pictures")[0], play(film, "sound")[0]
    assert onset(sound) - onset(pictures) == pytest.approx(0.0, abs=0.012)
    assert onset(pictures) - pictures[0].begin == pytest.approx(FLASH, abs=0.003)


def test_a_film_whose_clock_begins_late_begins_at_once(tmp_path: Path) -> None:
    film = parts_of(write_film(tmp_path / "late.mkv", begin=7.0))[0].open()
    assert film.begin == pytest.approx(7.0, abs=0.03)
    assert play(film, "pictures")[0][0].begin == pytest.approx(7.0, abs=0.03)


def test_pictures_at_uneven_times_keep_them(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.12, 0.16, 0.4, 0.44, 1.0]
    film = parts_of(write_film(tmp_path / "uneven.mp4", times=times))[0].open()
    found = [r.begin - film.begin for r in play(film, "pictures")[0]]
    assert found == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_sound_of_any_rate_becomes_16_khz(rate: int, tmp_path: Path) -> None:
    path = write_film(tmp_path / "tone.mov", codecs=(None, "pcm_s16le"), rate=rate)
    film = parts_of(path)[0].open()
    assert [stream.name for stream in film.streams] == ["sound"]
    samples = np.concatenate([chunk.samples for chunk in play(film, "sound")[0]])
    assert abs(len(samples) - 19_200) <= 2
    spectrum = np.abs(np.fft.rfft(samples[8_000:16_000]))
    assert np.argmax(spectrum) == 500  # 1 kHz
    assert np.abs(samples[8_000:16_000]).max() == pytest.approx(0.5, abs=0.02)


def test_a_phone_that_was_held_upright_gives_upright_pictures(tmp_path: Path) -> None:
    path = write_film(tmp_path / "turned.mp4", codecs=("libx264", None))
    plain = play(parts_of(path)[0].open(), "pictures")[0][0].picture
    assert plain.shape == (96, 128) and plain[5, 5] > 200 > plain[90, 5]
    turn_matrix(path)
    turned = play(parts_of(path)[0].open(), "pictures")[0][0].picture
    # The phone was turned so that its picture is to be turned clockwise by 90 degrees.
    assert turned.shape == (128, 96) and turned[5, 90] > 200 > turned[5, 5]


def turn_matrix(path: Path) -> None:
    """Write into the track's header what a phone writes that was held upright: turn by 90 degrees, clockwise."""
    data = bytearray(path.read_bytes())
    unity = b"".join(v.to_bytes(4, "big") for v in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    turned = b"".join(
        (v % 2**32).to_bytes(4, "big") for v in (0, 0x10000, 0, -0x10000, 0, 0, 96 * 0x10000, 0, 0x40000000)
    )
    at = data.index(unity, data.index(b"tkhd"))
    data[at : at + 36] = turned
    path.write_bytes(data)


def test_a_folder_is_played_in_turn_and_tells_of_what_is_damaged(tmp_path: Path) -> None:
    for name, codecs in (("2.mkv", None), ("10.mkv", None), ("3.mkv", ("libx264", None))):
        write_film(tmp_path / name, codecs=codecs)
    (tmp_path / "4.mp4").write_bytes(b"no film at all" * 100)
    (tmp_path / "notes.txt").write_text("not played")
    parts = parts_of(tmp_path)
    assert [part.name for part in parts] == ["2.mkv", "3.mkv", "4.mp4", "10.mkv"]
    remarks: list[str] = []
    player = Player("folder", parts, [Channel("sound", Chunk), Channel("pictures", Frame)], 0.0)
    given, sources = play_sources(player, remarks=remarks)
    assert len(given["pictures"]) == 90
    assert sum(len(chunk.samples) for chunk in given["sound"]) / 16_000 == pytest.approx(2.4, abs=0.1)
    assert sum(source.counts.dropped.get("unreadable", 0) for source in sources) == 1
    assert any("4.mp4 is passed over" in text for text in remarks)
    # What belongs together stays together: film 10 begins for both at one time.
    pictures = [frame.begin for frame in given["pictures"]]
    gaps = [b - a for a, b in itertools.pairwise(pictures)]
    assert sum(gap > 6 for gap in gaps) == 2
    late = [chunk.begin for chunk in given["sound"] if chunk.begin > pictures[60] - 0.05]
    assert late[0] == pytest.approx(pictures[60], abs=0.03)


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("cut.mp4", cut_in_half, "is cut off"),
        ("empty.mp4", lambda path: path.write_bytes(b""), "is empty"),
        ("text.mkv", lambda path: path.write_text("no film" * 100), "no film, or damaged"),
        (
            "pointer.mp4",
            lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
            "Git LFS pointer",
        ),
    ],
)
def test_what_is_no_film_is_refused_in_a_line(
    name: str, spoil: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    path = write_film(tmp_path / name)
    spoil(path)
    with pytest.raises(SourceError, match=told) as caught:
        parts_of(path)[0].open()
    assert len(str(caught.value).splitlines()) == 1 and name in str(caught.value)


def test_a_playlist_that_calls_itself_a_film_opens_nothing_else(tmp_path: Path) -> None:
    write_film(tmp_path / "private.mpg")
    (tmp_path / "bait.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nprivate.mpg\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError, match="no film, or damaged"):
        parts_of(tmp_path / "bait.mp4")[0].open()


def test_a_film_that_breaks_off_says_what_is_missing(tmp_path: Path) -> None:
    path = write_film(tmp_path / "cut.mkv", seconds=4.0)
    cut_in_half(path)
    film = parts_of(path)[0].open()
    pictures, ending, _ = play(film, "pictures")
    assert "the file is cut off" in ending and f"ended after {len(pictures)}" in ending
    assert 0 < len(pictures) < 100
    sound, ending, _ = play(film, "sound")
    assert "of sound: the file is cut off" in ending and sound


def test_damaged_packets_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = write_film(tmp_path / "torn.mp4", seconds=2.0, codecs=("mpeg4", None))
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 300] = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    path.write_bytes(data)
    pictures, ending, told = play(parts_of(path)[0].open(), "pictures")
    assert told.lost["damaged"] == 50 - len(pictures) > 0
    assert ending == f"ended after {len(pictures)} pictures, {told.lost['damaged']} damaged"
    begins = [frame.begin for frame in pictures]
    assert begins == sorted(begins) and begins[-1] == pytest.approx(49 / FPS, abs=0.001)


def test_pictures_that_end_long_before_the_film_are_told(tmp_path: Path) -> None:
    path = write_film(tmp_path / "torn.webm", seconds=2.0, codecs=("libvpx", None))
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 300] = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    path.write_bytes(data)
    pictures, ending, _ = play(parts_of(path)[0].open(), "pictures")
    assert len(pictures) < 45
    assert ending == f"ended after {len(pictures)} of about 50 pictures"


def test_sound_that_is_missing_in_the_middle_is_a_gap(tmp_path: Path) -> None:
    from sensors.files.film_sound import SoundClock
    from tests.sensors.files.conformance import Told

    told = Told()
    clock = SoundClock(told)
    block = np.full(441, 0.1, np.float32)
    found = [
        chunk for i in range(100) for chunk in clock.observe(3 + i * 0.01 + (0.5 if i >= 50 else 0), block, 44_100)
    ]
    found += list(clock.flush())
    gaps = [chunk for chunk in found if chunk.gap]
    assert [gap.begin for gap in gaps] == pytest.approx([4.0], abs=0.001)
    assert told.lost == {"missing": 25}
    assert found[-1].end == pytest.approx(4.5, abs=0.001)


def test_without_pyav_the_fix_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "talk.mp4")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install 'reciprocal\[films\]'"):
        parts_of(path)


def test_a_film_without_what_is_perceived_says_what_it_holds(tmp_path: Path) -> None:
    path = write_film(tmp_path / "silent.mp4", codecs=("libx264", None))
    with pytest.raises(SourceError, match=r"perceives sound, and it holds pictures"):
        Player("silent.mp4", parts_of(path), [Channel("sound", Chunk)])


def test_versions_of_pyav_are_known() -> None:
    assert int(av.__version__.partition(".")[0]) < 19
