"""The figures as Ray metrics, for the dashboard and Prometheus; `metrics` lists them all."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ray.util.metrics import Counter, Gauge

from agent.algorithms import algorithm, algorithms
from runtime.reporting.figures import Value

EMIT_EVERY = 3.0
"""Seconds between emissions; Ray forgets gauges that nobody sets again."""


@dataclass(frozen=True)
class Metric:
    """One Ray metric, seen by Prometheus as `ray_<name>`.

    Attributes:
        name: in Ray.
        help: what it means, with its unit.
        prefix: figures `<prefix><rest>` feed it.
        tag: the label that takes `<rest>`; empty where the prefix is the whole key.
        counter: whether it is a total that never falls.
    """

    name: str
    help: str
    prefix: str
    tag: str = ""
    counter: bool = False


METRICS = (
    Metric("reciprocal_events_total", "events accepted by replay, by kind", "events/", "kind", counter=True),
    Metric("reciprocal_accepted_total", "events accepted of one teacher", "accepted/", "actor", counter=True),
    Metric("reciprocal_replay_inserted_total", "events inserted into replay", "replay/inserted", counter=True),
    Metric("reciprocal_replay_sampled_total", "events drawn from replay", "replay/sampled", counter=True),
    # Not a Ray counter: those are invisible while they are zero, and zero is what one wants to see here.
    Metric("reciprocal_dropped_events", "events lost or turned away so far, by reason", "dropped/", "reason"),
    Metric("reciprocal_restarts_total", "restarts of actors", "restarts/", "actor", counter=True),
    Metric("reciprocal_hangs_total", "times that an actor gave no heartbeat", "hangs/", "actor", counter=True),
    Metric("reciprocal_actor_well", "1 while an actor is up, 0 while hung, late or being restarted", "well/", "actor"),
    Metric("reciprocal_noticed_seconds", "seconds until its last death or hang was detected", "noticed_s/", "actor"),
    Metric("reciprocal_recovered_seconds", "seconds from noticing it to its next answer", "recovered_s/", "actor"),
    Metric("reciprocal_replay_events", "events in replay, by kind", "size/", "kind"),
    Metric("reciprocal_replay_fill", "fullest table's fill, 0 to 1", "replay/fill"),
    Metric("reciprocal_events_per_second", "events accepted each second", "replay/events_per_s"),
    Metric("reciprocal_sensor_live", "whether a sensor gives, 1 or 0, by sensor", "sensor_live/", "sensor"),
    Metric("reciprocal_sensor_stalls", "times that a sensor stopped giving, by sensor", "sensor_stalls/", "sensor"),
    Metric("reciprocal_sensor_reconnects", "times that a lost sensor was opened again", "sensor_reconnects/", "sensor"),
    Metric("reciprocal_sensor_samples", "pieces of sound, pictures and the like read so far", "sensor_read/", "sensor"),
    Metric("reciprocal_sensor_lost", "samples and messages lost, by source and reason", "sensor_lost/", "reason"),
    Metric("reciprocal_perceived", "percepts, events by kind, seconds to replay", "sensors/", "figure"),
    Metric("reciprocal_learner_step", "learner steps so far", "learner/step"),
    Metric("reciprocal_learner_steps_per_second", "learner steps each second", "learner/steps_per_s"),
    Metric("reciprocal_learner_duty", "share of time that the learner computes, 0 to 1", "learner/duty"),
    Metric(
        "reciprocal_learner_held_seconds", "seconds that learning waited to be saved, or was paused", "learner/held_s"
    ),
    Metric(
        "reciprocal_checkpoint_stall_ms",
        "milliseconds of learning that the last checkpoint took",
        "learner/checkpoint_stall_ms",
    ),
    Metric("reciprocal_loss", "losses, by term", "loss/", "term"),
    Metric("reciprocal_exam_accuracy", "exam accuracy, 0 to 1", "exam/", "exam"),
    Metric("reciprocal_self_consistency", "self-consistency exams without labels, by figure", "self/", "figure"),
    Metric("reciprocal_answers", "questions, responses, and how long answers take, by figure", "answer/", "figure"),
    Metric("reciprocal_speaker_sounds", "sounds played, and not played by reason, so far", "speaker/", "outcome"),
    Metric("reciprocal_retrieval", "share of test samples that find their concept, 0 to 1", "retrieval/", "exam"),
    Metric("reciprocal_retrieval_chance", "what guessing reaches there, 0 to 1", "retrieval_chance/", "exam"),
    Metric("reciprocal_judge_accuracy", "a judge's own test accuracy, 0 to 1", "judge/", "judge"),
)
"""Metrics that every run may have, whatever learns in it."""


def metrics() -> tuple[Metric, ...]:
    """All metrics: `METRICS`, and the gauges that the registered algorithms declare."""
    found = {metric.name: metric for metric in METRICS}
    for name in algorithms():
        shown = {**algorithm(name).gauges, "share": f"share of the learner's time that {name} takes, 0 to 1"}
        for figure, meaning in shown.items():
            made = Metric(f"reciprocal_{name}_{figure}", meaning, f"{name}/{figure}")
            found.setdefault(made.name, made)
    return tuple(found.values())


class RayMetrics:
    """Feeds Ray's metrics from flat figures.

    Args:
        run: name of the run, a label of every metric.

    Attributes:
        lost: values that Ray did not take.
        fault: why it did not take the first of them; empty while it took all.
    """

    def __init__(self, run: str) -> None:
        self._made: dict[str, Any] = {}
        self._run = label_of(run)
        self.lost = 0
        self.fault = ""
        self._totals: dict[tuple[str, str], float] = {}
        self._known = metrics()

    def emit(self, values: Mapping[str, Value]) -> None:
        """Set every metric that a figure feeds; figures without a metric are left to the files."""
        for key, value in values.items():
            found = metric_of(key, self._known)
            if found is None or isinstance(value, str):
                continue
            metric, label = found
            try:
                self._set(metric, label, float(value))
            except Exception as error:
                # Whatever it is: figures for others to look at are no reason to end a run.
                self.lost += 1
                self.fault = self.fault or f"{metric.name}: {type(error).__name__}: {error}"

    def _set(self, metric: Metric, label: str, value: float) -> None:
        tags = {"run": self._run} | ({metric.tag: label_of(label)} if metric.tag else {})
        made = self._metric(metric)
        if not metric.counter:
            made.set(value, tags=tags)
            return
        before = self._totals.get((metric.name, label), 0.0)
        if value > before:
            made.inc(value - before, tags=tags)
            self._totals[metric.name, label] = value

    def _metric(self, metric: Metric) -> Any:
        if metric.name not in self._made:
            kind = Counter if metric.counter else Gauge
            keys = ("run", metric.tag) if metric.tag else ("run",)
            self._made[metric.name] = kind(metric.name, description=metric.help, tag_keys=keys)
        return self._made[metric.name]


def label_of(text: str) -> str:
    """A label's value as Ray takes it, which is ASCII: other characters are written as in a URL (`Gr%C3%B6%C3%9Fe`)."""
    return quote(text, safe=string.printable, errors="surrogateescape")


def metric_of(key: str, known: Sequence[Metric] | None = None) -> tuple[Metric, str] | None:
    """The metric that a figure feeds, and the value of its label; None when no metric takes it.

    Args:
        key: of the figure.
        known: where to look for it; None: among all `metrics`.
    """
    for metric in metrics() if known is None else known:
        if metric.tag and key.startswith(metric.prefix):
            return metric, key.removeprefix(metric.prefix)
        if key == metric.prefix:
            return metric, ""
    return None
