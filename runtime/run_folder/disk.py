"""An upper estimate of a new run's disk space, before anything is made and without torch.

A checkpoint grows with the networks, and these with the samples' forms and the preset. The sizes below bound the
parameters of the networks in `agent/networks/layouts/`; `tests/runtime/run_folder/test_disk.py` compares them with the
networks.
"""

from math import prod

from agent.config import LATENT
from runtime.config.learning import kinds, learning
from runtime.config.settings import RunConfig
from sensors.core.modalities import Modality, modality

CHECKPOINTS = 4
"""Checkpoints that a run holds at once: three, and one in the making."""
BYTES = 16
"""Bytes of a checkpoint for each parameter: its weight, the weight's average and the optimiser's two moments."""
ROOM = 4 * 10**6
"""What a checkpoint holds for each sense and algorithm beside that."""
TURNS = 40 * 10**6
"""What an algorithm that reads labels may add: networks, embedding, and in a turn its snapshot of full tables."""
_SIZES = {
    "spectrogram": {"small": (3.8e6, 0.0, 3.8e6), "medium": (4e6, 0.0, 4e6), "paper": (11.9e6, 0.0, 11.9e6)},
    "sequence": {
        "small": (0.3e6, 25e3, 1e9),
        "medium": (0.6e6, 37e3, 1e9),
        "paper": (1e6, 50e3, 1e9),
    },
    "picture": {"small": (0.4e6, 2050.0, 19e6), "medium": (0.65e6, 385.0, 1e9), "paper": (7.1e6, 520.0, 1e9)},
}
"""Layout -> preset -> parameters of an autoencoder of 512 latent numbers: so many, so many more for each position in a
sample (pixel or frame), and the most."""


def needed_bytes(config: RunConfig) -> int:
    """Disk for the tables of replay and for the checkpoints of a new run."""
    tables = sum(config.replay.capacity_of(kind) * _event_bytes(kind) for kind in kinds(config))
    return tables + CHECKPOINTS * checkpoint_bytes(config)


def checkpoint_bytes(config: RunConfig) -> int:
    """About the most that one checkpoint takes."""
    learner = config.learner
    large = (learner.preset, learner.device) == ("auto", "cuda")
    preset = "paper" if large else "small" if learner.preset == "auto" else learner.preset
    senses = [name.strip() for name in learner.modalities.split(",")]
    networks = sum(parameters(modality(name), preset, learner.latent) for name in senses)
    # Each sense has a network into the latent space of each other one.
    networks += len(senses) * (len(senses) - 1) * transcoder(learner.latent)
    each = BYTES * networks + ROOM * len(senses)
    return sum(TURNS if declared.labels else each for declared in learning(config).active)


def parameters(form: Modality, preset: str, latent: int) -> int:
    """At least as many parameters as the autoencoder of a sense has; those of a layout that is not known are guessed.

    Args:
        form: of the sense's samples.
        preset: 'small', 'medium' or 'paper'.
        latent: size of z.
    """
    least, each, most = _SIZES.get(form.layout, _SIZES["picture"])[preset]
    positions = form.shape[0] if form.layout == "sequence" else prod(form.shape[-2:])
    return round(min(least + each * positions, most) * max(latent / LATENT, 1.0))


def transcoder(latent: int) -> int:
    """Parameters of a network from one latent space to another: five layers."""
    return 5 * latent * (latent + 4)


def _event_bytes(kind: str) -> int:
    return sum(modality(name).nbytes for name in kind.split("+"))
