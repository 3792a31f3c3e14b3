"""What of a set's recordings is taken, and what is left out and told."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.preparation.clips import files_key, prepare_files, prepare_recordings, prepare_waves
from tests.teacher.tiny import tone


def wav(wave: NDArray[np.float32], rate: int = 8_000, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind, subtype=subtype)
    return file.getvalue()


SAID = tone(0.3, 8_000, 400)
GOOD = wav(SAID)
QUIET = 1e-3 * np.random.default_rng(0).standard_normal(2_400).astype(np.float32)


def never_closed() -> bytes:
    data = bytearray(GOOD)
    struct.pack_into("<I", data, 4, 36)
    struct.pack_into("<I", data, 40, 0)
    return bytes(data)


LEFT_OUT = {
    "silent": [
        wav(np.zeros(2_400, np.float32)),
        wav(np.full(2_400, 0.2, np.float32)),
        wav(np.zeros((2_400, 2), np.float32), 44_100),
        wav(np.zeros(2_400, np.float32), kind="FLAC"),
    ],
    "shorter than 0.05 s": [wav(SAID[1:3]), wav(SAID[:390]), GOOD[: 44 + 100]],
    "with NaN, infinite or far too large samples": [
        wav(np.array([np.nan, 0.1] * 1_200, np.float32), subtype="FLOAT"),
        wav(np.array([np.inf, 0.1] * 1_200, np.float32), subtype="FLOAT"),
        wav(np.array([1e18, -1e18] * 1_200, np.float32), subtype="FLOAT"),
    ],
    "without samples": [wav(SAID[:0])],
    "cannot be read": [b"", b"<html>", GOOD[:30], b"version https://git-lfs.github.com/spec/v1"],
    "of a kind that does not tell whether it is whole": [wav(SAID, kind="XI", subtype="DPCM_16")],
    "of a sampling rate that is not read": [wav(SAID, 500)],
    "too long": [wav(np.zeros(601_000, np.float32), 1_000, "PCM_U8")],
}


@pytest.mark.parametrize("reason", list(LEFT_OUT))
def test_what_holds_no_word_is_left_out_and_named(reason: str) -> None:
    bad = [(f"bad-{i}.wav", data) for i, data in enumerate(LEFT_OUT[reason])]
    clips = prepare_recordings([("first.wav", GOOD), *bad, ("last.wav", wav(QUIET))])
    assert clips.kept.tolist() == [True, *[False] * len(bad), True]
    np.testing.assert_array_equal(clips.audio, prepare_recordings([("", GOOD), ("", wav(QUIET))]).audio)
    names = ", ".join(name for name, _ in bad[:3]) + ", …" * (len(bad) > 3)
    assert clips.report.line == f"2 taken, {len(bad)} left out: {len(bad)} {reason} ({names})"
    assert not clips.notes


def test_recordings_that_were_changed_are_named() -> None:
    twice = np.column_stack([SAID, -SAID])
    clips = prepare_recordings(
        [
            ("whole.wav", GOOD),
            ("half.wav", GOOD[: len(GOOD) // 2]),
            ("open.wav", never_closed()),
            ("cable.wav", wav(twice)),
            ("long.wav", wav(tone(6.0, 8_000, 300))),
        ]
    )
    assert clips.kept.all() and clips.report.taken == 5 and not clips.report.left
    assert clips.notes == (
        "1 clips longer than 5.57 s were cut",
        "2 clips without their end, taken as far as they are whole (half.wav, open.wav)",
        "1 clips with channels that cancel each other, of which the loudest was taken (cable.wav)",
    )
    np.testing.assert_array_equal(clips.audio[2], clips.audio[0])
    np.testing.assert_array_equal(clips.audio[3], clips.audio[0])


def test_nothing_left_is_no_error_here() -> None:
    clips = prepare_recordings([("a.wav", b"")])
    assert clips.audio.shape == (0, 1, 96, 96) and clips.kept.tolist() == [False]
    assert prepare_files([]).audio.shape == (0, 1, 96, 96)


def test_files_give_what_their_waveforms_give_and_are_named_from_their_folder(tmp_path: Path) -> None:
    for word in ("one", "two"):
        (tmp_path / word).mkdir()
        (tmp_path / word / "a.wav").write_bytes(wav(SAID, 16_000, "FLOAT"))
    (tmp_path / "two" / "b.wav").write_bytes(b"")
    clips = prepare_files([tmp_path / "one" / "a.wav", tmp_path / "two" / "a.wav", tmp_path / "two" / "b.wav"])
    np.testing.assert_array_equal(clips.audio, prepare_waves([SAID, SAID])[0])
    assert "(two/b.wav)" in clips.report.line


def test_an_irregular_file_is_refused_and_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    for use in (files_key, prepare_files):
        with pytest.raises(DataError, match=r"a\.wav: is a FIFO"):
            use([tmp_path / "a.wav"])


def test_the_key_is_of_names_and_contents_whatever_the_name(tmp_path: Path) -> None:
    name = tmp_path / os.fsdecode(b"gr\xf6\xdfe.wav")
    name.write_bytes(GOOD)
    first = files_key([name])
    name.write_bytes(GOOD + b"\0")
    assert len({first, files_key([name]), files_key([name.rename(tmp_path / "b.wav")])}) == 3
