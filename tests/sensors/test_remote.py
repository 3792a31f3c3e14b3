"""The robot's command: from a recorded session to batches at its host, and what it says when something is wrong."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.shown import drawing, show
from sensors.core.errors import SourceError
from sensors.perception.perception import Perception
from sensors.remote import main
from sensors.robots.ingest import RemoteIngest
from sensors.robots.keys import make_keys
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import IngestConfig, PublisherConfig
from sensors.robots.robot import Robot
from sensors.robots.robot_table import Received
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording
from sensors.sources.source import Chunk, Frame
from tests.patience import PATIENCE, quickest, took
from tests.sensors.speech import chunks, stream


def record(folder: Path, later: float | None = None) -> Path:
    """Three seconds: a card is shown, and a word is said meanwhile; and, if wanted, a last sound so much later."""
    rng = np.random.default_rng(0)
    with Recorder(folder) as recorder:
        for chunk in chunks(stream([(1.2, 0.6)], 3.0, rng), start=500.0):
            recorder.write("microphone", chunk)
        for i in range(30):
            digit = drawing(1) if 5 <= i < 23 else None
            recorder.write("camera", Frame(500.0 + i / 10, show(digit, rng)))
        if later is not None:
            recorder.write("microphone", Chunk(500.0 + later, np.zeros(320, np.float32)))
    return folder


ELSEWHERE = ["unshare", "--time", "--monotonic", "86400", "--fork", "--kill-child"]
"""Runs a program with a monotonic clock that is a day ahead, as on another machine."""


def clocks_apart() -> bool:
    """Whether this machine lets us have one."""
    try:
        return subprocess.run([*ELSEWHERE, "true"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


IMPATIENT = (
    "import sys; from sensors import remote; from sensors.robots import robot_program; "
    "robot_program.FLUSH = 0.5; sys.exit(remote.main(sys.argv[1:]))"
)
"""The robot's program; at its end it waits shortly for a host that is not there."""


