"""What the page knows of the learner: its newest weights, and by them what samples evoke."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.answers.associations import store
from agent.networks.published import Networks, to_network
from page.access.refusals import Refused
from page.inference.codes import Codes, KnownSamples, Near, encoding
from page.inference.inference_thread import InferenceThread
from sensors.core.modalities import modality

REMEMBERED = 1000
"""Answers whose times are kept."""
ENCODE_EVERY = 20.0
"""Shortest time between two encodings of the known samples, seconds."""
WANTED_FOR = 60.0
"""Seconds after the last look for which codes are kept new."""
CACHED = 512
"""Evoked samples that are kept, as many viewers ask for the same ones."""


class LatestModel:
    """Answers with the newest weights; `renew` gives them, from any thread.

    Args:
        thread: computes.
        known_samples: the known samples by sense, and the names of their concepts, now.
    """

    def __init__(
        self,
        thread: InferenceThread,
        known_samples: Callable[[], tuple[Mapping[str, KnownSamples], Sequence[str]]],
    ) -> None:
        self._thread = thread
        self._known_samples = known_samples
        self._networks: Networks | None = None
        self._renewed = 0.0
        self._codes: Codes | None = None
        self._encoding: Future[Codes] | None = None
        self._encoded_at = self._wanted_at = -1e9
        self._stale = False
        self._asked = 0
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._evoked: OrderedDict[tuple[int, str, str], NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def step(self) -> int | None:
        """Learner step of the weights; None before the first ones."""
        networks = self._networks
        return None if networks is None else networks.step

    @property
    def senses(self) -> tuple[str, ...]:
        """What can be asked about; nothing before the first weights."""
        networks = self._networks
        return () if networks is None else tuple(networks.sides)

    def renew(self, networks: Networks) -> None:
        """Answer by these from now on. Their first pass, which takes longer, is made before anybody asks."""

        def take() -> None:
            if self._networks is None and networks.decodes:
                for source in networks.sides:
                    blank = torch.zeros(1, *modality(source).shape)
                    for target in networks.sides:
                        networks.evoke(blank, source, target)
            self._networks, self._renewed = networks, time.monotonic()

        self._thread.ask(take).result()

    def evoke(self, sense: str, samples: NDArray[Any], targets: Sequence[str]) -> tuple[int, dict[str, NDArray[Any]]]:
        """What samples (B, *shape) evoke, by target (B, *shape), and the step of the weights; in the inference thread.

        Args:
            sense: of the samples.
            samples: in the stored dtype.
            targets: senses, their own among them; empty: all.

        Raises:
            Refused: nothing is learned yet, nothing is generated, or a sense is unknown.
        """
        began = time.monotonic()
        networks = self._ready((sense, *targets))
        x = to_network(samples, sense)
        made = {
            target: store(networks.evoke(x, sense, target), modality(target)) for target in targets or networks.sides
        }
        with self._lock:
            self._asked += 1
            self._took.append(time.monotonic() - began)
        return networks.step, made

    def evoke_known(self, reference: str, sense: str, sample: NDArray[Any], target: str) -> tuple[int, NDArray[Any]]:
        """As `evoke`, for one sample (*shape) with a reference, whose answer is kept while the weights are the same."""
        networks = self._ready((sense, target))
        key = networks.step, reference, target
        if key in self._evoked:
            self._evoked.move_to_end(key)
            return networks.step, self._evoked[key]
        found: NDArray[Any] = store(networks.evoke(to_network(sample[None], sense), sense, target), modality(target))[0]
        self._evoked[key] = found
        while len(self._evoked) > CACHED:
            self._evoked.popitem(last=False)
        return networks.step, found

    def nearest(self, sense: str, sample: NDArray[Any]) -> tuple[Mapping[str, list[Near]], Sequence[str]]:
        """What `Codes.nearest` finds, and the names of the concepts; in the inference thread."""
        codes = self._codes
        return ({}, ()) if codes is None else (codes.nearest(sense, np.asarray(sample)), codes.names)

    def encode(self, sense: str, samples: NDArray[Any], target: str | None) -> tuple[int, NDArray[np.float32]]:
        """Latents (B, L) float32 of samples, and the step of the weights; in the inference thread.

        Args:
            sense: of the samples (B, *shape).
            samples: in the stored dtype.
            target: the sense into whose space they are translated; None: their own.

        Raises:
            Refused: nothing is learned yet, or a sense is unknown.
        """
        searched = sense if target is None else target
        networks = self.check((sense, searched))
        latents = networks.translate(networks.encode(to_network(samples, sense), sense), sense, searched)
        return networks.step, np.array(latents.numpy(), np.float32)

    def codes(self) -> Codes | None:
        """The codes of known samples as they are now; begins to make newer ones. None before the first."""
        self._wanted_at = time.monotonic()
        self.update_codes()
        return self._codes

    def forget_codes(self) -> None:
        """There are other known samples: the codes are made anew."""
        self._stale = True

    def update_codes(self) -> None:
        """Make the codes anew where somebody has looked lately, and they are not of the newest weights.

        The first ones, and the first ones with names, are made before anybody looks.
        """
        now = time.monotonic()
        with self._lock:
            if self._encoding is not None:
                if not self._encoding.done():
                    return
                if self._encoding.exception() is None:
                    self._codes = self._encoding.result()
                self._encoding = None
            networks = self._networks
            # The first question of a run is to be answered with a word, too.
            lacking = self._codes is None or (self._stale and not self._codes.names)
            if networks is None or (now - self._wanted_at > WANTED_FOR and not lacking):
                return
            same = self._codes is not None and self._codes.networks is networks and not self._stale
            if same or (self._codes is not None and now - self._encoded_at < ENCODE_EVERY):
                return
            known, names = self._known_samples()
            fitting = {sense: own for sense, own in known.items() if sense in networks.sides}
            if not fitting:
                return
            self._stale, self._encoded_at = False, now
            self._encoding = self._thread.work(encoding(networks, fitting, names))

    def figures(self) -> dict[str, float]:
        """Questions so far, how long answers took (ms), step and age of the weights (s)."""
        with self._lock:
            asked, took = self._asked, list(self._took)
        told = {"asked": float(asked)}
        if took:
            p50, p99 = np.quantile(took, (0.5, 0.99)) * 1e3
            told |= {"answer_ms_p50": round(float(p50), 2), "answer_ms_p99": round(float(p99), 2)}
        if (step := self.step) is not None:
            told |= {"weights_step": float(step), "weights_age_s": round(time.monotonic() - self._renewed, 2)}
        return told

    def check(self, senses: Sequence[str]) -> Networks:
        """The newest weights, which know these senses.

        Raises:
            Refused: nothing is learned yet, or a sense is unknown.
        """
        networks = self._networks
        if networks is None:
            raise Refused("not_ready", "nothing is learned yet; ask again after the learner's first step")
        for name in senses:
            if name not in networks.sides:
                raise Refused("bad_request", f"sense {name[:40]!r}: the agent knows {', '.join(networks.sides)}")
        return networks

    def _ready(self, senses: Sequence[str]) -> Networks:
        """As `check`, of weights that generate samples."""
        networks = self.check(())
        if not networks.decodes:
            raise Refused("not_ready", "the learner's algorithm generates nothing")
        return self.check(senses)
