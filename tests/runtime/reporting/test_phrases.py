from runtime.reporting.figures import Value
from runtime.reporting.phrases import clock, counted_events, losing, number, percent


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.9, 61, 3600, 3725)] == ["0:00", "0:59", "1:01", "1:00:00", "1:02:05"]


def test_a_figure_that_is_not_known_yet_is_a_dash() -> None:
    values: dict[str, Value] = {"exam/a": 0.5, "learner/turn": "image"}
    assert [percent(values, "exam/a"), percent(values, "exam/b")] == ["50.0%", "–"]
    assert number(values, "learner/turn") is None


def test_events_are_counted_in_words() -> None:
    assert [counted_events(count) for count in (0, 1, 12)] == ["0 events", "1 event", "12 events"]


def test_each_loss_is_told_in_its_own_unit_and_what_is_harmless_is_not() -> None:
    lost: dict[str, Value] = {
        "dropped/throttled": 2.0,
        "sensor_lost/camera/gap": 3.0,
        "sensor_lost/refused/too_long": 4.0,
        "sensor_lost/unrecorded/camera": 5.0,
        "sensor_lost/camera/superseded": 6.0,
    }
    assert losing(lost) == ["2 events lost", "3 samples lost", "4 messages refused", "5 not recorded"]
    assert losing({}) == []
