from pathlib import Path

import pytest

from agent.learned.loaded import load
from launch import main
from runtime.viewers.saved import write_saved
from tests.agent.learned.saved import learner_of, pairs, save_run
from tests.page.fake import board, png
from tests.runtime.viewers.recorded import rows_of

pytest.importorskip("rerun", reason="needs the extra 'rerun'")


def test_a_run_is_written_for_rerun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_run(tmp_path / "run", learner_of(pairs(), 2), pairs())
    lines = [
        '{"time": 1.0, "step": 1, "exam/image_to_audio": 0.5, "learner/turn": "x"}',
        '{"time": 9.0, "step": 2}',
        "{",
    ]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    (run / "samples").mkdir()
    (run / "samples/sheet-000000002.png").write_bytes(png(board()))
    (run / "samples/sheet-000000002-confusion.png").write_bytes(png(board()))
    told = list(write_saved(load(run), tmp_path / "run.rrd"))
    assert told == [f"2 lines of figures, 1 contact sheets and sounds, 24 events: {tmp_path / 'run.rrd'}"]
    rows = rows_of(tmp_path / "run.rrd")
    assert rows["/exam/image_to_audio"] == 1 and rows["/sheet"] == 1
    assert rows["/pair/image"] == rows["/pair/audio"] == rows["/evoked/audio_of_image"] == 24
    assert main(["show", str(run), "--rrd", str(tmp_path / "x.mcap")]) == 2
    assert "end it in .rrd" in capsys.readouterr().err
