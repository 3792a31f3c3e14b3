"""One file to one sample of a sense, or why it is left out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import SampleError, UserError
from sensors.core.modalities import modality
from sensors.senses import sense

NOT_NOW = "that the system cannot read now"
"""How the reason begins where the system is at fault, not the file: another time the file may be read."""
Read = Callable[[Path], tuple[NDArray[Any] | None, str]]
"""From a file to its sample and an empty text, or to None and the reason for which it is left out."""


def reader(name: str) -> Read:
    """What reads the files of a sense, in the form that it is set to in this process.

    Raises:
        ValueError: the sense is not read from files.
    """
    load = sense(name).load
    form = modality(name)
    if load is None:
        raise ValueError(f"sense {name!r} is not read from files")

    def read(path: Path) -> tuple[NDArray[Any] | None, str]:
        try:
            if not path.stat().st_size:
                return None, "empty"
            sample = np.asarray(load(path))
        except Exception as error:  # a plugin may raise anything
            return None, _reason(name, error)
        if sample.shape != form.shape or sample.dtype != form.dtype:
            return (
                None,
                f"that are {sample.dtype} {sample.shape} to the reader of {name}, not {form.dtype} {form.shape}",
            )
        return sample, ""

    return read


def _reason(name: str, error: Exception) -> str:
    """Why the file is left out that a sense's reader raised this on."""
    if (fault := _fault_of_system(error)) is not None:
        return f"{NOT_NOW} ({fault})"
    if isinstance(error, SampleError):
        return error.reason
    if isinstance(error, (UserError, OSError)):
        return "that cannot be read"
    return f"that the reader of {name} fails on ({type(error).__name__}: {str(error)[:80]})"


def _fault_of_system(error: BaseException | None) -> str | None:
    """What the system failed on, such as 'Input/output error', where that is what an error comes from.

    Readers turn what the system raises into errors of their own, which keep it as their context. Errors of decoders may
    be `OSError`s, too, but have no number.
    """
    while error is not None:
        if isinstance(error, MemoryError):
            return "out of memory"
        if isinstance(error, OSError) and error.errno is not None:
            return os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return None
