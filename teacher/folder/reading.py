"""One file to one sample of a sense, or why it is left out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.errors import SampleError, UserError
from sensors.modalities import modality
from sensors.senses import sense

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
        except SampleError as error:
            return None, error.reason
        except (UserError, OSError):
            return None, "that cannot be read"
        except Exception as error:  # a plugin may raise anything
            return None, f"that the reader of {name} fails on ({type(error).__name__}: {str(error)[:80]})"
        if sample.shape != form.shape or sample.dtype != form.dtype:
            return (
                None,
                f"that are {sample.dtype} {sample.shape} to the reader of {name}, not {form.dtype} {form.shape}",
            )
        return sample, ""

    return read
