"""What the monitor's actor asks of the learner, and when; the handle is a stand-in, the rest is real."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import RayActorError

from agent.algorithms import CONTRASTIVE, Setup
from agent.config import LearnerConfig
from agent.monitors import subjects
from agent.monitors.actor import PULL_DEADLINE, MonitorActor
from agent.monitors.monitor import Monitor
from agent.networks.layouts import layout_of
from sensors.core.errors import DataError
from teacher.config import CONCEPTS, DataConfig
from teacher.datasets import ExamSet, choose, letters
from teacher.subjects import contract, register_subject, subject
from tests.agent.exams.test_consistency import fill
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.lip_rigs import TURNS, letter_data, lip_networks
from tests.agent.rigs import ListReplay, config, datasets, tables

MONITOR = {
    "niceness": 0, "judge_steps": 6, "exam_samples": 10, "wavs": 0,
    "every": 3600.0,
}  # fmt: skip


class Remote:
    """A method of a handle."""

    def __init__(self, method: Callable[[str, int], Any]) -> None:
        self.remote = method


class Handle:
    """The learner's, with what it published and the versions it was asked for."""

    def __init__(self, weights: dict[str, Any] | None, letters: dict[str, Any] | None) -> None:
        made = letters and {"version": letters["turn"], "networks": letters}
        self.published = {"smart": weights, "tdlft": made, "contrastive": None}
        self.asked: list[tuple[str, int]] = []
        self.publish = Remote(self.answer)

    def answer(self, name: str, known: int) -> dict[str, Any] | None:
        self.asked.append((name, known))
        found = self.published[name]
        return found if found and found["version"] > known else None


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").mkdir()
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "cache"))
    data = datasets(train=64, test=10)
    monkeypatch.setattr(letters, "load_letters", lambda source: letter_data())
    monkeypatch.setattr(choose, "load_images", lambda source: data["image"])
    monkeypatch.setattr(choose, "load_speech", lambda source: data["audio"])

    def get(value: Any, timeout: float) -> Any:
        assert timeout == PULL_DEADLINE
        return value

    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray, "wait", lambda answers, timeout: (answers, []))
    # The final exam takes every core there is; tests leave the others to whoever works there.
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)


LEARN = {"digits": ["smart"], "letters": ["tdlft"], "digits+letters": ["smart", "tdlft"]}
"""What finds something to learn from in what is taught."""


def exam() -> ExamSet:
    """What the teacher of digits brings."""
    return ExamSet.of(datasets(train=64, test=10), CONCEPTS)


def monitor(tmp_path: Path, handle: Handle, teach: str, learn: list[str] | None = None) -> MonitorActor:
    exams = [] if teach == "letters" else [exam().to_dict()]
    told = (learn or LEARN[teach], {"tdlft": TURNS.replace(tune_epochs=1).to_dict()})
    examined = ["digits"][: len(exams)]
    return MonitorActor(str(tmp_path), MONITOR, DataConfig().to_dict(), handle, teach, *told, 0.0, examined, *exams)


def unlabelled(tmp_path: Path, handle: Handle, **changes: Any) -> MonitorActor:
    """The monitor of a run without a teacher."""
    return MonitorActor(str(tmp_path), MONITOR | changes, DataConfig().to_dict(), handle, "digits", ["smart"], {}, 0.2)


def conclude(it: MonitorActor) -> dict[str, Any]:
    """The final exam in pieces as short as they come."""
    progress = []
    while (found := it.final(0.0)).pop("progress"):
        share = found.pop("share")
        assert found.pop("stage") or share is None
        assert found == {"figures": {}, "note": ""}
        progress.append(found)
    assert (found.pop("stage"), found.pop("share")) == ("", None)
    assert progress or not found["note"]
    return found


def weights() -> dict[str, Any]:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    it.step()
    return published(it)


def towers(steps: int) -> dict[str, Any] | None:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    built = CONTRASTIVE.build(Setup(it.own.config, it.hardware, it.replay, it.replay, 0))
    for _ in range(steps):
        built.step()
    return built.publish(-1)


@pytest.mark.parametrize("mirror", [True, False])
def test_judges_mirror_what_the_learner_mirrors(tmp_path: Path, mirror: bool) -> None:
    it = MonitorActor(
        str(tmp_path),
        MONITOR,
        DataConfig().to_dict(),
        Handle(None, None),
        "digits",
        ["smart"],
        {"learner": LearnerConfig(mirror=mirror).to_dict()},
        0.0,
        ["digits"],
        exam().to_dict(),
    )
    examiner = it.subjects.all[0].subject
    assert isinstance(examiner, Monitor)
    layout = layout_of("picture", (1, 32, 32), "it")
    assert examiner.trainings["image"]._layout is layout.mirroring(mirror)


