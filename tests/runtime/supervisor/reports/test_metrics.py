from dataclasses import replace

import pytest

from agent.algorithms import SMART, contract
from runtime.supervisor.reports import metrics
from runtime.supervisor.reports.metrics import RayMetrics, label_of, metric_of

FIGURES = (
    *("loss/image/reconstruction", "exam/image_to_audio", "learner/step"),
    *("exam/lips_unseen", "events/speech+lips+letter", "tdlft/turns"),
    *("contrastive/temperature", "smart/share"),
)


def test_figures_find_their_metric_and_label() -> None:
    found = {key: metric_of(key) for key in FIGURES}
    named = {key: (hit[0].name, hit[1]) for key, hit in found.items() if hit}
    assert named == {
        "loss/image/reconstruction": ("reciprocal_loss", "image/reconstruction"),
        "exam/image_to_audio": ("reciprocal_exam_accuracy", "image_to_audio"),
        "learner/step": ("reciprocal_learner_step", ""),
        "exam/lips_unseen": ("reciprocal_exam_accuracy", "lips_unseen"),
        "events/speech+lips+letter": ("reciprocal_events_total", "speech+lips+letter"),
        "tdlft/turns": ("reciprocal_tdlft_turns", ""),
        "contrastive/temperature": ("reciprocal_contrastive_temperature", ""),
        "smart/share": ("reciprocal_smart_share", ""),
    }
    assert metric_of("teacher/waiting_s") is None


def test_the_registry_is_fit_for_prometheus() -> None:
    names = [metric.name for metric in metrics.metrics()]
    assert len(set(names)) == len(names)
    for metric in metrics.metrics():
        assert metric.name.isidentifier()
        assert metric.help.isascii()
        assert metric.counter == metric.name.endswith("_total")


def test_an_algorithm_s_gauges_are_what_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "_DECLARED", dict(contract._DECLARED))
    own = replace(SMART, name="mine", gauges={"depth": "layers that have learned"})
    contract.register_algorithm(own)
    found = metric_of("mine/depth")
    assert found is not None
    assert (found[0].name, found[0].help, found[1]) == ("reciprocal_mine_depth", "layers that have learned", "")
    assert metric_of("mine/share") and metric_of("mine/other") is None
    for gauges in ({"so deep": "layers"}, {"depth": "Größe"}):
        with pytest.raises(ValueError, match="algorithm 'yours': gauge"):
            contract.register_algorithm(replace(own, name="yours", gauges=gauges))


class Refusing:
    """As Ray's, which takes ASCII alone."""

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.seen: list[dict[str, str]] = []

    def set(self, value: float, tags: dict[str, str]) -> None:
        self.seen.append({name: text.encode("ascii").decode() for name, text in tags.items()})

    def inc(self, value: float, tags: dict[str, str]) -> None:
        raise ConnectionError("no agent")


def test_labels_are_ascii_whatever_runs_and_sensors_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "Gauge", Refusing)
    shown = RayMetrics("Gr\u00f6\u00dfe \udcff")
    shown.emit({"learner/step": 1.0, "sensor_live/robot/k\u00fcche": 1.0, "actor/learner": "up"})
    assert shown.lost == 0
    assert shown._metric(metric_of("sensor_live/x")[0]).seen == [  # type: ignore[index]
        {"run": "Gr%C3%B6%C3%9Fe %FF", "sensor": "robot/k%C3%BCche"}
    ]
    assert label_of("2026-01-31_12-00-00 (50%)") == "2026-01-31_12-00-00 (50%)"


def test_what_ray_does_not_take_is_counted_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "Counter", Refusing)
    monkeypatch.setattr(metrics, "Gauge", Refusing)
    shown = RayMetrics("run")
    shown.emit({"events/audio": 3.0, "learner/step": 1.0, "replay/inserted": 3.0})
    assert shown.lost == 2 and shown.fault == "reciprocal_events_total: ConnectionError: no agent"
    assert len(shown._metric(metric_of("learner/step")[0]).seen) == 1  # type: ignore[index]
