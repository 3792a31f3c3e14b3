import io
from collections import deque

import pytest
from rich.console import Console

from runtime.figures import Value
from runtime.terminal import LINE_EVERY, Snapshot, Terminal, clock, line, view

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
SNAPSHOT = Snapshot(
    time=75.0, learning=62.0, step=700, phase="learning", share=0.2, values=VALUES, actors={"learner": "up"}
)


def test_a_line_tells_rates_turn_and_accuracies_beside_their_judges() -> None:
    text = line(SNAPSHOT)
    for part in ("1:15 learning", "step 700", "12.3 steps/s", "turn image", "812 events/s", "replay 50%"):
        assert part in text
    assert "image→audio 93.1% (judge 98.2%)" in text
    assert "audio→image 87.4% (judge 99.5%)" in text
    assert "image/reconstruction 3.21" in text
    assert "\n" not in text


def test_a_line_tells_of_actors_in_trouble_only() -> None:
    text = line(Snapshot(1.0, 0.0, 0, "starting", actors={"learner": "up", "monitor": "restarting"}))
    assert "monitor restarting" in text
    assert "learner" not in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("values", [{}, VALUES])
def test_the_view_fits_its_terminal(width: int, values: dict[str, Value]) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    snapshot = Snapshot(75.0, 62.0, 700, "learning", 1.5, values, {"learner": "up", "teacher-0": "late"})
    console.print(view(snapshot, deque(["a note that is longer than the narrowest of terminals"]), width))
    drawn = stream.getvalue().splitlines()
    assert all(len(row) <= width for row in drawn)
    if values and width >= 40:
        assert any("93.1%" in row and "98.2%" in row for row in drawn)


def test_without_a_terminal_one_line_a_while() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for seconds in (0.0, LINE_EVERY / 2, LINE_EVERY, LINE_EVERY * 1.5):
        terminal.update(Snapshot(seconds, 0.0, 0, "starting"))
    terminal.remark("a note")
    terminal.close()
    assert stream.getvalue().splitlines() == ["0:00 starting", "0:05 starting", "a note"]


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.9, 61, 3600, 3725)] == ["0:00", "0:59", "1:01", "1:00:00", "1:02:05"]