def start(*arguments: str, elsewhere: bool = False, impatient: bool = False) -> "subprocess.Popen[str]":
    program = ["-c", IMPATIENT] if impatient else ["-m", "sensors.remote"]
    command = [*(ELSEWHERE if elsewhere else []), sys.executable, *program, *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def hear(ingest: RemoteIngest, process: "subprocess.Popen[str]") -> list[Received]:
    """Store what comes until the robot has ended."""
    found: list[Received] = []
    end = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < end
        received = ingest.run(0.05)
        ingest.acknowledge(received)
        found += received
    return found


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_robot_from_its_session_to_its_host(tmp_path: Path, elsewhere: bool) -> None:
    if elsewhere and not clocks_apart():
        pytest.skip("no time namespaces here (unshare --time), so there is one clock only")
    ours, kitchen = make_keys(tmp_path / "keys", "kitchen")
    session = record(tmp_path / "session")
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0", keys=str(ours))) as ingest:
        began = time.monotonic()
        process = start("--play", str(session), "--keys", str(kitchen), "--to", ingest.address, elsewhere=elsewhere)
        try:
            found = hear(ingest, process)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert (process.returncode, err) == (0, "")
        assert "kitchen: live" in out
        (pair,) = [item for item in found if item.batch.kind == "audio+image"]
        assert pair.robot == pair.batch.source == "kitchen"
        assert began < pair.batch.start[0] < pair.batch.end[0] < time.monotonic()
        assert 0.4 < pair.batch.end[0] - pair.batch.start[0] < 0.9
        figures = ingest.robots()["kitchen"]
        assert abs(figures.clock_offset + 86400 * elsewhere) <= figures.clock_error + 1e-6
        assert figures.clock_error < 0.1
        # The answer to a last question for the time may find the robot gone.
        assert ingest.counts.keys() <= {"disconnected", "unanswered"}
        assert ingest.robots()["kitchen"].state == "closed"


def test_a_robot_says_what_its_host_did_not_store_and_needs_no_ray(tmp_path: Path) -> None:
    session = record(tmp_path / "session")
    script = (
        "import sys; from sensors import remote; from sensors.robots import robot_program; "
        "from sensors.sources import microphone; robot_program.FLUSH = 0.5; "
        "code = remote.main(sys.argv[1:]); "
        "foreign = {'ray', 'torch', 'runtime', 'replay', 'agent', 'teacher', 'soundfile'} & set(sys.modules); "
        "print('foreign', sorted(foreign)); "
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "--play", str(session), "--to", "tcp://127.0.0.1:9", "--name", "hall"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert "1 events are not stored: tcp://127.0.0.1:9 did not answer" in done.stderr
    assert "foreign []" in done.stdout


def test_what_a_host_that_was_away_did_not_store_is_sent_at_the_next_start(state: Path, tmp_path: Path) -> None:
    journal = state / "reciprocal" / "robots" / "hall"
    away = ("--to", "tcp://127.0.0.1:9", "--name", "hall")
    process = start("--play", str(record(tmp_path / "session")), *away, impatient=True)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f"hall: journal {journal}, 0 events of earlier starts" in out and "hall: 1 events, 0 stored, 1 kept" in out
    assert f"1 of them are in {journal}, and sent after the next start" in err
    silence = tmp_path / "silence"
    with Recorder(silence) as recorder:
        for i in range(100):
            recorder.write("microphone", Chunk(500.0 + i / 50, np.zeros(320, np.float32)))
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0")) as ingest:
        process = start("--play", str(silence), "--to", ingest.address, "--name", "hall")
        (item,) = hear(ingest, process)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err, item.batch.kind) == (0, "", "audio+image")
    assert "hall: 0 events, 1 of earlier starts, 1 stored" in out
    assert not list(journal.glob("*.batch"))


def test_without_a_journal_unstored_batches_are_lost_and_no_file_is_left(state: Path, tmp_path: Path) -> None:
    session = record(tmp_path / "session")
    away = ("--to", "tcp://127.0.0.1:9", "--name", "hall")
    process = start("--play", str(session), *away, "--journal", "none", impatient=True)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "journal" not in out + err
    assert not list(state.iterdir())


def test_a_robot_records_what_its_sources_give(tmp_path: Path) -> None:
    session, copy = record(tmp_path / "session"), tmp_path / "copy"
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0")) as ingest:
        for place in (copy, tmp_path / "copy-2"):
            process = start("--play", str(session), "--record", str(copy), "--to", ingest.address, "--name", "hall")
            hear(ingest, process)
            out, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, err) == (0, "") and f"hall: recording to {place}" in out
            assert "not recorded" not in out
    written = [sum(len(path.read_bytes()) for path in place.glob("*.rec")) for place in (session, copy, place)]
    assert written[1] > 0.9 * written[0] and written[2] > 0.9 * written[0]
    assert [source.name for source in Recording(copy).sources(Chunk)] == ["microphone"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    session = record(tmp_path / "session", later=3 * PATIENCE)
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0")) as ingest:
        process = start("--play", str(session), "--name", "hall", "--to", ingest.address)
        try:
            end = time.monotonic() + PATIENCE
            while not ingest.robots():
                assert time.monotonic() < end
                ingest.acknowledge(ingest.run(0.05))
            if number == signal.SIGHUP:
                assert process.stdout is not None
                process.stdout.close()  # as a closed terminal does
                process.stdout = None
            process.send_signal(number)
            hear(ingest, process)  # which is not patient enough for the rest of the session
            assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0
        finally:
            process.kill()


def test_a_stop_signal_while_it_is_imported_leaves_a_line_and_no_traceback() -> None:
    # The signal comes with the first of the modules that take long to import.
    script = (
        "import os, signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith(('numpy', 'sensors.robots.robot_program', 'argparse')):\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from sensors.remote import main\n"
        "sys.exit(main(['--list-devices']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped before anything was perceived\n")


def test_keys_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert main(["--make-keys", str(folder), "--name", "kitchen"]) == 0
    assert str(folder / "kitchen") in capsys.readouterr().out
    assert stat.S_IMODE((folder / "kitchen" / "robot.secret").stat().st_mode) == 0o600
    assert main(["--make-keys", str(folder), "--name", "kitchen"]) == 2
    assert "has keys already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "tcp://192.0.2.1:5570"], "--make-keys"),
        (["--to", "nowhere"], "expected tcp://host:port"),
        (["--keys", "/nowhere"], "no key"),
        (["--name", "a b"], "robot name"),
        (["--play", "/nowhere"], "no such file or folder"),
        (["--microphone", "none", "--camera", "none"], "no source at all"),
        (["--microphone", "none", "--camera", "/nowhere.avi"], "/nowhere.avi"),
        (["--config", "/nowhere.json"], "no JSON of settings"),
        (["--sideways"], "unrecognized arguments"),
        (["--play", "SESSION", "--journal", "/dev/null"], "name another folder with --journal"),
        (["--play", "SESSION", "--record", "/dev/null/x"], "/dev/null is no directory"),
    ],
)
def test_a_mistake_is_named_in_five_seconds(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "SESSION" in arguments:
        session = record(tmp_path / "session")
        arguments = [str(session) if argument == "SESSION" else argument for argument in arguments]

    def refused() -> None:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err

    assert quickest(lambda: took(refused), 5.0) < 5.0


def test_a_home_directory_is_found_where_the_shell_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    record(home / "session")
    (home / "robot.json").write_text("{}")
    assert main(["--make-keys=~/keys", "--name", "hall"]) == 0
    monkeypatch.setattr("sensors.robots.robot_program.FLUSH", 0.1)
    arguments = ["--play=~/session", "--keys=~/keys/hall", "--config=~/robot.json", "--record=~/copy"]
    assert main([*arguments, "--journal=~/journal", "--to", "tcp://127.0.0.1:9", "--seconds", "0.1"]) in (0, 1)
    out, _ = capsys.readouterr()
    assert f"hall: recording to {home / 'copy'}" in out and f"hall: journal {home / 'journal'}" in out
    assert main(["--camera=~/none.avi", "--microphone", "none"]) == 2
    assert f"{home / 'none.avi'}" in capsys.readouterr().err
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("option", ["--play", "--keys", "--config", "--record", "--camera", "--journal", "--make-keys"])
def test_what_no_file_can_be_called_is_refused_in_a_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("~nosuchuser/x", "b" * 300):
        playing = [] if option in ("--play", "--camera", "--make-keys") else ["--microphone", "none"]
        assert main([*playing, option, name]) == 2
        error = capsys.readouterr().err
        assert error.startswith(option) and len(error.splitlines()) == 1 and "Errno" not in error


def test_devices_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-devices"]) == 0
    out = capsys.readouterr().out
    assert "microphones" in out
    assert "cameras" in out


def test_settings_come_from_a_file_and_options_go_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "robot.json"
    for values, message in (
        ({"sensors": {"fps": 1000}}, "fps=1000"),
        ({"sensor": {}}, "unknown setting sensor; known: audio, image, perception, publisher, sensors"),
        ({"senses": {"image": {"size": 96}}}, "unknown setting senses"),
        ({"publisher": {"to": "tcp://192.0.2.1:5570"}}, "tcp://192.0.2.1:5570: without keys"),
        ([], "expected an object"),
    ):
        path.write_text(json.dumps(values))
        assert main(["--config", str(path)]) == 2
        assert message in capsys.readouterr().err
    path.write_text(json.dumps({"publisher": {"to": "tcp://192.0.2.1:5570"}, "sensors": {"microphone": None}}))
    assert main(["--config", str(path), "--to", "tcp://127.0.0.1:9", "--camera", "none"]) == 2
    assert "no source at all" in capsys.readouterr().err


def test_one_source_that_is_missing_leaves_the_others(tmp_path: Path) -> None:
    from sensors.cameras.camera import Camera

    recording = Recording(record(tmp_path / "session"), speed=20)
    missing = Camera(str(tmp_path / "nowhere.avi"))
    with Publisher(PublisherConfig(to="tcp://127.0.0.1:9"), "hall", 1) as publisher:
        robot = Robot([*recording.sources(Chunk), missing], Perception("hall", 1), publisher)
        wrong = robot.start()
        assert set(wrong) == {missing.name}
        assert "nowhere.avi" in wrong[missing.name]
        end = time.monotonic() + PATIENCE
        while publisher.kept == 0:
            assert time.monotonic() < end
            robot.step(0.02)
        assert not robot.close(0.0)
    with Publisher(PublisherConfig(to="tcp://127.0.0.1:9"), "hall", 1) as publisher:
        alone = Robot([missing], Perception("hall", 1), publisher)
        with pytest.raises(SourceError, match=r"nowhere\.avi"):
            alone.start()
