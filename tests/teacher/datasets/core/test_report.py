"""What was taken and left out, in one line."""

import json

from teacher.datasets.core.report import LoadReport


def test_left_out_is_counted_by_reason_with_three_names() -> None:
    left = [(f"{n}.wav", "silent") for n in range(5)] + [("a.mp3", "no WAV")]
    report = LoadReport.of(1200, left)
    assert report.left_out == 6
    assert report.line == "1,200 taken, 6 left out: 5 silent (0.wav, 1.wav, 2.wav, …), 1 no WAV (a.mp3)"
    assert LoadReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_nothing_left_out_says_nothing() -> None:
    assert LoadReport.of(3).line == ""


def test_two_sources_are_added_up_and_keep_three_names_of_a_reason() -> None:
    one, other = LoadReport.of(3, [("a", "x"), ("b", "x")]), LoadReport.of(4, [("c", "x"), ("d", "x"), ("e", "y")])
    assert one.merged(other).line == "7 taken, 5 left out: 4 x (a, b, c, …), 1 y (e)"


def test_of_two_stages_the_later_one_says_what_was_taken() -> None:
    by_name, by_content = LoadReport.of(10, [("a", "x")]), LoadReport.of(8, [("b", "silent"), ("c", "silent")])
    assert by_name.after(by_content).line == "8 taken, 3 left out: 1 x (a), 2 silent (b, c)"


def test_names_that_cannot_be_printed_are_escaped() -> None:
    line = LoadReport.of(0, [("a\nb\x1b\udcff.wav", "x")]).line
    assert line == r"0 taken, 1 left out: 1 x (a\nb\x1b\udcff.wav)"
