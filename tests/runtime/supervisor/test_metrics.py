from runtime.supervisor.metrics import METRICS, metric_of

FIGURES = (
    *("loss/image/reconstruction", "exam/image_to_audio", "learner/step"),
    *("exam/lips_unseen", "events/speech+lips+letter", "tdlft/turns"),
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
    }
    assert metric_of("teacher/waiting_s") is None


def test_the_registry_is_fit_for_prometheus() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert metric.help.isascii()
        assert metric.counter == metric.name.endswith("_total")
