"""What people and programs give, made into samples: pictures, sounds and stored arrays, in the bytes of a file.

The page, commands and Python programs use this one way, so one file is the same sample wherever it is given. Nothing
is decoded before its header says that it is small: a file of a few kilobytes can hold a picture of gigabytes.
"""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sensors.core.errors import DataError, SampleError, UserError
from sensors.core.modalities import Modality, modality
from sensors.cutters.segmentation import SegmentationConfig, Segmenter, Utterance
from sensors.senses import senses
from sensors.signals.cards import card_image, card_picture, ink_of, mnist_sample
from sensors.signals.coarse_digits import coarse_sample
from sensors.signals.frames import fit_picture
from sensors.signals.pictures import PictureError, decode_picture
from sensors.signals.readings import Chunk
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel, longest, quantise

PICTURES, SOUNDS, ARRAYS = ("image/png", "image/jpeg"), ("audio/wav", "audio/x-wav", "audio/wave"), "application/x-npy"
INK, CARD, FIT = "ink", "card", "fit"
COARSE_INK, COARSE_CARD = "coarse_ink", "coarse_card"
PREPARATIONS = (INK, CARD, FIT, COARSE_INK, COARSE_CARD)
"""Ways to make a sample of a picture."""
MOST_PIXELS = 16_000_000
"""Pixels of the largest picture that is decoded."""
MOST_SCANS = 64
"""Scans of a progressive JPEG that is decoded: each one goes over the whole picture."""
LONGEST_SOUND = 30.0
"""Seconds of the longest sound that is decoded."""
MOST_VALUES = 8_000_000
"""Samples of all channels of the longest sound that is decoded, before and after it is brought to 16 kHz."""
MOST_ROWS = 64
"""Samples of the largest array."""
QUIET = 0.004
"""Loudest value of a sound that counts as silence; 1 is full scale."""
MOST_BYTES = 1 << 26
"""Bytes of the largest file that is read."""
BOARD = 128
"""Longer side of a board whose ink is looked for, pixels."""
_MARGIN = 0.15
_EDGE_S, _EDGE_SHARE = 0.05, 0.1
_HEADER = 4096
_SCAN = b"\xff\xda"


