"""Exports a run to a folder of ONNX files, and checks there that they answer as the networks do."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.export.description import describe
from agent.export.log_mel_graph import DECIBEL, log_mel_graph
from agent.export.network_graphs import (
    DECODE,
    ENCODE,
    NetworkGraph,
    latent_size,
    network_graphs,
    write_graph,
)
from agent.learned.known import known_samples
from agent.learned.loaded import LoadedAgent
from agent.learned.saved_run import REPLAY
from agent.networks.published import to_network
from sensors.core.errors import ConfigError, NoRoomError, StateError, StorageError
from sensors.core.modalities import modality
from sensors.senses import sense
from sensors.signals.spectrogram import SAMPLE_RATE, TOP_DB, log_mel

SAMPLES = 100
"""Samples on which each graph is compared."""
BATCHES = (1, 7, SAMPLES)
"""Batch sizes in which a graph is run."""
TOLERANCE = 1e-4
"""Largest difference to torch's outputs that is accepted."""
MODEL, CARD = "model.json", "MODEL_CARD.md"


def check_extra() -> None:
    """Refuse to begin without the libraries that an export needs.

    Raises:
        ConfigError: names the extra.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"--onnx: {error.name} is not installed; pip install 'reciprocal[onnx]'") from None


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier export.

    Raises:
        ConfigError: names it.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MODEL).is_file():
        raise ConfigError(f"--onnx {folder}: is not empty; name an empty or new folder")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--onnx {folder}: is a file; name an empty or new folder")
    if not folder.parent.is_dir():
        raise ConfigError(f"--onnx {folder}: there is no folder {folder.parent}; make it first")


def export(agent: LoadedAgent, folder: Path, version: str, card: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    """Write the graphs, their description and the model card into a new folder, which takes the place of an older one.

    Args:
        agent: what is exported.
        folder: where; see `check_folder`.
        version: of the program.
        card: makes the model card of what `model.json` holds.

    Yields:
        What was written and how far it differs from torch, for people.

    Raises:
        StateError: a network cannot be exported, or a graph answers otherwise than torch does; nothing is left then.
        StorageError: the folder cannot be written.
    """
    stage = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        with agent.run.forms.applied():
            yield from _fill(agent, stage, version, card)
        if folder.exists():
            shutil.rmtree(folder)
        stage.rename(folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoRoomError(f"{folder}: no space left on the disk; make room, or name another place") from None
        raise StorageError(f"{folder}: cannot be written ({error.strerror or error}); name another place") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    total = sum(path.stat().st_size for path in folder.iterdir())
    yield f"{len(list(folder.iterdir()))} files, {total / 2**20:.1f} MiB: {folder}"


def _fill(agent: LoadedAgent, stage: Path, version: str, card: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    import onnxruntime

    networks = agent.networks
    tried = tried_samples(agent)
    latents = {name: networks.encode(x, name) for name, x in tried.items()}
    found: dict[str, float] = {}
    for graph in (graphs := network_graphs(networks)):
        write_graph(graph, networks, stage / graph.file)
        x = tried[graph.source] if graph.what == ENCODE else latents[graph.source]
        if graph.what == DECODE:
            # What is evoked is decoded from translated latents.
            others = [networks.translate(z, name, graph.source) for name, z in latents.items()]
            x = torch.cat([part[: SAMPLES // len(others)] for part in others])
        found[graph.file] = difference(stage / graph.file, graph, x)
        yield f"{graph.file}: within {found[graph.file]:.1e} of torch on {len(x)} samples"
    waves, log_mels = tried_waves(), dict[str, str]()
    for name in agent.senses:
        if sense(name).log_mel:
            _, bands, frames = modality(name).shape
            log_mels[name] = f"log_mel_{name}.onnx"
            (stage / log_mels[name]).write_bytes(log_mel_graph(bands, frames).SerializeToString())
            found[log_mels[name]] = wave_difference(stage / log_mels[name], waves)
            yield f"{log_mels[name]}: within {found[log_mels[name]]:.1e} of the range on {len(waves)} sounds"
    if bad := [name for name, off in found.items() if not off <= TOLERANCE]:
        raise StateError(
            f"{bad[0]}: differs by {found[bad[0]]:.1e} from torch, more than {TOLERANCE:.0e}; nothing was exported"
        )
    checked = {
        "samples": SAMPLES,
        "batches": list(BATCHES),
        "tolerance": TOLERANCE,
        "largest_difference": found,
        "onnxruntime": onnxruntime.__version__,
        "torch": torch.__version__,
    }
    sizes = {name: latent_size(networks, name) for name in agent.senses}
    told = describe(agent, graphs, log_mels, sizes, checked, version)
    (stage / MODEL).write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
    (stage / CARD).write_text(card(told))


def tried_samples(agent: LoadedAgent) -> dict[str, Tensor]:
    """`SAMPLES` network inputs of each sense: the newest in replay, and random ones where it holds fewer."""
    rng = np.random.default_rng(0)
    known = known_samples(agent.run.path / REPLAY, agent.senses, SAMPLES)
    made = {}
    for name in agent.senses:
        form = modality(name)
        there = to_network(known[name].samples, name) if name in known else torch.zeros(0, *form.shape)
        drawn = torch.from_numpy(rng.random((SAMPLES - len(there), *form.shape), np.float32))
        made[name] = torch.cat([there, drawn])
    return made


def tried_waves() -> list[NDArray[np.float32]]:
    """`SAMPLES` sounds of many lengths: noisy tones that fade in and out, quiet ones, and a silent one."""
    rng = np.random.default_rng(0)
    waves = [np.zeros(SAMPLE_RATE, np.float32)]
    while len(waves) < SAMPLES:
        t = np.arange(int(rng.integers(100, 7 * SAMPLE_RATE))) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * rng.uniform(60, 7000) * t) + rng.uniform(0, 0.5) * rng.standard_normal(len(t))
        waves.append((10 ** rng.uniform(-4, -0.3) * np.hanning(len(t)) * tone).astype(np.float32))
    return waves


def difference(path: Path, graph: NetworkGraph, x: Tensor) -> float:
    """Largest difference between a graph's outputs and torch's, over all batch sizes.

    Args:
        path: of the graph's file.
        graph: what torch computes.
        x: inputs, `SAMPLES` of them or fewer.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = graph.network(x).numpy()
    worst = 0.0
    for size in BATCHES:
        for at in range(0, len(x), size):
            (made,) = session.run([graph.output], {graph.input: x[at : at + size].numpy()})
            worst = max(worst, float(np.abs(made - expected[at : at + size]).max()))
    return worst


def wave_difference(path: Path, waves: list[NDArray[np.float32]]) -> float:
    """Largest difference of the log-mel graph, as a share of the range of 80 dB, one by one and in one batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = log_mel(waves)
    together = np.zeros((len(waves), max(map(len, waves))), np.float32)
    for row, wave in zip(together, waves, strict=True):
        row[: len(wave)] = wave
    alone = np.concatenate([session.run([DECIBEL], {"wave": wave[None]})[0] for wave in waves])
    (batch,) = session.run([DECIBEL], {"wave": together})
    return float(max(np.abs(made[:, 0] - expected).max() for made in (alone, batch))) / TOP_DB
