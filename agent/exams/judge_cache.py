"""Trained judges on disk, so that each is trained once: a file of tensors, and beside it JSON with facts about them."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from teacher.datasets.preparation.cache import cache_root

_BROKEN = (OSError, SafetensorError, ValueError)


def judges_folder() -> Path:
    """Where trained judges are kept: in the user's cache.

    Raises:
        StorageError: it cannot be written.
    """
    return cache_root() / "judges"


class KeptJudge:
    """The place of one judge in a cache.

    Args:
        directory: of trained judges; None: the judge is neither read nor written.
        name: of the judge.
        key: changes whenever its data, its settings or its code do.
    """

    def __init__(self, directory: Path | None, name: str, key: str) -> None:
        self._place = None if directory is None else directory / f"{name}-{key}.safetensors"

    def load(self) -> dict[str, Tensor] | None:
        """Its tensors; None where they are not there or cannot be read whole."""
        with contextlib.suppress(*_BROKEN):
            return None if self._place is None else load_file(str(self._place))
        return None

    def facts(self) -> dict[str, Any] | None:
        """What is noted about it; None where nothing is, or it cannot be read."""
        with contextlib.suppress(*_BROKEN):
            found = None if self._place is None else json.loads(self._place.with_suffix(".json").read_text())
            return found if isinstance(found, dict) else None
        return None

    def save(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any] | None = None) -> None:
        """Keep a judge; a cache that cannot be written costs time on the next start, no more."""
        if self._place is None:
            return
        with contextlib.suppress(OSError, SafetensorError):
            self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            stage = self._place.with_name(f".{os.getpid()}-{self._place.name}")
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(stage))
            os.replace(stage, self._place)
            if facts is not None:
                # The facts come last: a judge that should have some and has none does not count as kept.
                noted = self._place.with_suffix(f".{os.getpid()}")
                noted.write_text(json.dumps(dict(facts)))
                os.replace(noted, self._place.with_suffix(".json"))


def code_of(sources: Iterable[Path]) -> str:
    """Hash of source files, for a judge's key: a judge of other code is another judge."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