class GivenError(UserError):
    """No sample can be made of what was given.

    Attributes:
        reason: `bad_request`, `damaged`, `unsupported`, `bomb` or `too_long`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class EmptyError(GivenError):
    """What was given is whole, but shows or sounds nothing; the message says why, for people.

    Attributes:
        reason: `empty`, `small`, `silent`, `short` or `no_card`.
    """


@dataclass(frozen=True)
class Given:
    """What was given, as samples.

    Attributes:
        sense: name of their sense.
        samples: (B, *shape) in the stored dtype.
        heard: begin and end, in seconds, of the part of a sound that was taken; None for anything else.
    """

    sense: str
    samples: NDArray[Any]
    heard: tuple[float, float] | None = None


def read_given(data: bytes, kind: str, known: tuple[str, ...], sense: str | None, prepare: str, cut: str) -> Given:
    """What was given, as samples.

    Args:
        data: bytes of a PNG, JPEG, WAV or npy file.
        kind: its media type; what the bytes are decides where it says nothing.
        known: the senses that the learner has.
        sense: the sense that is meant; None: that of the media type, or of the array's form.
        prepare: one of `PREPARATIONS`, of pictures.
        cut: `auto` or `whole`, of sounds.

    Raises:
        GivenError: it is no sample, or too large.
        EmptyError: it is one, and shows or sounds nothing.
    """
    if prepare not in PREPARATIONS:
        raise GivenError("bad_request", f"prepare={prepare[:20]}: expected one of {', '.join(PREPARATIONS)}")
    if cut not in ("auto", "whole"):
        raise GivenError("bad_request", f"cut={cut[:20]}: expected auto or whole")
    if sense is not None and known and sense not in known:
        raise GivenError("bad_request", f"sense={sense[:40]}: the agent knows {', '.join(known)}")
    if not data:
        raise GivenError("bad_request", "it is empty; give a PNG, JPEG, WAV or npy file")
    if data.startswith(b"\x93NUMPY"):
        return _array(data, known, sense)
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        name = _reader(sense, ".png", known)
        if name != _own_reader(".png"):
            return _loaded(name, data, ".png" if data.startswith(b"\x89") else ".jpg")
        return Given(name, picture_sample(data, prepare, in_color(modality(name)))[None])
    if data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE":
        name = _reader(sense, ".wav", known)
        if name != _own_reader(".wav"):
            return _loaded(name, data, ".wav")
        sample, heard = sound_sample(data, cut)
        return Given(name, sample[None], heard)
    if kind in (*PICTURES, *SOUNDS, ARRAYS):
        raise GivenError("damaged", f"it is no {kind}: it does not begin as one")
    raise GivenError("unsupported", "give a PNG, JPEG, WAV or npy file")


def usual_preparation(taught: bool, folder: bool, color: bool, embedded: bool) -> str:
    """How a picture that is asked about becomes a sample that looks like those from which a run learns.

    Args:
        taught: by a teacher, not by sensors.
        folder: what is taught is a folder of the user's own pictures.
        color: samples are in colour.
        embedded: the handwriting that is taught is the embedded one.

    Returns:
        `fit`: photographs are seen whole. `coarse_ink`: the embedded handwriting of 8×8 pixels is taught. `ink`: MNIST
        is, or cards are seen, which become samples of its form.
    """
    if (taught and folder) or color:
        return FIT
    return COARSE_INK if taught and embedded else INK


def in_color(form: Modality) -> bool:
    """Whether samples of this form are pictures in colour."""
    return form.layout == "picture" and form.shape[0] == 3


def picture_sample(data: bytes, prepare: str, color: bool) -> NDArray[np.uint8]:
    """A PNG's or JPEG's picture as an `image` sample (*shape).

    Args:
        data: the file.
        prepare: one of `PREPARATIONS`.
        color: whether samples are in colour.

    Raises:
        GivenError: it is damaged or too large.
        EmptyError: it shows nothing.
    """
    try:
        # Reads the header alone.
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise GivenError("damaged", "the picture is damaged at its beginning") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise GivenError("bomb", f"the picture has more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # whatever a decoder raises means that the picture is damaged
        raise GivenError("damaged", f"the picture is damaged ({str(error)[:80]})") from None
    if width * height > MOST_PIXELS:
        raise GivenError("bomb", f"the picture has {width:,} x {height:,} pixels; at most {MOST_PIXELS:,} are taken")
    if data.startswith(b"\xff\xd8") and data.count(_SCAN) > MOST_SCANS:
        raise GivenError("bomb", f"the picture has more than {MOST_SCANS} scans; save it as a baseline JPEG")
    try:
        picture = decode_picture(data, color=True)
    except PictureError as error:
        raise GivenError("damaged", f"the picture {error}") from None
    if prepare == FIT:
        if int(np.ptp(picture.reshape(-1, 3), axis=0).max()) < 8:
            raise EmptyError("empty", "the picture is of one colour")
        return fit_picture(picture)
    form = coarse_sample if prepare in (COARSE_INK, COARSE_CARD) else mnist_sample
    if prepare in (CARD, COARSE_CARD):
        seen = card_picture(picture) if color else card_image(picture, form)
        if seen is None:
            raise EmptyError("no_card", "no card is seen, or nothing is on it: hold it still, whole and well lit")
        return seen
    return _drawn(picture, form)


def _drawn(picture: NDArray[np.uint8], form: Callable[[NDArray[np.float32]], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """What is drawn on a board that fills the picture, (H, W, 3) BGR, in the form of handwritten digits."""
    import cv2

    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    if int(np.ptp(grey)) < 16:
        raise EmptyError("empty", "the board is empty")
    unit = BOARD / max(grey.shape)
    size = max(8, round(grey.shape[1] * unit)), max(8, round(grey.shape[0] * unit))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if unit < 1 else cv2.INTER_LINEAR)
    # People draw up to the edge of a board, whose paper goes on beyond it: ink at a card's edge is a finger.
    margin = round(_MARGIN * BOARD)
    paper = float(np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])))
    framed = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=[paper])
    ink = ink_of(np.asarray(framed, np.uint8))
    if ink is None:
        raise EmptyError("small", "what is drawn is too small, too faint, or fills the board: draw larger lines")
    return form(ink)


def sound_sample(data: bytes, cut: str) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """A WAV's sound as an `audio` sample (*shape), and begin and end of the part that was taken, seconds.

    Raises:
        GivenError: it is damaged or too long.
        EmptyError: it is silent.
    """
    wave = read_wave(data)
    if float(np.abs(wave).max()) < QUIET:
        raise EmptyError("silent", "there is silence: speak louder, or nearer to the microphone")
    begin, end = (0, len(wave)) if cut == "whole" else loudest_part(wave)
    end = min(end, begin + longest())
    if end - begin < SAMPLE_RATE // 20:
        raise EmptyError("short", "the sound is shorter than a twentieth of a second")
    try:
        sample: NDArray[np.uint8] = quantise(log_mel([np.ascontiguousarray(wave[begin:end])]))[0]
    except DataError as error:
        raise GivenError("damaged", str(error)) from None
    return sample, (round(begin / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3))


def read_wave(data: bytes) -> NDArray[np.float32]:
    """A WAV file as (samples,) float32 at 16 kHz.

    Raises:
        GivenError: it is damaged, or too long.
    """
    import soundfile

    from sensors.signals.sound import RATES, decode

    try:
        about = soundfile.info(io.BytesIO(data))
        rate, frames, channels = int(about.samplerate), int(about.frames), int(about.channels)
    except (soundfile.SoundFileError, OSError, ValueError, OverflowError) as error:
        raise GivenError("damaged", f"the sound cannot be read ({str(error)[-80:]})") from None
    if not RATES[0] <= rate <= RATES[1]:
        raise GivenError(
            "unsupported", f"the sound has a sampling rate of {rate} Hz; expected {RATES[0]}…{RATES[1]} Hz"
        )
    after = frames * SAMPLE_RATE // rate
    if frames > LONGEST_SOUND * rate or max(frames * channels, after) > MOST_VALUES:
        raise GivenError("too_long", f"the sound is longer than {LONGEST_SOUND:.0f} s, or has too many channels")
    try:
        sound = decode(data, "the sound")
    except DataError as error:
        raise GivenError("damaged", str(error)) from None
    if sound.silent:
        raise EmptyError("silent", "there is silence: speak louder, or nearer to the microphone")
    return sound.wave


def loudest_part(wave: NDArray[np.float32]) -> tuple[int, int]:
    """Begin and end of the loudest utterance in a sound, as samples; all of it where it has no quiet around it.

    A recording that was cut before begins and ends with its own sound: it is taken as it is.
    """
    edge = round(_EDGE_S * SAMPLE_RATE)
    loud = float(np.sqrt(np.mean(wave**2)))
    ends = [float(np.sqrt(np.mean(part**2))) for part in (wave[:edge], wave[-edge:])]
    if len(wave) < 8 * edge or max(ends) > _EDGE_SHARE * float(np.abs(wave).max()) or loud == 0.0:
        return 0, len(wave)
    segmenter = Segmenter(SegmentationConfig(longest=min(SegmentationConfig().longest, longest() / SAMPLE_RATE)))
    found: list[Utterance] = []
    piece = SAMPLE_RATE // 20
    for at in range(0, len(wave), piece):
        found += segmenter.observe(Chunk(at / SAMPLE_RATE, wave[at : at + piece]))
    found += segmenter.flush()
    if not found:
        return 0, len(wave)
    best = max(found, key=lambda one: float(np.sum(one.samples**2)))
    begin = max(0, round(best.start * SAMPLE_RATE))
    return begin, min(len(wave), begin + len(best.samples))


def _array(data: bytes, known: tuple[str, ...], sense: str | None) -> Given:
    """An npy file's samples: its header is checked before its values are read."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file, max_header_size=_HEADER)
    except Exception as error:  # numpy raises several kinds for a damaged header
        raise GivenError("damaged", f"the npy file's header is damaged ({str(error)[:80]})") from None
    forms = [modality(name) for name in ([sense] if sense else known)]
    fitting = [form for form in forms if shape in (form.shape, (*shape[:1], *form.shape)) and dtype == form.dtype]
    if not fitting:
        wanted = ", ".join(f"{form.name} {form.shape} {form.dtype}" for form in forms)
        raise GivenError(
            "bad_request", f"an array of shape {shape} and dtype {dtype}; the agent knows {wanted or 'nothing yet'}"
        )
    if len(fitting) > 1:
        names = " and ".join(form.name for form in fitting)
        raise GivenError("bad_request", f"{names} have this shape: say which with ?sense=")
    form = fitting[0]
    count = 1 if shape == form.shape else int(shape[0])
    if not 1 <= count <= MOST_ROWS:
        raise GivenError("bad_request", f"{count} samples; expected 1…{MOST_ROWS}")
    body = data[file.tell() :]
    if len(body) != count * form.nbytes or fortran:
        raise GivenError(
            "damaged", f"the npy file holds {len(body)} bytes of values; expected {count * form.nbytes} in C order"
        )
    samples = np.frombuffer(body, form.dtype).reshape(count, *form.shape).copy()
    _check_values(form, samples)
    return Given(form.name, samples)


