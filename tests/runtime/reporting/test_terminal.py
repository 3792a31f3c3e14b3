import dataclasses
import io
import re
from collections import deque
from collections.abc import Sequence

import pytest
from rich.console import Console

from runtime.reporting.figures import Value
from runtime.reporting.overview import Exam, Overview, exams_of
from runtime.reporting.phrases import LOST
from runtime.reporting.terminal import LINE_EVERY, Terminal, line, view

EXAMS = exams_of(("image", "audio"))
VALUES: dict[str, Value] = {
    "learner/steps_per_s": 12.34,
    "learner/duty": 0.97,
    "learner/turn": "image",
    "replay/events_per_s": 812.0,
    "replay/fill": 0.5,
    "loss/image/reconstruction": 3.21,
    "exam/image_to_audio": 0.931,
    "exam/audio_to_image": 0.874,
    "judge/audio": 0.982,
    "judge/image": 0.995,
}
LETTERS: dict[str, Value] = {
    "exam/lips_all": 0.314,
    "exam/lips_seen": 0.382,
    "exam/lips_unseen": 0.127,
    "exam/lips_unimodal": 0.291,
    "exam/lips_oracle": 0.353,
    "tdlft/turns": 3.0,
    "tdlft/pairs": 312.0,
    "tdlft/heard": 90.0,
    "tdlft/letters": 26.0,
    "tdlft/share": 0.184,
}
SENSORS: dict[str, Value] = {
    "sensors/waiting": 0,
    "sensors/events/audio+image": 18.0,
    "sensors/events/audio": 2.0,
    "sensors/events/image": 6.0,
    "sensors/latency_p99": 0.063,
    "sensor/camera": "stalled",
    "sensor/microphone": "live",
    "dropped/throttled": 0,
}
OVERVIEW = Overview(
    time=75.0,
    learning=62.0,
    step=700,
    phase="learning",
    share=0.2,
    values=VALUES,
    actors={"learner": "up"},
    exams=EXAMS,
)


def learning(values: dict[str, Value]) -> Overview:
    return Overview(75.0, 62.0, 700, "learning", values=values, exams=EXAMS)


def test_a_line_tells_rates_turn_and_accuracies_beside_their_judges() -> None:
    text = line(OVERVIEW)
    for part in ("1:15 learning", "step 700", "12.3 steps/s", "turn image", "812 events/s", "replay 50%"):
        assert part in text
    assert "image→audio 93.1% (judge 98.2%)" in text
    assert "audio→image 87.4% (judge 99.5%)" in text
    assert "image/reconstruction 3.21" in text
    assert "\n" not in text


def test_a_line_tells_of_actors_in_trouble_only() -> None:
    text = line(Overview(1.0, 0.0, 0, "starting", actors={"learner": "up", "monitor": "restarting"}))
    assert "monitor restarting" in text
    assert "learner" not in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("values", [{}, VALUES, VALUES | LETTERS])
def test_the_view_fits_its_terminal(width: int, values: dict[str, Value]) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    overview = Overview(75.0, 62.0, 700, "learning", 1.5, values, {"learner": "up", "teacher-0": "late"}, EXAMS)
    console.print(view(overview, deque(["a note that is longer than the narrowest of terminals"]), width))
    drawn = stream.getvalue().splitlines()
    assert all(len(row) <= width for row in drawn)
    if values and width >= 40:
        assert any("93.1%" in row and "98.2%" in row for row in drawn)


def drawn(overview: Overview, width: int = 80) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    console.print(view(overview, deque(), width))
    return stream.getvalue().splitlines()


def test_lip_reading_has_a_line_of_its_own_once_it_was_examined() -> None:
    def rows(values: dict[str, Value], held: Sequence[Exam] = EXAMS) -> list[str]:
        return drawn(Overview(75.0, 62.0, 700, "learning", values=values, exams=held))

    both = rows(VALUES | LETTERS)
    (line_of_lips,) = [row for row in both if "31.4%" in row]
    assert "lips → letter" in line_of_lips and "unseen 12.7%, oracle 35.3%" in line_of_lips
    assert any("tdlft" in row and "turn 3: 312 pairs, 90 heard, 26 letters, busy 18.4%" in row for row in both)
    assert any("image → audio" in row for row in both)
    assert not any("lips" in row or "tdlft" in row for row in rows(VALUES))
    letters = rows(LETTERS, held=())
    assert any("31.4%" in row for row in letters) and not any("image → audio" in row for row in letters)


