from pathlib import Path

from sensors.live.sensor_log import LARGEST, SensorLog


def test_lines_have_their_own_times_and_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "sensors.log"
    SensorLog(path).observe([(1_700_000_000.25, "camera live"), (1_700_000_001.5, "camera stalled\n(gone)")])
    SensorLog(path).observe([(1_700_000_002.0, "camera live again")])
    lines = path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["camera live", "camera stalled (gone)", "camera live again"]
    assert lines[0].split()[1].endswith(".250")


def test_nothing_to_say_makes_no_file(tmp_path: Path) -> None:
    SensorLog(tmp_path / "sensors.log").observe([])
    assert not list(tmp_path.iterdir())


def test_a_log_that_has_grown_large_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "sensors.log"
    log = SensorLog(path)
    line = "x" * 1000
    for _ in range(30):
        log.observe([(0.0, line)] * 100)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["sensors.log", "sensors.log.1"]
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 2 * LARGEST + 200_000


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    log = SensorLog(tmp_path / "nowhere" / "sensors.log")
    log.observe([(0.0, "camera live"), (0.0, "camera stalled")])
    assert log.unwritten == 2
