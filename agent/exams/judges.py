"""Judges: classifiers trained with labels, that grade what the learner generates (MLC and GLC in the SMART paper).

A judge never touches the learner. It is trained once on a dataset's training part and kept in the user's cache under
that data's fingerprint; its own accuracy on clean test data is printed beside every exam. Trained on clean samples
alone it would be brittle to the softness of any reconstruction, so its training adds light noise, blur and shifts:
that makes the grade about the digit, and costs nothing on clean test data.
"""

import contextlib
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.exams.judge_cache import KeptJudge, code_of
from agent.exams.judge_networks import NETWORKS, build_judge
from agent.networks.layouts import layout_of
from agent.networks.published import to_network
from sensors.core.errors import DataError
from sensors.core.modalities import modality as registered
from teacher.datasets import Samples

FEW, FEWEST_STEPS = 200, 300
"""With fewer training samples than `FEW` a judge takes a share of its layout's steps, at least so many: more teach it
nothing new, and whoever brings a small folder waits for it."""
LOOKS = 6
"""How often, while it is trained, a judge is examined and made available."""


class Judge:
    """A trained classifier of one modality.

    Attributes:
        name: the modality that it judges; for the other networks 'image-second', 'image-reference'.
        accuracy: on the clean test part of its dataset, a fraction; that of the last look.
        trained: share of its training that is done, 0…1.
        concepts: sorted numbers of those that it learns to tell apart; None: all that there are.
    """

    def __init__(self, name: str, net: nn.Module, concepts: NDArray[np.int64] | None = None) -> None:
        self.name = name
        self.net = net.eval()
        self.concepts = concepts
        self.accuracy = 0.0
        self.trained = 0.0

    def knows(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether it ever met each of these concepts (N,), so that it can recognise it."""
        return np.ones(len(labels), np.bool_) if self.concepts is None else np.isin(labels, self.concepts)

    def grade(self, x: Tensor) -> Tensor:
        """Concept numbers (B,) int64, on the CPU, of network-valued samples (B, *shape)."""
        device = next(self.net.parameters()).device
        with torch.no_grad():
            return torch.cat([self.net(part.to(device)).argmax(1).cpu() for part in torch.split(x, 500)])


class Training:
    """Trains a judge step by step, so that its owner can do other things in between.

    Args:
        modality: whose samples it judges.
        samples: labelled data; only `train` is learned from, `test` gives the judge's accuracy.
        steps: in all; 0: as many as the modality's layout asks for, and a share of them for few samples.
        seed: of weights, order and augmentation.
        cache: directory of trained judges; None: neither read nor written.
        network: 'first', 'second' or 'reference', see `agent.exams.judge_networks`.
        preset: sizes of the reference's encoder.
        device: where it is trained and stays.
        concepts: how many there are.
        precision: 'float32' or 'bfloat16', of its training only.
        even: whether all concepts are met equally often, as a teacher shows them; else as often as the data hold them.
        mirror: whether its training samples may be mirrored where the modality's layout does so.

    Raises:
        ConfigError: no such modality, network or preset.
        DataError: a label beyond the number of concepts.
    """

    def __init__(
        self,
        modality: str,
        samples: Samples,
        steps: int,
        seed: int,
        cache: Path | None,
        network: str = NETWORKS[0],
        preset: str = "small",
        device: torch.device | str = "cpu",
        concepts: int = 10,
        precision: str = "float32",
        even: bool = False,
        mirror: bool = True,
    ) -> None:
        kind = registered(modality)
        usual = layout_of(kind.layout, kind.shape, modality)
        self._layout = usual.mirroring(mirror)
        for part in (samples.train_labels, samples.test_labels):
            if len(part) and part.max() >= concepts:
                raise DataError(f"judge of {modality}: {samples.name} has label {part.max()} of {concepts} concepts")
        self.modality = modality
        self.samples = samples
        self.steps = steps = steps or _steps(self._layout.judge_steps, len(samples.train))
        self.done = 0
        self.cached = False
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = build_judge(modality, network, preset, concepts).to(device)
        if self._layout.channels_last is not None and self._layout.channels_last(kind.shape):
            nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
        name = modality if network == NETWORKS[0] else f"{modality}-{network}"
        self.judge = Judge(name, net, np.unique(samples.train_labels))
        self._device = device
        self._network = network
        self._bfloat16 = precision == "bfloat16"
        labels = torch.from_numpy(np.array(samples.train_labels))
        self._chances = 1 / labels.bincount().float()[labels] if even else None
        self._generator = torch.Generator().manual_seed(seed)
        self._batch = 256 if len(samples.train) >= 20_000 else 64
        self._order = torch.zeros(0, dtype=torch.int64)
        self._optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
        self._rate = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, max_lr=self._layout.judge_rate, total_steps=steps
        )
        size = f"-{preset}" if network == "reference" else ""
        size += f"-{precision}" * self._bfloat16 + "-even" * even + "-unmirrored" * (self._layout is not usual)
        key = f"{samples.name}-{samples.fingerprint[:16]}-{concepts}-{steps}-{seed}{size}-{_code(network)}"
        self._kept = KeptJudge(cache, self.judge.name, key)
        self._load()

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self.steps

    @property
    def usable(self) -> bool:
        """Whether the judge was examined at least once."""
        return self.judge.trained > 0

    def step(self) -> None:
        """One training step; now and then a look at the test data, and at the end the cache."""
        if self.finished:
            return
        rows = self._rows()
        x = to_network(self.samples.train[rows.numpy()], self.modality)
        target = torch.from_numpy(np.array(self.samples.train_labels[rows.numpy()]))
        x, target = self._disturb(x).to(self._device), target.to(self._device)
        self.judge.net.train()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bfloat16):
            verdict = self.judge.net(x)
        loss = F.cross_entropy(verdict.float(), target, label_smoothing=0.05)
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        self._optimiser.step()
        self._rate.step()
        self.done += 1
        if self.done % max(self.steps // LOOKS, 1) == 0 or self.finished:
            self._look()
        if self.finished:
            self._kept.save(self.judge.net.state_dict(), {"accuracy": self.judge.accuracy})

    def _rows(self) -> Tensor:
        if self._chances is not None:
            return torch.multinomial(self._chances, self._batch, replacement=True, generator=self._generator)
        if len(self._order) < self._batch:
            self._order = torch.randperm(len(self.samples.train), generator=self._generator)
        rows, self._order = self._order[: self._batch], self._order[self._batch :]
        return rows

    def _look(self) -> None:
        self.judge.net.eval()
        test: NDArray[Any] = self.samples.test
        right = 0
        for at in range(0, len(test), 500):
            x = to_network(test[at : at + 500], self.modality)
            right += int((self.judge.grade(x).numpy() == self.samples.test_labels[at : at + 500]).sum())
        self.judge.accuracy = right / len(test)
        self.judge.trained = self.done / self.steps

    def _disturb(self, x: Tensor) -> Tensor:
        """Noise for all, smoothing for some, and what the layout varies: that makes the grade about the concept."""

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=self._generator)

        x = self._layout.disturb(x, uniform, self._generator)
        if float(uniform(1)) < 0.3:
            x = self._layout.smooth(x)
        if self._layout.soften is not None and self._network != "reference":
            x = self._layout.soften(x, self._generator)
        noise = torch.randn(x.shape, generator=self._generator)
        return x + noise * 0.05 * uniform(len(x), *(1 for _ in x.shape[1:]))

    def _load(self) -> None:
        """Take the judge from the cache; one that cannot be read whole is trained anew."""
        tensors, facts = self._kept.load(), self._kept.facts()
        if tensors is None or facts is None:
            return
        with contextlib.suppress(RuntimeError, ValueError, KeyError, TypeError):
            accuracy = float(facts["accuracy"])
            self.judge.net.load_state_dict(tensors)
            self.judge.accuracy = accuracy
            self.judge.trained = 1.0
            self.done = self.steps
            self.cached = True


def _steps(most: int, samples: int) -> int:
    return min(most, max(FEWEST_STEPS, most * samples // FEW))


@functools.cache
def _code(network: str) -> str:
    """Hash of the sources: another network, augmentation or schedule is another judge."""
    here = Path(__file__).parent
    networks = here.parent / "networks"
    sources = [here / "judges.py", here / "judge_networks.py", *sorted((networks / "layouts").glob("*.py"))]
    if network == "reference":
        sources += [networks / "build.py", networks / "autoencoder.py"]
    return code_of(sources)
