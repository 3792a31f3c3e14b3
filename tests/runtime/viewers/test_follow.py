"""A live run's page is followed into a file; the run does not wait for whoever follows."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.networks.published import Networks
from runtime.viewers.follow import Follower, figures
from runtime.viewers.viewer_process import ViewerProcess
from tests.agent.answers.test_associations import networks
from tests.page.fake import OVERVIEW, FakeRun, fake_run
from tests.patience import PATIENCE, wait_for
from tests.runtime.viewers.recorded import rows_of

pytest.importorskip("rerun", reason="needs the extra 'rerun'")


class Kept:
    """A log in memory."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.size = 0
        self.times: list[tuple[float, int | None]] = []

    def keeps_up(self) -> bool:
        return True

    def at(self, seconds: float, step: int | None = None) -> None:
        self.times.append((seconds, step))

    def picture(self, path: str, png: bytes) -> None:
        assert png.startswith(b"\x89PNG")
        self.paths.append(path)

    def sound(self, path: str, wav: bytes) -> None:
        assert wav.startswith(b"RIFF")
        self.paths.append(path)

    def figure(self, path: str, value: float) -> None:
        self.paths.append(path)

    def text(self, path: str, text: str) -> None:
        self.paths.append(f"{path}: {text}")


@pytest.fixture(scope="module")
def known() -> Networks:
    return networks(4)


@pytest.fixture
def live(tmp_path: Path, known: Networks) -> Iterator[FakeRun]:
    with fake_run(tmp_path / "run") as run:
        run.perceive("audio+image", 0, 3)
        run.learn(known)
        run.context.report.update(OVERVIEW)
        yield run


def test_streams_pairs_evoked_samples_figures_and_notes_are_written(live: FakeRun) -> None:
    kept: Any = Kept()
    follower, stop = Follower(f"http://127.0.0.1:{live.port}/", kept), threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        wanted = {
            "perceived/image", "perceived/audio", "pair/image", "pair/audio", "evoked/audio_of_image",
            "evoked/image_of_audio", "exam/image_to_audio", "judge/audio", "learner/steps_per_s",
            "dropped/throttled", "notes/run: first step",
        }  # fmt: skip
        assert wait_for(lambda: wanted <= set(kept.paths)), wanted - set(kept.paths)
        assert kept.times[-1] == (12.5, 42)
        # A note is written once, and what is not known (NaN) is left out.
        assert kept.paths.count("notes/run: first step") == 1 and "loss/image" not in kept.paths
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_full_file_ends_it(live: FakeRun) -> None:
    kept: Any = Kept()
    kept.size = 1 << 40
    follower = Follower(f"http://127.0.0.1:{live.port}/", kept)
    follower.run(threading.Event())
    assert follower.full


def test_figures_without_a_value_are_passed_over() -> None:
    status: Mapping[str, Any] = {
        "learner": {"losses": {"image": None}, "steps_per_s": 3.0, "duty": None},
        "exams": [{"figure": "exam/things/a_to_b", "accuracy": None, "judge": 0.5}],
        "dropped": {}, "replay": {},
    }  # fmt: skip
    assert dict(figures(status)) == {"learner/steps_per_s": 3.0, "judge/b": 0.5}


def test_a_process_follows_and_ends_with_the_run(live: FakeRun, tmp_path: Path) -> None:
    file = tmp_path / "live.rrd"
    viewer = ViewerProcess(str(file), "run")
    assert viewer.open(f"http://127.0.0.1:{live.port}/") == f"rerun: {file}"
    try:
        # Of a file that is being written not all can be read.
        wanted = {"/perceived/image", "/pair/audio", "/evoked/audio_of_image", "/notes/run"}
        assert wait_for(lambda: file.exists() and wanted <= set(rows_of(file)))
        assert viewer.look() == "" and viewer.open(f"http://127.0.0.1:{live.port}/") == ""
    finally:
        viewer.close()
    assert viewer.pid == 0


def test_a_process_that_ends_is_told_once(tmp_path: Path) -> None:
    viewer = ViewerProcess("nonsense", "run")
    viewer.open("http://127.0.0.1:9/?token=s3cret")
    try:
        told = ""

        def ended() -> bool:
            nonlocal told
            told = told or viewer.look()
            return bool(told)

        assert wait_for(ended)
        assert "rerun=nonsense: expected viewer" in told and "the run goes on without it" in told
        assert viewer.look() == ""
    finally:
        viewer.close()
