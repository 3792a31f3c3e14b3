"""Hashes of what a short trial learns: whether a change leaves the learner's arithmetic as it was, bit for bit.

    .venv/bin/python benchmarks/studies/smart/weights.py --data ~/datasets

Two trials of 60 steps on MNIST and FSDD, on one thread of the CPU: guides 'pair' in float32, guides 'cluster' in
bfloat16. The same machine, data and libraries give the same hashes, whatever else runs; another processor may round
otherwise, so compare two commits on one machine.
"""

import argparse
import hashlib
import json
import os
import tempfile
from pathlib import Path

import torch

from agent.config import LearnerConfig
from agent.smart.update import Smart
from replay.config import ReplayConfig
from runtime.trial import Trial
from teacher.config import DataConfig, TeacherConfig
from teacher.datasets import Samples, load_images, load_speech
from teacher.subjects.digits import taught_digits

STEPS = 60
COMMON = {
    **{"preset": "small", "device": "cpu", "threads": 1, "batch": 32, "min_events": 64, "turn_steps": 5},
    **{"clusters": 10, "bank": 256, "augment_from": 10, "augment_growth": 10},
}
TRIALS = {
    "pair, float32": {"guides": "pair", "precision": "float32"},
    "cluster, bfloat16": {"guides": "cluster", "precision": "bfloat16"},
}


def hash_weights(smart: Smart) -> str:
    """Hash of all sides' weights and buffers, 64 hex digits."""
    digest = hashlib.sha256()
    for name, side in sorted(smart.sides.items()):
        for key, tensor in sorted(side.state_dict().items()):
            digest.update(f"{name}/{key}".encode())
            digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def learn(images: Samples, speech: Samples, changes: dict[str, str], steps: int = STEPS) -> str:
    """The hash after a trial of so many steps."""
    torch.set_num_threads(1)
    config = LearnerConfig.from_dict({**COMMON, **changes})
    with (
        tempfile.TemporaryDirectory() as folder,
        Trial(taught_digits(images, speech), TeacherConfig(), ReplayConfig(), config, 0, Path(folder), steps) as trial,
    ):
        trial.run(steps)
        return hash_weights(trial.smart.smart)


def main() -> None:
    """Print one JSON object: fingerprints of the data, and a hash for each trial."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="directory with MNIST and FSDD")
    options = parser.parse_args()
    if not options.data:
        parser.error("--data: name a directory with MNIST and FSDD, or set RECIPROCAL_DATA")
    config = DataConfig(data=options.data, images="mnist", speech="fsdd")
    images, speech = load_images(config), load_speech(config)
    found = {"images": images.fingerprint, "speech": speech.fingerprint, "torch": torch.__version__}
    print(json.dumps(found | {name: learn(images, speech, changes) for name, changes in TRIALS.items()}, indent=2))


if __name__ == "__main__":
    main()
