"""Checkpoints: written beside the run in a stage directory, listed in a manifest, made visible by one rename.

A directory with a checkpoint's name is complete: every part is named in its `manifest.json` with size and
SHA-256, and was flushed to disk before the rename. What a crash interrupts stays a stage directory, which the next
writer removes. Tensors travel as safetensors, everything else as JSON; nothing is pickled.
"""

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from agent.checkpoints.tensor_file import split, write_tensors
from sensors.core.errors import DamageError, StateError, StorageError

VERSION = 1
KEEP = 3
"""Newest checkpoints that are kept."""
UNUSABLE = "unusable-"
"""What a checkpoint's name begins with once it was found unusable: it counts no more, and nobody removes it."""
_stages = itertools.count()


def write_checkpoint(
    directory: Path,
    step: int,
    write: Callable[[Path], int | None],
    details: Mapping[str, Any],
    keep: int = KEEP,
) -> Path:
    """Write one checkpoint whole, or leave the older ones as they were.

    Args:
        directory: a run's `checkpoints/`.
        step: the learner's step, which names the checkpoint.
        write: puts all parts into the stage directory that it is given; the step that it returns, if any, counts.
        details: JSON-ready facts for the manifest.
        keep: number of newest checkpoints that stay.

    Returns:
        The checkpoint's directory.

    Raises:
        StorageError: it cannot be written; older checkpoints are untouched.
    """
    # A name of its own each time: a writer that was given up must not put its parts into a later one's stage.
    stage = directory / f".stage-{os.getpid()}-{next(_stages)}"
    try:
        for left in directory.glob(".stage-*"):
            shutil.rmtree(left)
        stage.mkdir(parents=True, mode=0o700)
        told = write(stage)
        step = step if told is None else told
        parts = {p.name: _measure(p) for p in sorted(stage.iterdir())}
        manifest = {"version": VERSION, "step": step, "parts": parts, **details}
        (stage / "manifest.json").write_text(json.dumps(manifest, indent=1))
        for path in (*stage.iterdir(), stage):
            _flush(path)
        target = _free_name(directory, step)
        stage.rename(target)
        _flush(directory)
        # The checkpoint that was just written stays, even if others have later names.
        others = [p for p in list_checkpoints(directory) if p != target]
        for old in others[: max(len(others) - keep + 1, 0)]:
            # Out of sight first: what is half removed must not pass for a checkpoint.
            doomed = old.rename(directory / f".stage-{old.name}")
            shutil.rmtree(doomed)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        # What failed in another process comes with that process's whole traceback as its text.
        reason = error.strerror or str(error).strip().splitlines()[-1]
        raise StorageError(
            f"checkpoint of step {step} in {directory}: {reason}; older checkpoints are unharmed"
        ) from error
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return target


def _free_name(directory: Path, step: int) -> Path:
    """`step-…`, with a number behind it where that step was written before; names sort by age."""
    plain = directory / f"step-{step:012d}"
    before = [p for p in list_checkpoints(directory) if p.name.startswith(plain.name)]
    if not before:
        return plain
    _, _, number = before[-1].name.removeprefix("step-").partition("-")
    return directory / f"{plain.name}-{int(number or 0) + 1:06d}"


