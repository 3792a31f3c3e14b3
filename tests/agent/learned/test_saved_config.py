import json
from pathlib import Path

import pytest

from agent.learned.saved_config import FORMAT
from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import StateError
from tests.runtime.run_folder.runs import a_run


def test_resume_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no such directory"):
        RunDirectory.resume(tmp_path / "nowhere")
    with pytest.raises(StateError, match="is no run"):
        RunDirectory.resume(tmp_path)
    path = a_run(tmp_path / "run")
    (path / "replay").rmdir()
    with pytest.raises(StateError, match="lacks replay"):
        RunDirectory.resume(path)
    with pytest.raises(StateError, match="lacks replay"):  # and the refusal leaves no lock behind
        RunDirectory.resume(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps({"format": FORMAT + 1, "config": {}}), "resume it with the version that wrote it"),
        (
            json.dumps({"format": FORMAT + 1, "version": "7.1", "config": {}}),
            r"by version 7\.1; .*\n.* version 7\.1,",
        ),
        (
            json.dumps({"format": FORMAT + 1, "version": "7.1", "written_by": "8.0", "config": {}}),
            r"written by version 8\.0; .*\nresume it with version 8\.0, or a newer one",
        ),
        (json.dumps({"format": 0, "config": {}}), "run of format 0"),
        ('{"format": 1', "damaged"),
        ("[]", "damaged"),
        (json.dumps({"format": FORMAT, "config": [1]}), r"config is \[1\], expected settings by section"),
        (json.dumps({"format": FORMAT, "config": {}, "datasets": "x"}), "datasets is 'x', expected names by kind"),
        (json.dumps({"format": FORMAT, "config": {}, "datasets": {"images": None}}), "datasets.images is None"),
        (json.dumps({"format": FORMAT, "config": {}, "generation": "2"}), "generation is '2', expected a number"),
        (json.dumps({"format": [FORMAT], "config": {}}), "format"),
    ],
)
def test_resume_refuses_another_version_and_damage(tmp_path: Path, text: str, told: str) -> None:
    path = a_run(tmp_path / "run")
    (path / "config.json").write_text(text)
    with pytest.raises(StateError, match=told):
        RunDirectory.resume(path)
