import io

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="extra 'ros' is not installed")

from sensors.files.ros.sounds import (
    SoundForm,
    UnreadableSound,
    decoder_of,
    form_of_info,
    form_of_raw_audio,
    value_type,
)
from tests.sensors.files.ros.bags import BEGIN, audio_info, make, stamp

WAVE = (0.5 * np.sin(np.arange(3200) * 0.1)).astype(np.float32)


def coded(form: str) -> bytes:
    kind = value_type(form)
    if kind.kind == "f":
        return bytes(WAVE.astype(kind).tobytes())
    half = 2.0 ** (8 * kind.itemsize - 1)
    return bytes(np.rint(WAVE.astype(float) * half + half * (kind.kind == "u")).astype(kind).tobytes())


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [
        *(("S8", 0.01), ("U8", 0.01), ("S16LE", 1e-4), ("S16BE", 1e-4), ("U16LE", 1e-4)),
        *(("S32LE", 1e-6), ("F32LE", 0.0), ("F32BE", 0.0), ("F64LE", 1e-6)),
    ],
)
def test_values_of_every_form_are_read(form: str, tolerance: float) -> None:
    (samples,) = decoder_of(SoundForm(16_000, 1, form)).decode(coded(form))
    assert samples.shape == (3200, 1) and samples.dtype == np.float32
    assert np.abs(samples[:, 0] - WAVE).max() <= tolerance


def test_a_sample_may_lie_in_two_messages() -> None:
    data, decoder = coded("S16LE"), decoder_of(SoundForm(16_000, 2))
    parts = [data[:1001], data[1001:1003], data[1003:]]
    samples = np.concatenate([block for part in parts for block in decoder.decode(part)])
    assert samples.shape == (1600, 2)
    assert np.abs(samples.ravel() - WAVE).max() < 1e-4


def test_the_head_of_a_wav_file_is_no_sound() -> None:
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, WAVE, 16_000, format="WAV", subtype="PCM_16")
    (samples,) = decoder_of(SoundForm(16_000, 1)).decode(file.getvalue())
    assert np.abs(samples[:, 0] - WAVE).max() < 1e-4


def test_numbers_that_are_none_are_damaged() -> None:
    with pytest.raises(UnreadableSound, match="no numbers"):
        list(decoder_of(SoundForm(16_000, 1, "F32LE")).decode(np.full(4, np.nan, "<f4").tobytes()))


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (audio_info(), ""),
        (audio_info(44_100, 2, "F32LE", "WAVE"), ""),
        (audio_info(form="", coding=""), ""),
        (audio_info(form="S24LE"), "'S24LE'"),
        (audio_info(form="S16"), "'S16'"),
        (audio_info(coding="flac"), "'flac'"),
        (audio_info(rate=10), "10 Hz"),
        (audio_info(channels=0), "0 channels"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(info: object, why: str) -> None:
    refused = form_of_info(info).refused
    assert (why in refused) if why else not refused


def test_mp3_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install" in form_of_info(audio_info(coding="mp3")).refused


def test_mp3_in_pieces_is_decoded() -> None:
    av = pytest.importorskip("av", reason="extra 'films' is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.tile(WAVE, 5)[None], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = file.getvalue()
    decoder = decoder_of(form_of_info(audio_info(coding="mp3")))
    blocks = [block for at in range(0, len(data), 333) for block in decoder.decode(data[at : at + 333])]
    samples = np.concatenate(blocks)[:, 0]
    assert abs(len(samples) - 16_000) < 3000
    spectrum = np.abs(np.fft.rfft(samples[4000:12_000]))
    assert abs(spectrum.argmax() * 2 * np.pi / 8000 - 0.1) < 0.002


def test_foxgloves_sound_says_its_own_form() -> None:
    message = make(
        "foxglove_msgs/msg/RawAudio",
        timestamp=stamp(BEGIN),
        data=np.zeros(2, np.uint8),
        format="pcm-s16",
        sample_rate=48_000,
        number_of_channels=2,
    )
    assert form_of_raw_audio(message) == SoundForm(48_000, 2, "S16LE") and not form_of_raw_audio(message).refused
    message.format = "opus"
    assert "'OPUS'" in form_of_raw_audio(message).refused
