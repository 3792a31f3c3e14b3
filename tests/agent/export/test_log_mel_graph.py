from collections.abc import Callable

import numpy as np
import pytest

from agent.export.log_mel_graph import log_mel_graph
from sensors.signals.spectrogram import TOP_DB, log_mel, quantise

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the extra 'onnx'")

LENGTHS = (100, 743, 744, 8_000, 16_000, 89_119, 89_120, 120_000)


@pytest.mark.parametrize("form", [(96, 96), (64, 128)])
def test_it_makes_the_samples_that_the_program_makes(form: tuple[int, int], forms: Callable[..., None]) -> None:
    bands, frames = form
    forms(audio={"bands": bands, "frames": frames})
    session = onnxruntime.InferenceSession(log_mel_graph(bands, frames).SerializeToString())
    rng = np.random.default_rng(0)
    waves = [(0.1 * rng.standard_normal(n) * np.hanning(n)).astype(np.float32) for n in LENGTHS]
    # Silence, a very quiet sound, and noise 80 dB below a tone.
    waves += [np.zeros(5_000, np.float32), np.full(9_000, 1e-6, np.float32)]
    waves += [np.sin(np.arange(30_000) * 0.3).astype(np.float32) + np.float32(1e-4) * rng.standard_normal(30_000, "f")]
    whole = np.zeros((len(waves), max(map(len, waves))), np.float32)
    for row, wave in zip(whole, waves, strict=True):
        row[: len(wave)] = wave
    expected = log_mel(waves)
    for made in (
        np.concatenate([session.run(["decibel"], {"wave": wave[None]})[0] for wave in waves]),
        session.run(["decibel"], {"wave": whole})[0],
    ):
        assert made.shape == (len(waves), 1, bands, frames) and made.dtype == np.float32
        assert np.abs(made[:, 0] - expected).max() < 1e-4 * TOP_DB
    (sample,) = session.run(["sample"], {"wave": whole})
    # Values between two steps may be rounded either way; nothing else differs.
    steps = np.abs(sample * 255 - quantise(expected))
    assert steps.max() < 1.01 and (steps > 0.01).mean() < 1e-3