def _check_values(form: Modality, samples: NDArray[Any]) -> None:
    if form.dtype.kind != "f":
        return
    if not np.isfinite(samples).all() or samples.min() < form.low or samples.max() > form.high:
        raise GivenError("damaged", f"{form.name}: values outside {form.low}…{form.high}, or not finite")


def _reader(wanted: str | None, ending: str, known: tuple[str, ...]) -> str:
    """The sense that reads files of an ending; of those that the learner has, where these are known."""
    able = [name for name, one in senses().items() if ending in one.endings and (not known or name in known)]
    if wanted is not None and wanted not in able:
        raise GivenError("bad_request", f"sense={wanted}: send its samples as npy")
    if not able:
        raise GivenError("unsupported", f"the agent knows {', '.join(known)}, of which none reads {ending} files")
    return able[0] if wanted is None else wanted


def _own_reader(ending: str) -> str:
    """The sense whose samples are prepared here of files of an ending: the first that reads them."""
    return next(name for name, one in senses().items() if ending in one.endings)


def _loaded(name: str, data: bytes, ending: str) -> Given:
    """A file as a sense of a plugin reads it."""
    load = senses()[name].load
    assert load is not None  # `_reader` takes no other
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"given{ending}"
        path.write_bytes(data)
        try:
            return Given(name, np.asarray(load(path))[None])
        except SampleError as error:
            raise GivenError("damaged", str(error).replace(f"{path}: ", "")) from None
