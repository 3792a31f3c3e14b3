"""Log-mel spectrograms as an ONNX graph: from waveforms to the samples that networks take.

The graph computes what `sensors.signals.spectrogram.log_mel` and `quantise` do, in double precision as these do.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.signals.spectrogram import HOP, N_FFT, TOP_DB, WINDOW, mel_filters

OPSET = 18
"""Version of ONNX's operators that the graph uses."""
IR = 10
"""Version of ONNX's file format that the graph has."""
WAVE, SAMPLE, DECIBEL = "wave", "sample", "decibel"
"""Names of the input, and of the two outputs."""
_SMALLEST = 1e-10


def log_mel_graph(bands: int, frames: int) -> Any:
    """The graph as an `onnx.ModelProto`.

    Input `wave`: (batch, samples) float32 at 16 kHz, -1…1; shorter ones are padded with zeros at their end, and what is
    beyond the frames is cut. Outputs, both (batch, 1, bands, frames) float32: `sample`, 0…1 in steps of 1/255, as
    networks take it; `decibel`, -80…0, before it is rounded.

    Args:
        bands: mel bands of a sample.
        frames: frames of a sample.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    length = (frames - 1) * HOP + N_FFT
    window = np.zeros(N_FFT)
    window[:WINDOW] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    constants: dict[str, NDArray[Any]] = {
        # Frames are centred: silence lies before the first sample and after the last.
        "pads": np.array([0, WINDOW // 2, 0, length], np.int64),
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "length": np.array([length], np.int64),
        "last": np.array([-1], np.int64),
        "inner": np.array([1, 2], np.int64),
        "hop": np.array(HOP, np.int64),
        "points": np.array(N_FFT, np.int64),
        "window": window,
        "filters": np.ascontiguousarray(mel_filters(bands).astype(np.float64).T),
        "smallest": np.array(_SMALLEST),
        "to_decibel": np.array(10 / np.log(10)),
        "floor": np.array(-TOP_DB),
        "steps": np.array(255 / TOP_DB),
        "top": np.array(255.5),
        "unit": np.array(1 / 255),
    }
    node = helper.make_node
    nodes = [
        node("Cast", [WAVE], ["double"], to=TensorProto.DOUBLE),
        node("Pad", ["double", "pads"], ["padded"]),
        node("Slice", ["padded", "zero", "length", "one"], ["cut"]),
        node("Unsqueeze", ["cut", "last"], ["signal"]),
        node("STFT", ["signal", "hop", "window", "points"], ["spectrum"], onesided=1),
        node("Mul", ["spectrum", "spectrum"], ["squares"]),
        node("ReduceSum", ["squares", "last"], ["power"], keepdims=0),
        node("MatMul", ["power", "filters"], ["mel"]),
        node("Max", ["mel", "smallest"], ["audible"]),
        node("Log", ["audible"], ["log"]),
        node("Mul", ["log", "to_decibel"], ["absolute"]),
        node("ReduceMax", ["absolute", "inner"], ["loudest"], keepdims=1),
        node("Sub", ["absolute", "loudest"], ["relative"]),
        node("Max", ["relative", "floor"], ["floored"]),
        # A silent clip is silent throughout, not as loud as its own loudest value.
        node("ReduceMax", ["audible", "inner"], ["strongest"], keepdims=1),
        node("Greater", ["strongest", "smallest"], ["sounds"]),
        node("Where", ["sounds", "floored", "floor"], ["frames_first"]),
        node("Transpose", ["frames_first"], ["bands_first"], perm=[0, 2, 1]),
        node("Unsqueeze", ["bands_first", "one"], ["levels"]),
        node("Cast", ["levels"], [DECIBEL], to=TensorProto.FLOAT),
        node("Mul", ["levels", "steps"], ["scaled"]),
        node("Add", ["scaled", "top"], ["raised"]),
        node("Floor", ["raised"], ["stored"]),
        node("Mul", ["stored", "unit"], ["value"]),
        node("Cast", ["value"], [SAMPLE], to=TensorProto.FLOAT),
    ]
    form: list[str | int | None] = ["batch", 1, bands, frames]
    graph = helper.make_graph(
        nodes,
        "log_mel",
        [helper.make_tensor_value_info(WAVE, TensorProto.FLOAT, ["batch", "samples"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, form) for name in (SAMPLE, DECIBEL)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return model
