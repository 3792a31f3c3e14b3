"""Tensors on disk: the safetensors format, written from memory that is there, without a copy and without the GIL.

A learner that trains while its snapshot is written must not notice: what is written is handed to the kernel as it lies
in memory, in pieces that are flushed one after another, so that no backlog of a whole checkpoint holds up other
writers of the same disk.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PIECE = 1 << 25
"""Bytes between two flushes."""
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Names of the format for what there is."""


def split(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A nested `state_dict` as tensors by path, not copied, and the rest, in which each tensor is its path."""
    tensors: dict[str, Tensor] = {}
    return tensors, {str(k): _split(v, str(k), tensors) for k, v in state.items()}


def _split(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach()
        return {"__tensor__": path}
    if isinstance(value, Mapping):
        return {str(k): _split(v, f"{path}/{k}", tensors) for k, v in value.items()}
    return value


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file and flush it.

    Args:
        path: of the file.
        tensors: by name, of the dtypes in `DTYPES`, on any device and in any memory order.

    Raises:
        OSError: it cannot be written; what was written of it stays.
        KeyError: a dtype that the format does not have.
    """
    # Wide numbers first: each tensor then lies at a multiple of its own size.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    head: dict[str, Any] = {}
    at = 0
    for name in names:
        tensor = tensors[name]
        end = at + tensor.numel() * tensor.element_size()
        head[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb", buffering=0) as file:
        pending = _put(file, memoryview(len(text).to_bytes(8, "little") + text), 0)
        for name in names:
            tensor = tensors[name]
            if tensor.numel():
                data = tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
                pending = _put(file, data.data, pending)
        os.fdatasync(file.fileno())


def _put(file: Any, data: memoryview, pending: int) -> int:
    """Write all of it; returns bytes not flushed yet."""
    while data:
        # A disk that fills up takes a part first and fails after that.
        written = file.write(data[: PIECE - pending])
        data, pending = data[written:], pending + written
        if pending >= PIECE:
            os.fdatasync(file.fileno())
            pending = 0
    return pending
