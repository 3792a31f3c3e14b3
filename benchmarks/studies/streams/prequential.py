"""Prequential accuracy: every event is examined before it is learned from.

Events are new, their samples are not for ever: these are drawn again and again from a finite training set. Once the
stream has been through all clips, which are few, audio->image is accuracy on sounds that were heard before, in other
events; images, which are many, stay unseen for longer. What was never met is in exams alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agent.exams.judges import Judge
from agent.networks.published import Networks, to_network
from agent.smart.networks import SmartNetworks
from runtime.trial import Concepts, Trial
from sensors.core.event import EventBatch

PATHS = ("image_to_audio", "audio_to_image")


@dataclass(frozen=True)
class BatchScore:
    """What the learner made of one batch before it learned from it.

    Attributes:
        at: events of the stream up to and with this batch.
        path: 'image_to_audio' or 'audio_to_image'.
        right: events whose generated output the judge takes for the true concept.
        count: events.
    """

    at: int
    path: str
    right: int
    count: int


class Prequential:
    """Examines each batch of a trial when it comes; `observe` is the trial's `tap`.

    What an image evokes as sound, and a sound as image, is graded by the judges. Single-modality events count, too.

    Args:
        trial: whose averaged weights answer.
        judges: modality -> judge of what is generated in it.
    """

    def __init__(self, trial: Trial, judges: Mapping[str, Judge]) -> None:
        self.answers: list[BatchScore] = []
        self._trial = trial
        self._judges = judges

    def observe(self, batch: EventBatch, concepts: Concepts) -> None:
        """Examine a batch that was not learned from yet; its concepts grade the answers."""
        networks = published(self._trial)
        for path in PATHS:
            source, target = path.split("_to_")
            if source not in batch.samples:
                continue
            evoked = networks.evoke(to_network(batch.samples[source], source), source, target)
            judged = self._judges[target].grade(evoked.clone()).numpy()
            right = int((judged == concepts[source]).sum())
            self.answers.append(BatchScore(int(batch.seq[-1]) + 1, path, right, len(batch)))

    def state(self) -> list[dict[str, Any]]:
        """The answers, JSON-able."""
        return [asdict(a) for a in self.answers]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from `state`."""
        self.answers = [BatchScore(**a) for a in state]


def share_right(answers: Sequence[BatchScore], path: str, start: int, end: int) -> float | None:
    """Share of right answers on a path over events `start`…`end`; None where there are none."""
    some = [a for a in answers if a.path == path and start < a.at <= end]
    return sum(a.right for a in some) / sum(a.count for a in some) if some else None


def running(answers: Sequence[BatchScore], path: str, window: int) -> list[tuple[int, float]]:
    """Events so far and the share of right answers among the newest `window` of them, or a little more, on a path."""
    own = [a for a in answers if a.path == path]
    right = np.cumsum([0, *(a.right for a in own)])
    count = np.cumsum([0, *(a.count for a in own)])
    points = []
    for k, answer in enumerate(own, 1):
        # The newest batches that together hold the window's events; all of them while there are fewer.
        first = max(int(np.searchsorted(count, count[k] - window, "right")) - 1, 0)
        points.append((answer.at, float((right[k] - right[first]) / (count[k] - count[first]))))
    return points


def published(trial: Trial) -> Networks:
    """The averaged weights as they are now, without a copy where they lie on the CPU already; look, do not keep."""
    if trial.learner.hardware.device.type == "cpu":
        return SmartNetworks(trial.done, trial.smart.smart.averages)
    return trial.networks()
