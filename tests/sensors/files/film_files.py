"""Films that tests write: pictures that brighten and a tone that begins, both at moments that are known."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av", reason="needs the extra films: pip install -e '.[films]'")

FPS = 25
RATE = 44_100
FLASH = 0.4
"""Second at which the pictures turn bright and the tone begins."""
KINDS = {
    "mp4": ("libx264", "aac"),
    "mov": ("mpeg4", "pcm_s16le"),
    "mkv": ("libx264", "libmp3lame"),
    "webm": ("libvpx", "libopus"),
    "mpg": ("mpeg1video", "mp2"),
    "avi": ("mjpeg", "pcm_s16le"),
}
"""Ending -> codecs of pictures and sound."""


def picture(i: int, flash: float = FLASH) -> NDArray[np.uint8]:
    """Picture `i`: dark, and from the flash on bright; its left upper corner is bright in any case."""
    values = np.full((96, 128, 3), 200 if i / FPS >= flash - 1e-6 else 20, np.uint8)
    values[:32, :32] = 255
    return values


def tone(seconds: float, rate: int = RATE, flash: float = FLASH, channels: int = 2) -> NDArray[np.int16]:
    """(1, n * channels) packed: silence, and from the flash on 1 kHz."""
    t = np.arange(round(seconds * rate)) / rate
    wave = np.where(t >= flash, 0.5 * np.sin(2 * np.pi * 1000 * (t - flash)), 0.0)
    return np.repeat((wave * 32767).astype(np.int16), channels)[None]


def write_film(
    path: Path,
    seconds: float = 1.2,
    *,
    codecs: tuple[str | None, str | None] | None = None,
    times: list[float] | None = None,
    rate: int = RATE,
    begin: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a film.

    Args:
        path: its ending says the container.
        seconds: how long it is.
        codecs: of pictures and sound; None for either: without; None: as usual for the ending.
        times: seconds of the pictures; None: 25 a second.
        rate: samples a second of the sound.
        begin: second of the container's clock of the first picture and sample.
        options: of the container.
    """
    video, audio = codecs or KINDS[path.suffix[1:]]
    base = Fraction(1, 1000)
    times = [i / FPS for i in range(round(seconds * FPS))] if times is None else times
    with av.open(str(path), "w", options=options or {}) as out:
        packets: list[Any] = []
        if video is not None:
            pictures = out.add_stream(video, rate=FPS)
            pictures.width, pictures.height = 128, 96
            pictures.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
            pictures.codec_context.time_base = Fraction(1, FPS) if video in ("mpeg1video", "mjpeg") else base
        if audio is not None:
            sound = out.add_stream(audio, rate=48_000 if audio == "libopus" else rate)
            sound.layout = "stereo"
        if video is not None:
            scale = 1 / pictures.codec_context.time_base
            for time in times:
                frame = av.VideoFrame.from_ndarray(picture(round(time * FPS)), "bgr24")
                frame.pts, frame.time_base = round((time + begin) * scale), pictures.codec_context.time_base
                packets += pictures.encode(frame)
            packets += pictures.encode(None)
        if audio is not None:
            own = sound.rate
            samples = tone(seconds, own)
            size = sound.codec_context.frame_size or 1024
            resampler = av.AudioResampler(sound.format, "stereo", own, frame_size=size)
            whole = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
            whole.sample_rate, whole.pts, whole.time_base = own, round(begin * own), Fraction(1, own)
            for piece in [*resampler.resample(whole), *resampler.resample(None)]:
                packets += sound.encode(piece)
            packets += sound.encode(None)
        for packet in sorted(packets, key=lambda each: float(each.dts * each.time_base)):
            out.mux(packet)
    return path
