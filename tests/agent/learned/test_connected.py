"""A live run is asked over HTTP by the same object as a saved one, and answers the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

import agent
from agent.learned.connected import ConnectedAgent
from agent.learned.loaded import LoadedAgent, load
from agent.learner import Learner
from sensors.core.errors import ConfigError, EventError, LinkError, StateError
from tests.agent.learned.saved import pairs
from tests.agent.learned.test_loaded import networks_of
from tests.page.fake import FakeRun, board, fake_run, tone

PAGE = (Path(__file__).parents[3] / "docs/howto/export.md").read_text()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, taught: Learner) -> Iterator[FakeRun]:
    with fake_run(tmp_path_factory.mktemp("live") / "run") as run:
        run.perceive("audio+image", 0, 12)
        run.learn(networks_of(taught))
        yield run


@pytest.fixture(scope="module")
def there(live: FakeRun) -> ConnectedAgent:
    return agent.connect(f"http://127.0.0.1:{live.port}/")


@pytest.fixture(scope="module")
def here(saved: Path) -> LoadedAgent:
    return load(saved)


def test_both_answer_the_same(there: ConnectedAgent, here: LoadedAgent, tmp_path: Path) -> None:
    assert (there.step, there.senses) == (here.step, here.senses)
    (tmp_path / "three.png").write_bytes(b"")
    for given in ({"image": board()}, {"audio": tone(0.5)}, {"image": pairs()["image"][0]}):
        ours, theirs = here.evoke(("audio", "image"), **given), there.evoke(("audio", "image"), **given)
        assert set(ours) == set(theirs) == {"audio", "image"} and ours.part == theirs.part
        assert (ours.asked.array == theirs.asked.array).all()
        for sense in ours:
            assert np.abs(ours[sense].array.astype(int) - theirs[sense].array).max() <= 1
            assert theirs[sense].picture().ndim == 3
        assert np.allclose(here.latents(**given), there.latents(**given), atol=1e-4)
        assert np.allclose(here.latents("audio", **given), there.latents("audio", **given), atol=1e-4)


def test_several_samples_are_asked_about_at_once(there: ConnectedAgent, here: LoadedAgent) -> None:
    evoked = there.evoke(image=pairs()["image"][:3])
    assert evoked["audio"].array.shape == (3, 1, 96, 96) and evoked.asked.array.shape == (3, 1, 32, 32)
    assert there.latents(image=pairs()["image"][:3]).shape == here.latents(image=pairs()["image"][:3]).shape


def test_known_samples_are_found(there: ConnectedAgent, live: FakeRun) -> None:
    known = live.context.samples.events.sample("audio+image", 3, "image")
    near = there.nearest(image=known, count=2)
    assert next(one.id for one in near) == "event.audio+image.3.image" and near[0].distance < 0.01
    assert (near[0].sample.array == known).all() and near[0].sample.picture().shape == (256, 256, 3)
    assert len(there.nearest("audio", image=known)) == 5


def test_a_run_with_an_exam_tells_names(live: FakeRun, there: ConnectedAgent) -> None:
    live.examine()
    part = live.context.samples.subjects[0].exam.parts["image"]
    live.context.model.forget_codes()
    live.context.model._encoded_at = -1e9
    from tests.patience import wait_for

    assert wait_for(lambda: there.nearest(image=part.samples[0])[0].name is not None)
    assert there.nearest(image=part.samples[0])[0].id.startswith("exam.0.image.")


def test_the_program_of_the_page_runs_as_it_stands(
    live: FakeRun, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(program.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("three.png", board())
    soundfile.write("three.wav", tone(0.5), 16_000)
    # What these networks evoke, which have hardly learned, may be silent.
    program = program.replace('evoked["audio"].save("three.wav")', 'evoked["audio"].save("three.npy")')
    program = program.replace("runs/2026-01-31_12-00-00", str(saved)).replace(
        "127.0.0.1:8270", f"127.0.0.1:{live.port}"
    )
    told: dict[str, Any] = {}
    exec(compile(program, "export.md", "exec"), told)
    assert told["codes"].shape == (1, 512) and told["picture"].shape == (256, 256, 3) and Path("three.npy").exists()
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_what_cannot_be_asked_is_said(there: ConnectedAgent) -> None:
    with pytest.raises(EventError, match="the agent knows"):
        there.evoke(smell=b"x")
    with pytest.raises(EventError, match="the board is empty"):
        there.evoke(image=np.full((64, 64), 255, np.uint8))
    with pytest.raises(EventError, match="damaged"):
        there.evoke(image=b"\x89PNG\r\n\x1a\nxx")
    with pytest.raises(EventError, match="prepare=magic"):
        there.latents(image=board(), prepare="magic")
    with pytest.raises(EventError, match="silence"):
        there.latents(audio=np.zeros(16_000, np.float32))


def test_what_is_no_run_is_said(run: FakeRun) -> None:
    with pytest.raises(ConfigError, match="no address of a page"):
        agent.connect("runs/x")
    with pytest.raises(LinkError, match="no run answers there"):
        agent.connect("http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="is no certificate"):
        agent.connect("https://127.0.0.1:9", certificate="none.pem")
    # Nothing is learned yet.
    young = agent.connect(f"http://127.0.0.1:{run.port}")
    assert young.step == -1
    with pytest.raises(StateError, match="nothing is learned yet"):
        young.evoke(image=board())


def test_a_token_is_given_and_not_shown(tmp_path: Path) -> None:
    with fake_run(tmp_path / "run", token="s3cret") as guarded:
        address = f"http://127.0.0.1:{guarded.port}"
        with pytest.raises(LinkError) as refused:
            agent.connect(f"{address}/?token=wrong")
        assert "wrong" not in str(refused.value)
        it = agent.connect(f"{address}/?token=s3cret")
        assert it.step == -1 and "s3cret" not in repr(it)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[FakeRun]:
    with fake_run(tmp_path / "run") as made:
        yield made
