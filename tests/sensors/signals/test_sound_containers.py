"""Every kind of file that libsndfile writes: whole, cut off, damaged, and with a header that was never finished."""

import io
import struct

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.signals.sound import DecodedSound, SoundError, decode
from sensors.signals.sound_containers import FORMATS
from sensors.signals.spectrogram import SAMPLE_RATE


def tone(samples: int = SAMPLE_RATE) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * 300 * np.arange(samples) / SAMPLE_RATE)).astype(np.float32)


def packed(kind: str, subtype: str, wave: NDArray[np.float32] | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone() if wave is None else wave, SAMPLE_RATE, format=kind, subtype=subtype)
    return file.getvalue()


def writable() -> list[tuple[str, str]]:
    pairs = []
    for kind in soundfile.available_formats():
        for subtype in soundfile.available_subtypes(kind):
            # RAW has no header at all, and SD2 a file beside its own.
            if kind in ("RAW", "SD2"):
                continue
            try:
                packed(kind, subtype)
            except soundfile.SoundFileError:
                continue
            pairs.append((kind, subtype))
    return pairs


def outcome(data: bytes) -> DecodedSound | str:
    """What is read, or the error, which is one line."""
    try:
        return decode(data, "a.wav")
    except DataError as error:
        assert str(error).startswith("a.wav: ") and "\n" not in str(error) and len(str(error)) < 200
        return str(error)


def likeness(wave: NDArray[np.float32]) -> float:
    """Largest correlation with the tone, whatever the coding's delay."""
    middle = wave[4_000:8_000].astype(np.float64)
    return max(float(np.corrcoef(middle, tone(SAMPLE_RATE)[4_000 - lag :][:4_000])[0, 1]) for lag in range(0, 1_500, 2))


@pytest.mark.parametrize(("kind", "subtype"), writable())
def test_every_kind_is_read_whole_told_as_cut_or_refused_in_a_line(kind: str, subtype: str) -> None:
    data = packed(kind, subtype)
    whole = outcome(data)
    if kind not in FORMATS:
        assert isinstance(whole, str) and "does not tell whether it is whole; convert it to WAV or FLAC" in whole
        return
    assert isinstance(whole, DecodedSound) and not whole.cut, whole
    # A block of samples is filled up to its end.
    assert SAMPLE_RATE <= len(whole.wave) < SAMPLE_RATE + 512
    assert likeness(whole.wave) > 0.98
    for share in (0.99, 0.5, 0.2, 0.02):
        part = outcome(data[: int(len(data) * share)])
        if isinstance(part, DecodedSound):
            assert part.cut, f"{share} of the file is taken for all of it"
            assert 0 < len(part.wave) <= len(whole.wave)
            np.testing.assert_array_equal(part.wave, whole.wave[: len(part.wave)])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW", "DOUBLE"])
@pytest.mark.parametrize("riff", [0, 36, 2**32 - 1])
@pytest.mark.parametrize("size", [0, 2**32 - 1, 0x7FFFF000])
def test_a_wav_file_that_was_never_closed_gives_all_its_samples(subtype: str, riff: int, size: int) -> None:
    data = packed("WAV", subtype)
    at = data.index(b"data")
    left = bytearray(data)
    struct.pack_into("<I", left, 4, riff)
    struct.pack_into("<I", left, at + 4, size)
    sound = decode(bytes(left), "a.wav")
    assert sound.cut
    np.testing.assert_array_equal(sound.wave, decode(data, "a.wav").wave)


def test_a_wav_file_that_was_never_closed_in_a_coding_of_blocks_is_refused() -> None:
    data = bytearray(packed("WAV", "GSM610"))
    struct.pack_into("<I", data, data.index(b"data") + 4, 0)
    with pytest.raises(SoundError, match="its end is missing, and GSM610 cannot be cut") as caught:
        decode(bytes(data), "a.wav")
    assert caught.value.reason == "cut off"


def test_a_wav_file_cut_within_a_sample_gives_those_before_it() -> None:
    wave = np.column_stack([tone(), tone()])
    data = packed("WAV", "PCM_24", wave)
    for lost in range(1, 13):
        sound = decode(data[:-lost], "a.wav")
        assert sound.cut and len(sound.wave) == SAMPLE_RATE - (lost + 5) // 6


def test_an_empty_wav_file_is_empty_though_a_chunk_follows() -> None:
    data = bytearray(packed("WAV", "PCM_16", np.zeros(0, np.float32)))
    for tail in (b"", b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0", b"id3 " + struct.pack("<I", 3) + b"abc\0"):
        with pytest.raises(SoundError, match="holds no samples") as caught:
            decode(bytes(data) + tail, "a.wav")
        assert caught.value.reason == "without samples"


def test_chunks_around_the_samples_change_nothing() -> None:
    data = packed("WAV", "PCM_16")
    at = data.index(b"data")
    odd = b"junk" + struct.pack("<I", 3) + b"abc\0"
    for moved in (data[:at] + odd + data[at:], data + odd, data[:at] + odd + data[at:] + odd, data + b"\0"):
        sound = decode(moved, "a.wav")
        assert not sound.cut and len(sound.wave) == SAMPLE_RATE


def test_a_file_of_another_kind_whose_header_says_0_is_not_called_empty_without_its_size() -> None:
    data = bytearray(packed("AIFF", "PCM_16"))
    struct.pack_into(">I", data, data.index(b"COMM") + 10, 0)
    struct.pack_into(">I", data, data.index(b"SSND") + 4, 8)
    told = outcome(bytes(data))
    assert f"{len(data):,} bytes" in told if isinstance(told, str) else told.cut and len(told.wave) == SAMPLE_RATE


def test_a_stream_that_does_not_say_its_length_is_read_to_its_end_and_told() -> None:
    au = bytearray(packed("AU", "PCM_16"))
    struct.pack_into(">I", au, 8, 2**32 - 1)
    flac = bytearray(packed("FLAC", "PCM_16"))
    flac[21] &= 0xF0  # the upper 4 of 36 bits that count the samples
    flac[22:26] = bytes(4)
    for data in (au, flac):
        sound = decode(bytes(data), "a.wav")
        assert sound.cut and len(sound.wave) == SAMPLE_RATE


@pytest.mark.parametrize(("kind", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_a_flipped_bit_never_shortens_a_checked_file_in_silence(kind: str, subtype: str) -> None:
    rng = np.random.default_rng(0)
    data = packed(kind, subtype, tone() + 0.01 * rng.standard_normal(SAMPLE_RATE).astype(np.float32))
    whole = decode(data, "a.wav").wave
    told = 0
    for at in rng.integers(len(data) // 8, len(data), 40):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        found = outcome(bytes(damaged))
        if isinstance(found, DecodedSound) and not found.cut:
            assert len(found.wave) == len(whole)
        else:
            told += 1
    assert told > 20
