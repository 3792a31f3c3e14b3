"""How figures are told."""

import json
from datetime import date

import pytest

from benchmarks.harness.measured import machine, tell


def test_every_figure_has_a_line_and_the_last_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"lost": 0, "recovery_s": 1.25}, {"machine": "this one", "seed": 3}, as_json=True)
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        ["lost", "0"],
        ["recovery_s", "1.25"],
        ["machine", "this one"],
        ["seed", "3"],
    ]
    assert json.loads(last) == {"lost": 0, "recovery_s": 1.25, "machine": "this one", "seed": 3}


def test_people_alone_get_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"lost": 0}, {}, as_json=False)
    assert capsys.readouterr().out == "lost  0\n"


def test_figures_say_where_and_when_they_were_measured() -> None:
    about = machine()
    assert set(about) == {"machine", "load", "date"}
    assert date.fromisoformat(about["date"])
    assert about["machine"].endswith("cores")