def test_a_line_tells_of_lip_reading_as_far_as_it_is_known() -> None:
    text = line(learning(VALUES | LETTERS))
    assert "lips→letter 31.4% (seen 38.2%, unseen 12.7%, unimodal 29.1%, oracle 35.3%)" in text
    assert "tdlft turns 3" in text
    early: dict[str, Value] = {"exam/lips_all": 0.25, "exam/lips_seen": 0.5, "tdlft/turns": 0.0}
    text = line(learning(early))
    assert "lips→letter 25.0% (seen 50.0%)" in text and "tdlft" not in text
    assert "lips" not in line(OVERVIEW)


def test_what_the_first_turn_on_letters_waits_for_is_told() -> None:
    values = VALUES | {"tdlft/waiting": "480 different speech+lips+letter events are too few"}
    text = line(learning(values))
    assert "tdlft waits: 480 different speech+lips+letter events are too few" in text
    assert "tdlft waits" not in line(learning(values | {"tdlft/turns": 1.0}))


def test_what_any_algorithm_waits_for_is_told() -> None:
    values = VALUES | {"contrastive/waiting": "no events of two senses yet"}
    assert "contrastive waits: no events of two senses yet" in line(learning(values))
    rows = drawn(learning(values), 120)
    assert any("contrastive" in row and "waits: no events of two senses yet" in row for row in rows)


def test_what_sensors_do_is_told_in_place_of_teachers() -> None:
    overview = learning(VALUES | SENSORS)
    assert "18 audio+image, 2 audio only, 6 image only, stored within 63 ms; camera stalled  microphone live" in line(
        overview
    )
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(view(overview, deque(), 100))
    page = console.export_text()
    assert "camera stalled  microphone live" in page and "18 audio+image" in page and "teachers" not in page
    lost = learning(VALUES | SENSORS | {"dropped/throttled": 3})
    assert "3 events lost" in line(lost)
    every: dict[str, Value] = {
        **{f"dropped/{reason}": 1 for reason in LOST},
        "sensor_lost/camera/overflow": 4,
        "sensor_lost/microphone/device": 3,
        "sensor_lost/microphone/own": 900,
        "sensor_lost/refused/damaged": 2,
        "sensor_lost/refused/replayed": 50,
        "sensor_lost/unrecorded/full": 6,
    }
    text = line(learning(VALUES | SENSORS | every))
    assert "5 events lost, 7 samples lost, 2 messages refused, 6 not recorded;" in text
    assert "pairs" not in line(OVERVIEW)


def test_exams_on_what_was_learnt_from_say_so() -> None:
    values: dict[str, Value] = VALUES | SENSORS | {"self/match_image_to_audio": 0.9, "learner/held_out_taken": 12.0}
    assert "match 0.90, 12 batches not held out" in line(learning(values))
    values["learner/held_out_taken"] = 0.0
    assert "held out" not in line(learning(values))


def test_how_sure_a_match_is_and_what_wants_more_events_is_told() -> None:
    def shown(values: dict[str, Value]) -> Overview:
        return learning(values)

    values: dict[str, Value] = SENSORS | {"self/waiting": "match and cycle want 4 held-out pairs, there are 1"}
    assert "self-consistency: match and cycle want 4 held-out pairs, there are 1" in line(shown(values))
    values |= {"self/match_image_to_audio": 0.75, "self/match_audio_to_image": 0.8, "self/cycle_image": 0.5}
    values |= {"self/low_match_image_to_audio": 0.3, "self/high_match_image_to_audio": 0.95, "self/pairs": 5.0}
    values |= {"self/low_match_audio_to_image": 0.35, "self/high_match_audio_to_image": 0.97}
    values["self/waiting"] = "stability and explained want 8 held-out events, there are 5 audio"
    text = line(shown(values))
    assert "match 0.80/0.75 (0.35–0.97/0.30–0.95, 5 pairs), cycle 0.50, stability and explained want 8" in text
    assert "low" not in text and any("5 pairs" in row for row in drawn(shown(values), 100))
    values["self/waiting"] = ""
    assert "want" not in line(shown(values))


