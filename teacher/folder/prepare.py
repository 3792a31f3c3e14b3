"""From files to stored samples of one sense, on all cores, kept in the cache by the files' content.

A file that an earlier preparation in the same form has read is not read again (`teacher.folder.store`).
"""

import functools
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import soundfile
from numpy.typing import NDArray

import sensors
from sensors.core.errors import DataError
from sensors.core.modalities import modality
from sensors.core.registrations import NOTES
from sensors.plugins import plugins
from sensors.senses import configured, sense, senses_config
from teacher.datasets.core.samples import hash_arrays
from teacher.datasets.preparation.cache import Content, Form, form_of, kept
from teacher.folder.pool import passing, read_apart, read_files
from teacher.folder.progress import ProgressBar
from teacher.folder.store import described, reuse, use

MOST_BYTES = 16 << 30
"""Most bytes that the samples of one sense may take."""


@dataclass(frozen=True)
class Rows:
    """The samples of some files.

    Attributes:
        samples: (K, *shape) of the files that were taken, in their order; read-only.
        taken: (N,) which of all the files these are.
        reasons: of the files that were not, in their order.
        fingerprint: hash of both arrays.
    """

    samples: NDArray[Any]
    taken: NDArray[np.bool_]
    reasons: tuple[str, ...]
    fingerprint: str


_LIBRARIES = (cv2.__version__, PIL.__version__, soundfile.__version__, soundfile.__libsndfile_version__)
"""Versions of what decodes pictures and sounds: another one may give other samples."""
_ROWS = form_of(Rows, ("samples", "taken"))


def prepare(name: str, paths: Sequence[Path], contents: Sequence[str], show: bool, again: bool = True) -> Rows:
    """The samples of files, from the cache where files of this content were prepared in this order and form before.

    Files that were left out because the system was at fault, not they, are read again where that is asked for.

    Args:
        name: of the sense.
        paths: of the files.
        contents: `hashes` of them.
        show: whether to show how far it is.
        again: whether to read files again that were left out for a reason that may have passed.

    Raises:
        DataError: their samples would take more than 16 GiB.
    """
    form = modality(name)
    if len(paths) * form.nbytes > MOST_BYTES:
        raise DataError(
            f"{len(paths):,} files of {name} would take {len(paths) * form.nbytes / 2**30:.0f} GiB;\n"
            f"take fewer, or smaller samples (--help-settings lists what {name} can be)"
        )

    def made() -> Rows:
        samples, reasons = np.empty((len(paths), *form.shape), form.dtype), [""] * len(paths)
        new = np.flatnonzero(~reuse(name, made_like, contents, samples, reasons)).tolist()
        with ProgressBar(f"preparing {name}", len(new), show and bool(new)) as progress:
            read, told = read_files(name, [paths[at] for at in new], progress.reach)
        if len(new) == len(paths):
            samples, reasons = read, told
        else:
            samples[new] = read
            for at, reason in zip(new, told, strict=True):
                reasons[at] = reason
        taken = np.array([not reason for reason in reasons], np.bool_)
        samples = samples if taken.all() else samples[taken]
        return Rows(samples, taken, tuple(filter(None, reasons)), hash_arrays([samples, taken]))

    depends = f"{form.shape} {form.dtype} {form.unit} {form.scale} {form.low} {form.high} {_code(name)}"
    depends += f" {_settings(name)} {_LIBRARIES}"
    made_like, key = _hash(depends), _hash("\n".join((depends, *contents)))

    def pack(rows: Rows) -> Content:
        arrays, values = _ROWS.pack(rows)
        return arrays, values | described(made_like, contents)

    renew = partial(_read_again, name, paths, show) if again else _as_it_is
    rows = kept(f"folder-{name}", key, made, Form(_ROWS.arrays, pack, _ROWS.unpack), renew)
    use(name, key)
    return rows


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _as_it_is(found: Rows) -> Rows:
    return found


def _read_again(name: str, paths: Sequence[Path], show: bool, found: Rows) -> Rows:
    """What the cache has, with the files that were left out for a passing reason read once more."""
    left = np.flatnonzero(~found.taken).tolist()
    reasons = dict(zip(left, found.reasons, strict=True))
    again = [at for at, reason in reasons.items() if passing(reason)]
    if not again:
        return found
    with ProgressBar(f"reading {name} again", len(again), show):
        samples, told = read_apart(name, [paths[at] for at in again])
    if told == [reasons[at] for at in again]:
        return found
    reasons |= dict(zip(again, told, strict=True))
    taken = np.array([not reasons.get(at) for at in range(len(paths))], np.bool_)
    every = np.empty((int(taken.sum()), *samples.shape[1:]), samples.dtype)
    before = found.taken[taken]
    every[before], every[~before] = found.samples, samples[[not reason for reason in told]]
    return Rows(every, taken, tuple(filter(None, reasons.values())), hash_arrays([every, taken]))


def _code(name: str) -> str:
    """Hash of the code that reads this sense's files: that of the senses, of what they share, and of a plugin."""
    home = Path(sensors.__file__).parent
    sources = sorted(home.rglob("*.py"))
    digest = hashlib.blake2b(digest_size=8)
    for source in sources:
        digest.update(source.read_bytes())
    file = next((each.file for each in reversed(NOTES) if (each.what, each.name) == ("sense", name)), "")
    text = next((each.text for each in plugins() if each.source == file and each.text is not None), None)
    # This process runs the text that it was sent; the file may say something else by now, or lie on another machine.
    digest.update(_files(file) if text is None else text.encode())
    return digest.hexdigest()


@functools.cache
def _files(file: str) -> bytes:
    """A module, with all modules of its package; where it cannot be read, what no other process has."""
    path = Path(file)
    beside = sorted(path.parent.glob("*.py")) if (path.parent / "__init__.py").exists() else [path]
    try:
        return b"".join(each.read_bytes() for each in beside)
    except OSError:
        return secrets.token_bytes()


def _settings(name: str) -> str:
    """The settings that the samples of a sense depend on: its own, and those of a sense that it is derived from."""
    rule = sense(name).derived
    every = senses_config().from_dict(configured()).to_dict()
    return json.dumps([every.get(each) for each in (name, rule.of if rule else name)], sort_keys=True, default=str)
