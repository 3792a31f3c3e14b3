"""The commands and the program of docs/api.md do what the page says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from agent.answers.files import wav
from agent.networks.published import Networks
from tests.page.fake import OVERVIEW, FakeRun, board, fake_run, png, tone
from tests.patience import PATIENCE

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
ADDRESS = "http://127.0.0.1:8270"


@pytest.fixture
def there(tmp_path: Path, known: Networks) -> Iterator[FakeRun]:
    (tmp_path / "three.png").write_bytes(png(board()))
    (tmp_path / "three.wav").write_bytes(wav(tone()))
    with fake_run(tmp_path / "run") as run:
        run.learn(known)
        run.context.report.update(OVERVIEW)
        yield run


def test_the_program_runs_as_it_stands(there: FakeRun, tmp_path: Path) -> None:
    (program,) = (text for kind, text in BLOCKS if kind == "python")
    assert len(program.strip().splitlines()) <= 12
    own = program.replace(ADDRESS, f"http://127.0.0.1:{there.port}")
    done = subprocess.run(
        [sys.executable, "-c", own], cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 ")
    assert soundfile.info(str(tmp_path / "evoked.wav")).samplerate == 16_000


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_run_as_they_stand(there: FakeRun, tmp_path: Path) -> None:
    commands = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
    here = [line for line in commands if ADDRESS in line and "events" not in line]
    assert len(here) >= 4
    for line in here:
        own = line.replace(ADDRESS, f"http://127.0.0.1:{there.port}").replace("curl -s", "curl -sf")
        done = subprocess.run(own, shell=True, cwd=tmp_path, capture_output=True, timeout=2 * PATIENCE)
        assert done.returncode == 0, (line, done.stderr)
    assert soundfile.info(str(tmp_path / "evoked.wav")).samplerate == 16_000
    assert (tmp_path / "evoked.png").read_bytes().startswith(b"\x89PNG")
    assert [command.name for command in there.context.commands.take(0.0)] == ["checkpoint"]
