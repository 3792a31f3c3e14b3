"""AV-Letters: both file formats, the window, and every way in which files may be missing or damaged."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import io as matlab

from sensors.core.errors import DataError
from sensors.core.modalities import modality
from teacher.datasets.core.utterances import GREY, LETTERS, SEEN, UNSEEN, make_utterances, restore_lips, store_lips
from teacher.datasets.readers import avletters

HEADER = (avletters.PERIOD, 104, avletters.KIND)


def film(frames: int, seed: int = 0) -> NDArray[np.uint8]:
    """(frames, 60, 80): noise around a level that rises by one step a frame."""
    noise = np.random.default_rng(seed).integers(0, 20, (frames, 60, 80))
    return (noise + 50 + np.arange(frames)[:, None, None]).astype(np.uint8)


def speech(frames: int, peak: int, seed: int = 0) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).normal(size=(frames, 26)).astype(np.float32)
    values[:, avletters.ENERGY] = 1 - 0.02 * abs(np.arange(frames) - peak)
    return values


def write_lips(folder: Path, name: str, frames: NDArray[np.uint8], form: str = "4") -> Path:
    (folder / "Lips").mkdir(parents=True, exist_ok=True)
    path = folder / "Lips" / f"{name}-lips.mat"
    content = {"vid": frames.swapaxes(1, 2).reshape(len(frames), -1).T, "siz": np.array([[60.0, 80.0, len(frames)]])}
    matlab.savemat(path, content, format=form)
    return path


def write_speech(folder: Path, name: str, frames: NDArray[np.float32], header: tuple[int, int, int] = HEADER) -> Path:
    (folder / "Audio/mfcc/Clean").mkdir(parents=True, exist_ok=True)
    path = folder / "Audio/mfcc/Clean" / f"{name}.mfcc"
    path.write_bytes(struct.pack(">iihh", len(frames), *header) + frames.astype(">f4").tobytes())
    return path


def corpus(root: Path) -> Path:
    for number, name in enumerate(("A1_Bob", "B2_Ann")):
        write_lips(root / "avletters", name, film(20 + number, number))
        write_speech(root / "avletters", name, speech(39 + 2 * number, 20, number))
    return root / "avletters"


@pytest.mark.parametrize("form", ["4", "5"])
def test_a_film_keeps_its_frames_rows_and_columns(tmp_path: Path, form: str) -> None:
    frames = film(14)
    read = avletters.read_lips(write_lips(tmp_path, "A1_Ann", frames, form))
    assert read.dtype == np.uint8 and (read == frames).all()


def test_speech_keeps_its_values(tmp_path: Path) -> None:
    frames = speech(31, 3)
    read = avletters.read_speech(write_speech(tmp_path, "A1_Ann", frames))
    assert read.dtype == np.float32 and (read == frames).all()


@pytest.mark.parametrize("below", ["avletters", "."])
def test_utterances_are_cut_centred_and_named(tmp_path: Path, below: str) -> None:
    folder = corpus(tmp_path)
    utterances = avletters.load(tmp_path if below == "avletters" else folder)
    assert [LETTERS[k] for k in utterances.letters] == ["A", "B"]
    assert utterances.speaker_names == ("Ann", "Bob") and utterances.speakers.tolist() == [1, 0]
    assert utterances.repetitions.tolist() == [1, 2]
    assert utterances.speech.shape == (2, *modality("speech").shape) and utterances.speech.dtype == np.float32
    assert utterances.stored_lips.shape == (2, *modality("lips").shape) and utterances.lips.shape == (
        2,
        *modality("lips").shape,
    )
    # The energy's peak, speech frame 20, is the window's middle: speech frames 8…31, lip frames 4…15.
    assert (utterances.speech[0] == speech(39, 20)[8:32]).all()
    shown = film(20)
    expected = (shown[4:16] - shown.mean(0)) / 255
    assert abs(utterances.lips[0] - expected).max() <= 0.5 / 255 + 1e-6
    assert "2 of the original's 780" in utterances.summary
    with pytest.raises(ValueError, match="read-only"):
        utterances.stored_lips[0, 0, 0, 0] = 1


def test_a_clip_without_movement_is_grey(tmp_path: Path) -> None:
    write_lips(tmp_path, "A1_Ann", np.full((15, 60, 80), 77, np.uint8))
    write_speech(tmp_path, "A1_Ann", speech(29, 9))
    assert (avletters.load(tmp_path).stored_lips == GREY).all()


@pytest.mark.parametrize(
    ("peak", "frames", "first"),
    [(0, 20, 0), (11, 20, 0), (13, 20, 1), (20, 20, 4), (27, 20, 8), (38, 20, 8), (10, 12, 0), (5, 7, 0)],
)
def test_the_window_is_at_the_peak_and_inside_the_film(peak: int, frames: int, first: int) -> None:
    assert avletters.place_window(speech(2 * frames - 1, peak)[:, avletters.ENERGY], frames) == first


def test_one_loud_frame_does_not_move_the_window() -> None:
    energy = speech(59, 20)[:, avletters.ENERGY]
    click = energy.copy()
    click[50] = 1.2
    assert click.argmax() == 50
    assert avletters.place_window(click, 30) == avletters.place_window(energy, 30) == 4


def test_frames_past_the_end_repeat_the_last_one() -> None:
    frames = np.arange(5, dtype=np.float32)[:, None]
    assert avletters.window(frames, 3, 4)[:, 0].tolist() == [3, 4, 4, 4]
    assert avletters.window(frames, 7, 2)[:, 0].tolist() == [4, 4]


def test_a_film_shorter_than_the_window_repeats_its_last_frame(tmp_path: Path) -> None:
    shown = film(7)
    write_lips(tmp_path, "A1_Ann", shown)
    write_speech(tmp_path, "A1_Ann", speech(13, 5))
    utterances = avletters.load(tmp_path)
    assert (utterances.speech[0, 12:] == speech(13, 5)[12]).all()
    assert (utterances.stored_lips[0, 6:] == utterances.stored_lips[0, 6]).all()


def test_speech_much_shorter_than_the_film_is_taken(tmp_path: Path) -> None:
    """As three utterances of the original are: 31 speech frames beside 23 lip frames."""
    write_lips(tmp_path, "M1_Verity", film(23))
    frames = speech(31, 29)
    write_speech(tmp_path, "M1_Verity", frames)
    utterances = avletters.load(tmp_path)
    assert (utterances.speech[0] == frames[np.minimum(np.arange(18, 42), 30)]).all()
    assert "at most 11 speech frames" in utterances.summary


def test_stored_lips_and_back() -> None:
    stored = np.arange(256, dtype=np.uint8)
    assert (store_lips(restore_lips(stored)) == stored).all()
    assert store_lips(np.array([-1.0, 0.0, 1.0], np.float32)).tolist() == [0, GREY, 255]
    assert restore_lips(np.array([GREY], np.uint8)).tolist() == [0.0]


def test_letters_are_seen_or_unseen() -> None:
    assert [LETTERS[k] for k in UNSEEN] == list("UVWXYZ")
    assert sorted([*SEEN.tolist(), *UNSEEN.tolist()]) == list(range(26))


def test_arrays_of_other_shapes_are_refused() -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="expected"):
        make_utterances("toy", np.zeros((1, 24, 25), np.float32), np.zeros((1, 12, 60, 80), np.uint8), one, ["a"], one)


def test_no_corpus(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        with pytest.raises(DataError, match=r"avletters/Lips and avletters/Audio/mfcc/Clean not found .*--data"):
            avletters.load(root)
    (tmp_path / "Lips").mkdir()
    with pytest.raises(DataError, match="no utterances"):
        avletters.load(tmp_path)


@pytest.mark.parametrize("part", ["Lips/B2_Ann-lips.mat", "Audio/mfcc/Clean/B2_Ann.mfcc"])
def test_a_missing_partner(tmp_path: Path, part: str) -> None:
    folder = corpus(tmp_path)
    (folder / part).unlink()
    with pytest.raises(DataError, match=r"missing, its partner is there \(1 without") as caught:
        avletters.load(tmp_path)
    assert str(caught.value).startswith(str(folder / part))


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:count])


def claim(path: Path) -> None:
    """A MATLAB 4 header that claims 2^31 - 1 columns."""
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<i", 2**31 - 1)
    path.write_bytes(bytes(data))


BAD_LIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "no MATLAB file, or damaged"),
    "not one": (lambda p: p.write_bytes(b"<html>404</html>" * 40), "no MATLAB file, or damaged"),
    "cut": (lambda p: cut(p, 1000), "no MATLAB file, or damaged"),
    "claims": (claim, "expected 4800×"),
    "no vid": (lambda p: matlab.savemat(p, {"film": np.zeros((4800, 12))}), "vid is missing, expected 4800×"),
    "size": (lambda p: matlab.savemat(p, {"vid": np.zeros((4700, 12), np.uint8)}), "vid is 4700×12, expected 4800×"),
    "no frame": (lambda p: matlab.savemat(p, {"vid": np.zeros((4800, 0), np.uint8)}), "vid is 4800×0, expected"),
    "bomb": (
        lambda p: matlab.savemat(p, {"vid": np.zeros((4800, 5000), np.uint8)}, do_compression=True),
        "vid is 4800×5000, expected",
    ),
    "values": (lambda p: matlab.savemat(p, {"vid": np.full((4800, 12), 0.5)}), "other values than whole numbers"),
    "nan": (lambda p: matlab.savemat(p, {"vid": np.full((4800, 12), np.nan)}), "other values than whole numbers"),
    "negative": (lambda p: matlab.savemat(p, {"vid": np.full((4800, 12), -3)}), "other values than whole numbers"),
    "siz": (
        lambda p: matlab.savemat(p, {"vid": np.zeros((4800, 12), np.uint8), "siz": np.array([80.0, 60.0, 12.0])}),
        "siz says",
    ),
    "large": (lambda p: p.write_bytes(bytes(avletters.MOST_BYTES + 1)), "larger than 4 MiB"),
}


@pytest.mark.parametrize("case", list(BAD_LIPS))
def test_damaged_lips(tmp_path: Path, case: str) -> None:
    folder = corpus(tmp_path)
    path = folder / "Lips/B2_Ann-lips.mat"
    spoil, message = BAD_LIPS[case]
    spoil(path)
    with pytest.raises(DataError, match=message) as caught:
        avletters.load(tmp_path)
    assert str(path) in str(caught.value) and len(str(caught.value).splitlines()) <= 2


def poke(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(bytes(content))


BAD_SPEECH: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "truncated, 0 bytes"),
    "cut": (lambda p: cut(p, 500), "488 bytes for 41 frames of 104"),
    "too long": (lambda p: p.write_bytes(p.read_bytes() + b"\0" * 104), "bytes for 41 frames of 104"),
    "period": (lambda p: poke(p, 4, struct.pack(">i", 100_000)), "header says period, bytes, kind 100000, 104, 326"),
    "frame size": (lambda p: poke(p, 8, struct.pack(">h", 52)), "header says .* 200000, 52, 326"),
    "kind": (lambda p: poke(p, 10, struct.pack(">h", 9)), "header says .* 200000, 104, 9"),
    "little-endian": (lambda p: poke(p, 0, struct.pack("<iihh", 41, *HEADER)), "header says"),
    "no frames": (lambda p: p.write_bytes(struct.pack(">iihh", 0, *HEADER)), "0 bytes for 0 frames"),
    "negative": (lambda p: p.write_bytes(struct.pack(">iihh", -1, *HEADER)), "bytes for -1 frames"),
    "nan": (lambda p: poke(p, 112, struct.pack(">f", float("nan"))), "not finite"),
    "huge": (lambda p: poke(p, 112, struct.pack(">f", 1e30)), "not finite or beyond"),
    "large": (lambda p: p.write_bytes(bytes(avletters.MOST_BYTES + 1)), "larger than 4 MiB"),
}


@pytest.mark.parametrize("case", list(BAD_SPEECH))
def test_damaged_speech(tmp_path: Path, case: str) -> None:
    folder = corpus(tmp_path)
    path = folder / "Audio/mfcc/Clean/B2_Ann.mfcc"
    spoil, message = BAD_SPEECH[case]
    spoil(path)
    with pytest.raises(DataError, match=message) as caught:
        avletters.load(tmp_path)
    assert str(path) in str(caught.value) and len(str(caught.value).splitlines()) <= 2


def test_the_real_corpus_is_whole(data_dir: Path) -> None:
    if avletters.find(data_dir) is None:
        pytest.skip("no AV-Letters among the datasets")
    utterances = avletters.load(data_dir)
    assert (np.bincount(utterances.letters) == 30).all() and (np.bincount(utterances.speakers) == 78).all()
    assert (np.bincount(utterances.repetitions)[1:] == 260).all()
    pairs = {(a, b, c) for a, b, c in zip(utterances.letters, utterances.speakers, utterances.repetitions, strict=True)}
    assert len(pairs) == avletters.COMPLETE == len(utterances)
    assert avletters.load(data_dir / "avletters").fingerprint == utterances.fingerprint
    # The three utterances whose speech is much shorter than two frames for each lip frame.
    for letter, repetition, speaker in (("M", 1, "Verity"), ("M", 2, "Anya"), ("X", 3, "Nicola")):
        who = utterances.speaker_names.index(speaker)
        assert (LETTERS.index(letter), who, repetition) in pairs


def test_no_flipped_bit_of_packed_lips_alters_a_film(tmp_path: Path) -> None:
    frames = film(12)
    path = tmp_path / "A1_Ann-lips.mat"
    content = {"vid": frames.swapaxes(1, 2).reshape(len(frames), -1).T, "siz": np.array([[60.0, 80.0, len(frames)]])}
    matlab.savemat(path, content, do_compression=True)
    whole = path.read_bytes()
    assert np.array_equal(avletters.read_lips(path), frames)
    bits = np.random.default_rng(0).integers(8 * 128, 8 * len(whole), 150)
    refused = 0
    for bit in [*range(8 * 116, 8 * 136), *bits, *range(8 * len(whole) - 64, 8 * len(whole))]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert np.array_equal(avletters.read_lips(path), frames), bit
        except DataError:
            refused += 1
    assert refused > 200
    path.write_bytes(whole + b"more")
    with pytest.raises(DataError, match="damaged"):
        avletters.read_lips(path)


def test_any_names_and_capitals_are_read_and_others_counted(tmp_path: Path) -> None:
    folder = corpus(tmp_path)
    whole = avletters.load(tmp_path)
    for place, end in (("Lips", "-lips.mat"), ("Audio/mfcc/Clean", ".mfcc")):
        (folder / place / f"A1_Bob{end}").rename(folder / place / f"a1_Bob{end.upper()}")
        (folder / place / f"B2_Ann{end}").rename(folder / place / f"B2_Ann-Marie Müller{end}")
        (folder / place / f"AB_Ann{end}").write_bytes(b"")
    (folder / "Audio").rename(folder / "AUDIO")
    (tmp_path / "corpora").mkdir()
    folder.rename(tmp_path / "corpora" / "AVLetters")
    utterances = avletters.load(tmp_path)
    assert utterances.speaker_names == ("Ann-Marie Müller", "Bob")
    # In the order of names, small letters come last.
    assert np.array_equal(utterances.stored_lips[::-1], whole.stored_lips)
    assert "found in corpora/AVLetters" in utterances.summary
    assert (
        "2 taken, 2 left out: 1 not named <letter><n>_<speaker>-lips.mat (Lips/AB_Ann-lips.mat)" in utterances.summary
    )
