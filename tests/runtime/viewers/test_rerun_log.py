from pathlib import Path

import pytest

from runtime.viewers.rerun_log import RerunLog, check_where
from sensors.core.errors import ConfigError
from tests.page.fake import board, png
from tests.runtime.viewers.recorded import rows_of


def test_what_is_no_viewer_and_no_file_is_refused(tmp_path: Path) -> None:
    for where in ("viewer", "rerun+http://127.0.0.1:9876/proxy", str(tmp_path / "x.rrd")):
        check_where(where)
    for where, told in (("http://x", "expected viewer"), (str(tmp_path / "no/x.rrd"), "there is no folder")):
        with pytest.raises(ConfigError, match=told):
            check_where(where)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ConfigError, match=r"pip install 'reciprocal\[rerun\]'"):
        RerunLog("x", str(tmp_path / "x.rrd"))


def test_entries_are_on_the_run_s_clock_and_steps(tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs the extra 'rerun'")
    log = RerunLog("x", str(tmp_path / "x.rrd"))
    for second in range(3):
        log.at(second, 10 * second)
        log.figure("exam/image_to_audio", 0.1 * second)
    log.picture("perceived/image", png(board()))
    log.text("notes/run", "first step")
    log.at_step(7)
    log.picture("sheet", png(board()))
    assert log.keeps_up() and log.lost == 0
    log.close()
    assert log.size > 1000
    assert rows_of(tmp_path / "x.rrd") == {
        "/exam/image_to_audio": 3, "/perceived/image": 1, "/notes/run": 1, "/sheet": 1
    }  # fmt: skip


def test_what_a_viewer_does_not_take_in_time_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rerun", reason="needs the extra 'rerun'")
    log = RerunLog("x", str(tmp_path / "x.rrd"))

    def slow(**_: object) -> None:
        raise RuntimeError("Flush timed out - not all log messages were sent")

    monkeypatch.setattr(log._stream, "flush", slow)
    assert not log.keeps_up()
    log.at(1.0, 1)
    log.figure("exam/a", 1.0)
    log.text("notes/run", "x")
    assert log.lost == 2
    monkeypatch.undo()
    # It has come back: what is new is shown again.
    assert log.keeps_up()
    log.figure("exam/a", 2.0)
    log.close()
    assert log.lost == 2 and rows_of(tmp_path / "x.rrd") == {"/exam/a": 1}
