"""An agent that is loaded from a run's directory: its newest checkpoint answers, in this process and without Ray."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.algorithms import algorithm, algorithms
from agent.answers.associations import store
from agent.answers.files import png, wav
from agent.checkpoints.checkpoint import list_checkpoints, read_manifest
from agent.checkpoints.migrations import read_parts
from agent.inference import build_networks
from agent.learned.contract import NEAREST, Agent, EvokedSamples, Given, NearSample, check_count, check_known, one_given
from agent.learned.known import Gallery, known_samples
from agent.learned.packing import packed
from agent.learned.sample import SIDE, Sample
from agent.learned.saved_run import CHECKPOINTS, REPLAY, SavedRun
from agent.networks.published import Networks, to_network
from sensors.core.errors import ConfigError, StateError
from sensors.core.modalities import modality
from sensors.given import Given as GivenSamples
from sensors.given import GivenError, read_given
from sensors.senses import sense as registered_sense


class LoadedAgent(Agent):
    """What a saved run has learned.

    Args:
        run: its directory, as it was read.
        networks: its published networks.
        learned_by: name of the algorithm that learned them.
        checkpoint: where they were read from.

    Attributes:
        run: the directory that was read.
        networks: the networks, for programs that work with torch.
        learned_by: name of the algorithm.
        checkpoint: directory of the checkpoint.
    """

    def __init__(self, run: SavedRun, networks: Networks, learned_by: str, checkpoint: Path) -> None:
        self.run, self.networks, self.learned_by, self.checkpoint = run, networks, learned_by, checkpoint

    @property
    def step(self) -> int:
        """Learner step of the checkpoint's weights."""
        return self.networks.step

    @property
    def senses(self) -> tuple[str, ...]:
        """Names of the senses that can be asked about and evoked."""
        return tuple(self.networks.sides)

    def heard(self, sense: str) -> bool:
        """Whether samples of a sense can be heard."""
        return registered_sense(sense).hear is not None

    def __repr__(self) -> str:
        return f"LoadedAgent({str(self.run.path)!r}, step {self.step}, {', '.join(self.senses)})"

    def evoke(
        self, target: str | Sequence[str] = (), *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> EvokedSamples:
        """What a sample evokes; see `Agent.evoke`.

        Raises:
            UserError: as `Agent.evoke`, or the algorithm generates nothing.
        """
        named = (target,) if isinstance(target, str) else tuple(target)
        for name in named:
            check_known(name, self.senses)
        with self.run.forms.applied():
            asked = self._samples(given, prepare, cut)
            source = asked.sense
            wanted = named or tuple(name for name in self.senses if name != source)
            x = to_network(asked.samples, source)
            made = {name: store(self.networks.evoke(x, source, name), modality(name)) for name in wanted}
            samples = {name: self._sample(name, rows) for name, rows in made.items()}
            return EvokedSamples(self.step, self._sample(source, asked.samples), samples, asked.heard)

    def latents(
        self, target: str | None = None, *, prepare: str | None = None, cut: str = "auto", **given: Given
    ) -> NDArray[np.float32]:
        """The latents of samples, (B, L) float32; see `Agent.latents`."""
        with self.run.forms.applied():
            return np.array(self._latents(self._samples(given, prepare, cut), target).numpy(), np.float32)

    def nearest(
        self,
        target: str | None = None,
        count: int = NEAREST,
        *,
        prepare: str | None = None,
        cut: str = "auto",
        **given: Given,
    ) -> list[NearSample]:
        """The known samples that are nearest to one sample: of the newest events in the run's replay."""
        check_count(count)
        with self.run.forms.applied():
            asked = self._samples(given, prepare, cut)
            if len(asked.samples) != 1:
                raise ConfigError(f"{asked.sense}: nearest takes one sample, got {len(asked.samples)}")
            wanted = asked.sense if target is None else target
            found = self._gallery.nearest(self._latents(asked, wanted)[0], wanted, count)
            known = self._gallery.known[wanted]
            return [
                NearSample(known.ids[row], self._sample(wanted, known.samples[row : row + 1]), None, round(distance, 6))
                for row, distance in found
            ]

    def _latents(self, asked: GivenSamples, target: str | None) -> torch.Tensor:
        wanted = asked.sense if target is None else target
        check_known(wanted, self.senses)
        latent = self.networks.encode(to_network(asked.samples, asked.sense), asked.sense)
        return self.networks.translate(latent, asked.sense, wanted)

    def _samples(self, given: Mapping[str, Given], prepare: str | None, cut: str) -> GivenSamples:
        """What was given as stored samples; the forms of the run are applied."""
        name, what = one_given(given, self.senses)
        form, own = modality(name), registered_sense(name)
        path = Path(what) if isinstance(what, str | os.PathLike) else None
        if path is not None and own.load is not None and path.suffix.lower() in own.endings and _reads_alone(name):
            # A kind of file that only the sense itself can read.
            return GivenSamples(name, own.load(path)[None])
        data = packed(what, name, form.shape, str(form.dtype))
        try:
            return read_given(data, "", self.senses, name, prepare or self.run.prepares, cut)
        except GivenError as error:
            if path is None:
                raise
            raise type(error)(error.reason, f"{path}: {error}") from None

    def _sample(self, name: str, rows: NDArray[Any]) -> Sample:
        """Rows (B, *shape) of a sense as a `Sample`."""
        heard = self.heard(name)
        if len(rows) > 1:
            return Sample(name, rows, heard)
        return Sample(name, rows[0], heard, partial(self._render, name, rows[0]))

    def _render(self, name: str, sample: NDArray[Any], form: str) -> bytes:
        with self.run.forms.applied():
            if form == "png":
                return png(name, sample, SIDE)
            hear = registered_sense(name).hear
            wave = np.zeros(0, np.float32) if hear is None else hear(sample)
            return wav(wave) if len(wave) else b""

    @cached_property
    def _gallery(self) -> Gallery:
        return Gallery(self.networks, known_samples(self.run.path / REPLAY, self.senses))


def load(path: str | os.PathLike[str], *, step: int | None = None, plugins: Sequence[str | Path] = ()) -> LoadedAgent:
    """Load what a run has learned, from its newest checkpoint. The run may be live; it is not disturbed.

    The plugins that the run was made with are loaded, which executes their files.

    Args:
        path: the run directory.
        step: of another checkpoint that the run still has.
        plugins: files of plugins that have been moved since the run was made.

    Raises:
        UserError: there is no such run or checkpoint, it is damaged, or it has learned nothing that can be asked.
    """
    return load_run(SavedRun.read(path, plugins), step)


def load_run(run: SavedRun, step: int | None = None) -> LoadedAgent:
    """As `load`, of a run that was read."""
    tries = 3
    while True:
        checkpoint = find_checkpoint(run.path, step)
        try:
            read_manifest(checkpoint)
            parts = read_parts(checkpoint, {})
            break
        except StateError:
            tries -= 1
            # A live run removes its oldest checkpoint whenever it writes one.
            if checkpoint.is_dir() or not tries:
                raise
    name = learned_by(parts)
    declared = algorithm(name)
    assert declared.saved is not None
    with run.forms.applied():
        networks = build_networks(declared.saved(parts[name]))
    return LoadedAgent(run, networks, name, checkpoint)


def find_checkpoint(run: Path, step: int | None = None) -> Path:
    """The newest checkpoint of a run, or that of a step.

    Raises:
        StateError: there is none.
    """
    found = list_checkpoints(run / CHECKPOINTS)
    if not found:
        raise StateError(f"{run}: has no checkpoint yet; let it learn for half a minute, or stop it by Ctrl-C")
    if step is None:
        return found[-1]
    steps = {int(path.name.split("-")[1]): path for path in found}
    if step not in steps:
        raise StateError(f"{run}: has no checkpoint of step {step}; there are {', '.join(map(str, steps))}")
    return steps[step]


def learned_by(parts: Mapping[str, Any]) -> str:
    """Name of the algorithm among a checkpoint's parts that answers: one that can evoke, else one that has latents.

    Raises:
        StateError: there is none.
    """
    there = [algorithm(name) for name in algorithms() if name in parts]
    able = [one for one in there if one.networks is not None and one.saved is not None]
    if not able:
        names = ", ".join(one.name for one in there) or "nothing"
        raise StateError(f"the checkpoint holds what {names} learned, which cannot be asked; learn with --learn smart")
    return next((one for one in able if one.decodes), able[0]).name


def _reads_alone(name: str) -> bool:
    """Whether a sense's files are neither pictures nor sounds that `sensors.given` reads."""
    return not {".png", ".wav"} & set(registered_sense(name).endings)
