"""The figures as Ray metrics, for the dashboard and Prometheus; `metrics` lists them all."""

import string
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ray.util.metrics import Counter, Gauge

from agent.algorithms import algorithm, algorithms
from runtime.reporting.figures import Value
from runtime.reporting.metric import Metric
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.answer_role import AnswerRole
from runtime.supervisor.roles.learner_role import LearnerRole
from runtime.supervisor.roles.monitor_role import MonitorRole
from runtime.supervisor.roles.page_role import PageRole
from runtime.supervisor.roles.replay_role import ReplayRole
from runtime.supervisor.roles.sensor_role import SensorRole
from runtime.supervisor.roles.teacher_role import TeacherRole

EMIT_EVERY = 3.0
"""Seconds between emissions; Ray forgets gauges that nobody sets again."""


MAKERS = (
    SupervisedActor,
    ReplayRole,
    TeacherRole,
    SensorRole,
    LearnerRole,
    MonitorRole,
    AnswerRole,
    PageRole,
)
"""The classes whose figures are metrics; each declares its own in `metrics`."""


def metrics() -> tuple[Metric, ...]:
    """All metrics: those that the `MAKERS` and the registered algorithms declare."""
    found = {metric.name: metric for maker in MAKERS for metric in maker.metrics}
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