def test_letters_alone_are_examined_without_any_digit(tmp_path: Path) -> None:
    handle = Handle(None, lip_networks().to_dict())
    it = monitor(tmp_path, handle, "letters")
    assert repr(it) == "Monitor(training judges)"
    first, second, third = (it.run(0.01) for _ in range(3))
    assert first["note"].startswith("lip reading after turn 3") and "exam/lips_all" in first["figures"]
    assert second["note"].startswith("judge of lips ready")
    assert third == {"figures": {}, "note": ""} and repr(it) == "Monitor(judges ready)"
    final = conclude(it)
    assert "exam/lips_imagined" in final["figures"] and final["note"].startswith("final lip reading after turn 3")
    assert handle.asked == [("tdlft", -1), ("tdlft", -1)], "once when it is new, once in any case at the end"


def test_both_are_examined_with_their_newest_networks(tmp_path: Path) -> None:
    handle = Handle(weights(), lip_networks().to_dict())
    it = monitor(tmp_path, handle, "digits+letters")
    figures: dict[str, float] = {}
    for _ in range(200):
        figures |= it.run(0.05)["figures"]
        if {"exam/lips_all", "exam/image_to_audio", "judge/lips"} <= figures.keys():
            break
    assert {"exam/lips_all", "exam/image_to_audio", "judge/lips"} <= figures.keys()
    assert handle.asked == [("tdlft", -1), ("smart", -1)]
    final = conclude(it)
    assert final["figures"].keys() >= {"exam/lips_imagined", "exam/audio_to_image"}
    assert final["note"].index("final lip reading") < final["note"].index("final exam at step 1 of smart on ")


def test_two_subjects_without_labels_have_figures_and_pictures_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Numerals(type(subject("digits"))):  # type: ignore[misc]  # the same data by another name
        name = "numerals"

    monkeypatch.setattr(contract, "_REGISTRY", dict(contract._REGISTRY))
    register_subject(Numerals())
    handle = Handle(weights(), None)
    made = exam().to_dict()
    both = ["digits", "numerals"]
    it = MonitorActor(str(tmp_path), MONITOR, {}, handle, "+".join(both), ["smart"], {}, 0.0, both, made, made)
    final = conclude(it)
    for name in both:
        assert {f"exam/{name}/image_to_audio", f"judge/{name}/audio"} <= final["figures"].keys()
        assert list((tmp_path / "samples" / name).glob("sheet-*-final.png"))
    assert (
        "digits: final exam at step 1 of smart" in final["note"]
        and "numerals: final exam at step 1 of smart" in final["note"]
    )
    assert handle.asked == [("smart", -1), ("smart", -1)]


def test_what_generates_nothing_is_examined_by_what_it_finds(tmp_path: Path) -> None:
    handle = Handle(None, None)
    handle.published["contrastive"] = towers(steps=1)
    found = conclude(monitor(tmp_path, handle, "digits", ["contrastive"]))
    assert (
        found["note"].startswith("final retrieval exam at step 1 of contrastive on ")
        and "image->audio R@1" in found["note"]
    )
    assert not [name for name in found["figures"] if name.startswith(("exam/", "judge/"))]
    paths = [f"{path}/{name}" for path in ("image_to_audio", "audio_to_image") for name in ("r1", "five_way")]
    assert {f"retrieval/{path}" for path in paths} <= found["figures"].keys()
    assert {f"retrieval_chance/{path}" for path in paths} <= found["figures"].keys()
    assert (tmp_path / "samples" / "sheet-000000001-final.png").is_file()


def test_a_second_algorithm_has_figures_and_a_folder_of_its_own(tmp_path: Path) -> None:
    handle = Handle(weights(), None)
    found = monitor(tmp_path, handle, "digits", ["smart", "contrastive"])
    assert [e.algorithm for e in found.subjects.all] == ["smart", "contrastive"]
    assert (tmp_path / "samples" / "contrastive").is_dir()


def test_each_algorithm_tells_its_own_steps_under_a_name_of_its_own(tmp_path: Path) -> None:
    handle = Handle(weights(), None)
    handle.published["contrastive"] = towers(steps=2)
    found = conclude(monitor(tmp_path, handle, "digits", ["smart", "contrastive"]))
    assert found["figures"]["examined/step"] == 1 and found["figures"]["examined/contrastive/step"] == 2
    assert "final exam at step 1 of smart on " in found["note"]
    assert "final retrieval exam at step 2 of contrastive on " in found["note"]