def test_without_a_terminal_one_line_a_while() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for seconds in (0.0, LINE_EVERY / 2, LINE_EVERY, LINE_EVERY * 1.5):
        terminal.update(Overview(seconds, 0.0, 0, "starting"))
    terminal.remark("a note")
    terminal.close()
    assert stream.getvalue().splitlines() == ["0:00 starting", "0:05 starting", "a note"]


def test_a_line_that_says_the_same_comes_ever_more_seldom() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for seconds in range(300):
        terminal.update(Overview(float(seconds), 0.0, 0, "waiting" if seconds != 200 else "learning"))
    times = [row.split()[0] for row in stream.getvalue().splitlines()]
    assert times[:7] == ["0:00", "0:05", "0:15", "0:35", "1:15", "2:15", "3:15"]
    assert times[7:] == ["3:20", "3:25", "3:30", "3:40", "4:00", "4:40"]


def test_a_line_says_only_what_changed() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    faster: dict[str, Value] = {**VALUES, "learner/steps_per_s": 12.0}
    examined: dict[str, Value] = {**faster, "exam/image_to_audio": 0.95}
    for seconds, step, values in (
        (0.0, 700, VALUES),
        (10.0, 760, faster),
        (20.0, 820, examined),
        (30.0, 820, examined),
    ):
        terminal.update(Overview(seconds, 1.0, step, "learning", values=values, exams=EXAMS))
    first, *others = stream.getvalue().splitlines()
    assert "turn image" in first and "audio→image 87.4%" in first and "replay 50%" in first
    assert others == [
        "0:10 step 760 | 12.0 steps/s",
        "0:20 step 820 | image→audio 95.0% (judge 98.2%)",
        "0:30 learning",
    ]


def test_judges_are_told_while_they_train() -> None:
    training: dict[str, Value] = {"judge_trained/audio": 0.2, "judge_trained/image": 0.6}
    assert "judges 40% trained" in line(learning(VALUES | training))
    assert "trained" not in line(learning(VALUES | dict.fromkeys(training, 1.0)))


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    for term, drawn in (("dumb", False), ("unknown", False), ("xterm", True)):
        monkeypatch.setenv("TERM", term)
        screen = Screen()
        terminal = Terminal(screen)
        terminal.update(Overview(0.0, 0.0, 0, "starting"))
        terminal.close()
        assert ("\x1b" in screen.getvalue()) == drawn
        assert screen.getvalue() == "0:00 starting\n" or drawn


def test_a_view_keeps_its_width_in_ascii_and_paths_keep_their_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    raw = io.BytesIO()
    terminal = Terminal(Screen(raw, "ascii", "strict", write_through=True))
    terminal.update(Overview(0.0, 0.0, 0, "starting"))
    terminal.remark("Größe → [b]:smile:")
    terminal.update(dataclasses.replace(learning(VALUES | LETTERS), phase="waiting: disk is full at /tmp/[b]/Größe"))
    last = re.sub(r"\x1b\[[0-9;]*m", "", raw.getvalue().decode("ascii").rpartition("Reciprocal")[2])
    for told in (r"Gr\xf6\xdfe -> [b]:smile:", r"/tmp/[b]/Gr\xf6\xdfe", "image -> audio  93.1%"):
        assert told in last
    rows = [row for row in last.splitlines() if row.startswith("|")]
    assert len(rows) > 10 and {len(row) for row in rows} == {80}


def test_what_generates_nothing_is_told_by_what_it_finds() -> None:
    found: dict[str, Value] = {"retrieval/image_to_audio/r1": 0.9, "retrieval/image_to_audio/five_way": 0.95}
    overview = Overview(75.0, 62.0, 700, "learning", values=found)
    assert "R@1 image→audio 90.0%" in line(overview)
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(view(overview, deque(), 100))
    assert "image→audio 90.0% (R@1)" in console.export_text()
