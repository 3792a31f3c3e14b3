"""Sound files to waveforms, and what is wrong with those that cannot be read."""

import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.signals.sound import SoundError, load_sound, read_sound, resample
from sensors.signals.spectrogram import SAMPLE_RATE


def tone(rate: int, seconds: float = 0.5, frequency: float = 440) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def written(path: Path, samples: NDArray[np.float32], rate: int, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_reads_the_very_samples(tmp_path: Path) -> None:
    wave = read_sound(written(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE))
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, tone(SAMPLE_RATE))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    wave = read_sound(str(written(tmp_path / "a.wav", tone(rate), rate)))
    assert abs(len(wave) - SAMPLE_RATE // 2) <= 1
    middle = slice(1000, 7000)
    np.testing.assert_allclose(wave[middle], tone(SAMPLE_RATE)[middle], atol=2e-3)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(SAMPLE_RATE), tone(SAMPLE_RATE, frequency=600)
    wave = read_sound(written(tmp_path / "a.wav", np.column_stack([left, right]), SAMPLE_RATE))
    np.testing.assert_allclose(wave, (left + right) / 2, atol=1e-6)


def test_flac_reads_like_wav(tmp_path: Path) -> None:
    wav = read_sound(written(tmp_path / "a.wav", tone(8000), 8000, "PCM_16"))
    flac = read_sound(written(tmp_path / "a.flac", tone(8000), 8000, "PCM_16"))
    # The two writers round to 16 bits differently.
    np.testing.assert_allclose(wav, flac, atol=1e-4)


def test_bad_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = written(tmp_path / "whole.wav", tone(SAMPLE_RATE), SAMPLE_RATE).read_bytes()
    contents = {
        "text.wav": b"not a sound at all",
        "nothing.wav": b"",
        "header.wav": whole[:20],
        "rate.wav": whole[:24] + bytes(4) + whole[28:],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    written(tmp_path / "empty.wav", np.empty(0, np.float32), SAMPLE_RATE)
    written(tmp_path / "nan.wav", np.array([0, np.nan, 0], np.float32), SAMPLE_RATE)
    written(tmp_path / "long.wav", np.zeros(1_000 * 601, np.float32), 1_000, "PCM_U8")
    written(tmp_path / "loud.wav", np.array([0, 1e20, 0], np.float32), SAMPLE_RATE)
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "device.wav").symlink_to("/dev/zero")
    (tmp_path / "link.wav").symlink_to("nowhere.wav")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.wav")
    messages = {
        "missing.wav": "no such file; check the path",
        "folder.wav": "is a directory; give a regular file",
        "fifo.wav": "is a FIFO",
        "device.wav": "is a device",
        "socket.wav": "is a socket",
        "link.wav": "a broken link",
        "loud.wav": "infinite samples, or such above",
        "text.wav": "cannot be read as sound .*convert it to WAV or FLAC",
        "nothing.wav": "cannot be read as sound",
        "header.wav": "cannot be read as sound|holds no samples",
        "rate.wav": "sampling rate|cannot be read as sound",
        "empty.wav": "holds no samples",
        "nan.wav": "NaN or infinite",
        "long.wav": "601 s of sound; cut it",
    }
    for name, message in messages.items():
        with pytest.raises(DataError, match=f"{name}: .*({message})") as caught:
            read_sound(tmp_path / name)
        assert str(caught.value).count("\n") <= 1


def test_resample_refuses_what_it_cannot() -> None:
    with pytest.raises(DataError, match="1-D float32, got 2-D float32"):
        resample(np.zeros((2, 8), np.float32), 8000)
    with pytest.raises(DataError, match="float64"):
        resample(np.zeros(8), 8000)  # type: ignore[arg-type]  # what is tested
    for rate in (0, -8000, 1_000_000):
        with pytest.raises(DataError, match=f"rate {rate} Hz is outside"):
            resample(np.zeros(8, np.float32), rate)


def test_real_recordings_of_both_rates(data_dir: Path) -> None:
    fsdd = sorted((data_dir / "fsdd/recordings").iterdir())[0]
    speech = sorted((data_dir / "speech_commands/one").iterdir())[0]
    info = soundfile.info(str(fsdd))
    assert info.samplerate == 8000
    assert abs(len(read_sound(fsdd)) - 2 * info.frames) <= 2
    assert len(read_sound(speech)) == soundfile.info(str(speech)).frames


def test_channels_that_cancel_give_the_louder_one(tmp_path: Path) -> None:
    said = tone(SAMPLE_RATE)
    for left, right, alone in ((said, -said, 0), (-0.95 * said, said, 1), (said + 0.2, 0.1 - 0.95 * said, 0)):
        path = written(tmp_path / "a.wav", np.column_stack([left, right]).astype(np.float32), SAMPLE_RATE)
        sound = load_sound(path)
        assert sound.alone == alone and not sound.silent and not sound.cut
        np.testing.assert_array_equal(sound.wave, np.column_stack([left, right])[:, alone].astype(np.float32))


def test_channels_that_do_not_cancel_are_mixed(tmp_path: Path) -> None:
    said, other = tone(SAMPLE_RATE), tone(SAMPLE_RATE, frequency=600)
    quiet = np.zeros_like(said)
    for channels in (
        [said, said],
        [said, other],
        [said, -other],
        [said, quiet],
        [quiet, said, quiet, quiet],
        [quiet] * 2,
    ):
        sound = load_sound(written(tmp_path / "a.wav", np.column_stack(channels), SAMPLE_RATE))
        assert sound.alone is None
        np.testing.assert_allclose(sound.wave, np.mean(channels, axis=0), atol=1e-6)


def test_silence_and_a_constant_are_told_at_any_rate(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).integers(0, 3, 8000) / np.float32(32_768)
    for rate in (8_000, SAMPLE_RATE):
        for nothing in (
            np.zeros(8000),
            np.full(8000, 0.25),
            steps,
            np.column_stack([np.zeros(8000), np.full(8000, 0.5)]),
        ):
            sound = load_sound(written(tmp_path / "a.wav", nothing.astype(np.float32), rate))
            assert sound.silent
        assert not load_sound(written(tmp_path / "a.wav", np.float32(1e-3) * tone(rate), rate)).silent


def test_a_file_without_its_end_is_refused_where_a_whole_one_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[:-8000])
    assert load_sound(path).cut
    with pytest.raises(SoundError, match=r"a\.wav: its end is missing, 0\.38 s of it are there; record it again"):
        read_sound(path)


def test_an_error_tells_its_reason_in_another_process_too() -> None:
    error = pickle.loads(pickle.dumps(SoundError("a.wav: too long", "too long")))
    assert str(error) == "a.wav: too long" and error.reason == "too long"