def list_checkpoints(directory: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(p for p in directory.glob("step-*") if (p / "manifest.json").is_file())


def newest_checkpoint(directory: Path) -> Path | None:
    """The last complete checkpoint, or None."""
    found = list_checkpoints(directory)
    return found[-1] if found else None


def set_aside(checkpoint: Path) -> Path:
    """Give an unusable checkpoint a name that is none: it neither counts as newest nor pushes out a good one.

    Returns:
        Where it is now, whole.

    Raises:
        StorageError: it cannot be renamed.
    """
    number, aside = 0, checkpoint.with_name(UNUSABLE + checkpoint.name)
    try:
        while aside.exists():
            number += 1
            aside = checkpoint.with_name(f"{UNUSABLE}{checkpoint.name}.{number}")
        checkpoint.rename(aside)
        _flush(aside.parent)
    except OSError as error:
        raise StorageError(f"{checkpoint}: is unusable and cannot be set aside ({error.strerror})") from error
    return aside


def read_manifest(checkpoint: Path, thorough: bool = True) -> dict[str, Any]:
    """The manifest, after every part that it names was found whole.

    Args:
        checkpoint: its directory.
        thorough: read all parts and compare their hashes; else only see that they are there and of the right size.

    Raises:
        DamageError: torn, or a part is missing, unknown or changed.
        StateError: of another version, or it cannot be read now; nothing is said of what it holds.
    """
    name = "manifest.json"
    try:
        manifest = json.loads((checkpoint / name).read_text())
        # Before all else: what another version holds beside it is not known.
        if (version := manifest["version"]) != VERSION:
            raise StateError(f"{checkpoint}: format version {version}, this program reads version {VERSION}")
        parts = {str(part): list(told) for part, told in dict(manifest["parts"]).items()}
        present = {p.name for p in checkpoint.iterdir()} - {name}
        if missing := sorted(set(parts) - present):
            raise DamageError(f"{checkpoint}: {', '.join(missing)} is missing; resume from an older checkpoint")
        if unknown := sorted(present - set(parts)):
            raise DamageError(f"{checkpoint}: {', '.join(unknown)} is not part of it; remove it or use an older one")
        for name, expected in parts.items():
            path = checkpoint / name
            if (_measure(path) if thorough else [path.stat().st_size, *expected[1:]]) != expected:
                raise DamageError(f"{checkpoint}: {name} is damaged; resume from an older checkpoint")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, KeyError, TypeError) as error:
        raise DamageError(f"{checkpoint}: {name} cannot be read ({error})") from error
    except OSError as error:
        raise unreadable(checkpoint, name, error) from error
    return dict(manifest)


def unreadable(checkpoint: Path, name: str, error: OSError) -> StateError:
    """What to tell of a part that cannot be read now, and may well be whole."""
    return StateError(
        f"{checkpoint}: {name} cannot be read ({error.strerror}); repair that, or move this checkpoint away to go on "
        "from an older one"
    )


def save_state(directory: Path, name: str, state: Mapping[str, Any]) -> None:
    """Write a nested `state_dict` as `<name>.safetensors` and `<name>.json`.

    Raises:
        OSError: it cannot be written.
    """
    tensors, plain = split(state)
    write_tensors(directory / f"{name}.safetensors", tensors)
    (directory / f"{name}.json").write_text(json.dumps(plain))


def load_state(directory: Path, name: str, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        StateError: a file is missing or damaged, or holds tensors that the other does not name, or lacks some.
    """
    try:
        tensors = load_file(str(directory / f"{name}.safetensors"), device=str(device))
        plain = json.loads((directory / f"{name}.json").read_text())
    except (OSError, ValueError, SafetensorError) as error:
        raise StateError(f"{directory}: {name} cannot be read ({error})") from error
    if not isinstance(plain, dict):
        raise StateError(f"{directory}: {name} cannot be read (it holds no named values)")
    left = dict(tensors)
    state = _join(plain, tensors, left, f"{directory}: {name}")
    if left:
        raise StateError(f"{directory}: {name} has unknown tensors: {', '.join(sorted(left)[:5])}")
    return dict(state)


def _join(value: Any, tensors: Mapping[str, Any], left: dict[str, Any], owner: str) -> Any:
    if not isinstance(value, dict):
        return value
    if "__tensor__" not in value:
        return {k: _join(v, tensors, left, owner) for k, v in value.items()}
    name = str(value["__tensor__"])
    if name not in tensors:
        raise StateError(f"{owner} lacks tensor {name}")
    left.pop(name, None)
    return tensors[name]


def _measure(path: Path) -> list[Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return [path.stat().st_size, digest.hexdigest()]


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
