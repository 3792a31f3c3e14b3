"""A robot without torch: what a sound evokes, by an exported run, with onnxruntime and numpy alone.

python launch.py export RUN --onnx model
python onnx_robot.py model three.wav evoked.pgm
"""

import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def main(folder: Path, sound: str, out: str) -> None:
    """Hear a WAV file, and write what it evokes as a picture (PGM, or PPM in colour)."""
    model = json.loads((folder / "model.json").read_text())

    def run(file: str, values: Any) -> Any:
        session = onnxruntime.InferenceSession(folder / file, providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: values})[0]

    hears = next(name for name, one in model["senses"].items() if "graph" in one["before"])
    sees = next(name for name in model["senses"] if name != hears)
    with wave.open(sound) as file:
        if (file.getframerate(), file.getsampwidth()) != (model["senses"][hears]["before"]["sample_rate_hz"], 2):
            sys.exit(f"{sound}: give 16 bits at {model['senses'][hears]['before']['sample_rate_hz']} Hz")
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    latent = run(
        model["senses"][hears]["encode"],
        run(model["senses"][hears]["before"]["graph"], heard.mean(1, dtype=np.float32)[None] / 32768),
    )
    if translation := model["translate"][hears][sees]:
        latent = run(translation, latent)
    evoked = (run(model["senses"][sees]["decode"], latent)[0].clip(0, 1) * 255).round().astype(np.uint8)
    kind = b"P6" if len(evoked) == 3 else b"P5"
    Path(out).write_bytes(b"%s %d %d 255\n" % (kind, *evoked.shape[:0:-1]) + evoked.transpose(1, 2, 0).tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