def test_only_the_examiner_that_is_needed_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **options: Any) -> None:
        raise AssertionError("smart generates samples: they are judged")

    monkeypatch.setattr(subjects, "RetrievalMonitor", never)
    assert len(monitor(tmp_path, Handle(weights(), None), "digits", ["smart"]).subjects.all) == 1


def test_concepts_that_changed_since_the_teacher_began_are_refused(tmp_path: Path) -> None:
    """The judges would be taught one concept by the number of another one."""
    renamed = ExamSet.of(datasets(train=64, test=10), ("naught", *CONCEPTS[1:])).to_dict()
    told: tuple[Any, ...] = ("digits", ["smart"], {}, 0.0, ["digits"])
    with pytest.raises(DataError, match=r"'digits'.* no longer with 'naught' and now with 'zero'; put .*--resume"):
        MonitorActor(str(tmp_path), MONITOR, {}, Handle(weights(), None), *told, renamed)
    other = ExamSet.of(datasets(train=64, test=10), CONCEPTS[::-1]).to_dict()
    with pytest.raises(DataError, match=r"'digits'.* in their order; put"):
        MonitorActor(str(tmp_path), MONITOR, {}, Handle(weights(), None), *told, other)


def test_digits_alone_never_ask_for_letters(tmp_path: Path) -> None:
    handle = Handle(weights(), None)
    it = monitor(tmp_path, handle, "digits")
    final = conclude(it)
    assert final["note"].startswith("final exam at step 1 of smart on ") and not [
        n for n in final["figures"] if "lips" in n
    ]
    assert handle.asked == [("smart", -1)]
    assert not list((tmp_path / "samples").glob("lips-*"))


def test_a_run_that_ends_before_the_first_turn_says_nothing_of_lips(tmp_path: Path) -> None:
    it = monitor(tmp_path, Handle(None, None), "letters")
    assert conclude(it) == {"figures": {}, "note": ""}


def test_without_labels_the_learner_is_examined_against_itself(tmp_path: Path) -> None:
    handle = Handle(weights(), None)
    with closing(fill(tmp_path / "replay")):
        it = unlabelled(tmp_path, handle)
        found = it.run(0.01)
        assert found["note"].startswith("self-exam at step 1 of smart on ") and " held-out events: " in found["note"]
        assert {"self/match_image_to_audio", "self/cycle_image", "self/reconstruction_audio"} <= found["figures"].keys()
        assert not [name for name in found["figures"] if name.startswith(("exam/", "judge/"))]
        assert it.run(0.01) == {"figures": {}, "note": ""} and handle.asked == [("smart", -1)]
        assert "self/stability_image" in conclude(it)["figures"]
        it.close()


def test_judges_from_a_folder_examine_what_no_teacher_does(tmp_path: Path) -> None:
    handle = Handle(weights(), None)
    (tmp_path / "labelled" / "judges").mkdir(parents=True)
    with closing(fill(tmp_path / "replay")):
        it = unlabelled(tmp_path, handle, judges=str(tmp_path / "labelled"))
        found = conclude(it)
        it.close()
    assert {"exam/image_to_audio", "judge/audio", "self/cycle_audio"} <= found["figures"].keys()
    assert len(list((tmp_path / "labelled" / "judges").glob("*.safetensors"))) == 2, "trained once, kept there"


def test_a_run_with_a_teacher_is_not_examined_against_itself_unless_asked(tmp_path: Path) -> None:
    assert len(monitor(tmp_path, Handle(None, None), "digits+letters").rounds.rounds) == 2
    assert not unlabelled(tmp_path, Handle(None, None), consistency="off").rounds.rounds


def test_it_turns_to_whoever_takes_a_dead_learners_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, alive = Handle(None, None), Handle(weights(), None)

    def die(name: str, known: int) -> None:
        raise RayActorError()

    dead.publish = Remote(die)
    monkeypatch.setattr(ray, "get_actor", lambda name: {"learner": alive}[name])
    with closing(monitor(tmp_path, dead, "digits")) as it:
        pull = it.rounds.rounds[0].pull
        assert pull(False) is None, "the dead one has nothing, and that is no fault of the monitor's"
        found = pull(False)
        assert found is not None and found.step > 0 and pull(False) is None and len(alive.asked) == 2
        # What does not come at once is not waited for, and is there at the next look.
        waits = iter([([], ["late"]), (["late"], [])])
        monkeypatch.setattr(ray, "wait", lambda answers, timeout: next(waits))
        alive.published["smart"] = {**(alive.published["smart"] or {}), "version": found.step + 1}
        assert pull(False) is None and len(alive.asked) == 3
        assert pull(False) is not None and len(alive.asked) == 3
