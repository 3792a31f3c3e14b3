import os
from pathlib import Path

import pytest

from runtime.supervisor.actors.starts import Starts, note_start


def test_starts_are_read_as_they_come_and_those_of_earlier_supervisors_are_not(tmp_path: Path) -> None:
    path = tmp_path / "starts.log"
    assert Starts(path).of("learner") == []
    note_start(path, "learner")
    starts = Starts(path)
    assert starts.of("learner") == []
    note_start(path, "replay")
    assert starts.of("replay") == [os.getpid()] and starts.of("learner") == []
    with path.open("a") as file:
        file.write("learner 70000\nlearner 70001\nreplay 7")  # a line is half there
        file.flush()
        assert starts.of("learner") == [70000, 70001] and len(starts.of("replay")) == 1
        file.write("0002\n")
    assert starts.of("replay")[-1] == 70002


def test_a_start_that_cannot_be_noted_goes_on_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note_start(tmp_path / "none" / "starts.log", "learner")
    assert "cannot see this process while it starts" in capsys.readouterr().err
