"""Settings of earlier versions."""

from typing import Any

import pytest

from runtime.config.migrate import migrate
from runtime.config.settings import RunConfig
from runtime.config.teaching import check_senses
from sensors.core.errors import ConfigError


def saved(**sections: dict[str, Any]) -> dict[str, Any]:
    """What an earlier program saved: today's defaults but for some sections, in which settings of today may be none."""
    values = RunConfig().to_dict()
    for name, changes in sections.items():
        values[name] = {key: value for key, value in (values[name] | changes).items() if value is not ...}
    return values


def before_subjects(**teacher: Any) -> dict[str, Any]:
    """The teacher's section as it was before there were subjects."""
    return {"missing": ..., "derived": ..., "missing_audio": "", "missing_image": "", "far_microphone": False} | teacher


def test_settings_of_today_are_left_as_they_are() -> None:
    today = RunConfig().override({"run.teach": "letters", "teacher.missing": "audio:three", "run.seed": "7"})
    assert migrate(today.to_dict()) == today.to_dict()
    assert RunConfig.from_saved(today.to_dict()) == today


def test_what_an_earlier_run_took_for_an_utterance_it_goes_on_to_take() -> None:
    before = RunConfig().to_dict()
    for name in ("reach", "after", "dip", "faint"):
        del before["perception"]["segmentation"][name]
    before["perception"]["segmentation"]["trim"] = 0.25
    now = RunConfig.from_saved(before).perception.segmentation
    assert (now.reach, now.faint, now.trim, now.after) == (80.0, 3.0, 0.25, 0.0)
    # Other settings of the group are left as they were saved.
    before["perception"]["segmentation"]["pause"] = 0.3
    assert RunConfig.from_saved(before).perception.segmentation.pause == 0.3


@pytest.mark.parametrize(
    ("told", "now"),
    [("both", "digits+letters"), ("digits", "digits"), ("letters", "letters"), (..., "digits")],
    ids=str,
)
def test_what_was_taught_is_taught(told: Any, now: str) -> None:
    assert RunConfig.from_saved(saved(run={"teach": told})).run.teach == now


def test_a_default_run_of_before_is_a_default_run_of_today() -> None:
    assert RunConfig.from_saved(saved(run={"teach": "both"}, teacher=before_subjects())) == RunConfig()


@pytest.mark.parametrize(
    ("audio", "image", "now"),
    [
        ("three,nine", "four", "audio:three,nine image:four"),
        ("", "4", "image:4"),
        (" zero ", "", "audio:zero"),
        ("", "", ""),
    ],
)
def test_missing_concepts_stay_missing(audio: str, image: str, now: str) -> None:
    teacher = before_subjects(missing_audio=audio, missing_image=image)
    assert RunConfig.from_saved(saved(teacher=teacher)).teacher.missing == now


def test_a_far_microphone_goes_on_hearing() -> None:
    names = {"modalities": "audio,image,audio_far"}
    config = RunConfig.from_saved(saved(teacher=before_subjects(far_microphone=True), learner=names))
    assert config.teacher.derived == "audio_far"
    check_senses(config)


def test_a_run_from_before_rare_pairs_had_turns_goes_on_without() -> None:
    assert RunConfig.from_saved(saved()).learner.paired_turns == RunConfig().learner.paired_turns > 0
    old = RunConfig.from_saved(saved(learner={"paired_turns": ...}))
    assert old.learner.paired_turns == 0.0 and old.learner.batch == RunConfig().learner.batch


def test_settings_that_others_replaced_are_told_where_they_were_changed() -> None:
    old = saved(monitor={"images": 2000, "clips": 100, "judge_steps_audio": 900})
    assert RunConfig.from_saved(old).monitor == RunConfig().monitor
    assert RunConfig.replaced(old) == ["monitor.clips: 100 -> the default of monitor.exam_samples"]
    assert RunConfig.replaced(RunConfig().to_dict()) == []


def test_a_run_that_was_told_to_go_on_for_infinite_minutes_goes_on_until_it_is_stopped() -> None:
    assert RunConfig.from_saved({"run": {"minutes": float("inf")}}).run.minutes is None


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("teacher.missing_audio", r"teacher\.missing_audio: is now teacher\.missing, as in teacher\.missing=audio:"),
        ("teacher.far_microphone", r"is now teacher\.derived, as in teacher\.derived=audio_far"),
        ("monitor.clips", r"is now monitor\.exam_samples"),
    ],
)
def test_a_setting_that_is_no_more_says_what_takes_its_place(typed: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig().override({typed: "1"})


def test_a_setting_that_had_no_effect_is_left_out_where_it_has_its_one_value() -> None:
    assert RunConfig.from_saved(saved(sensors={"cascade": None})) == RunConfig()
    with pytest.raises(ConfigError, match="unknown setting cascade"):
        RunConfig.from_saved(saved(sensors={"cascade": "faces.xml"}))
    with pytest.raises(ConfigError, match="sensors=3: expected a group of settings"):
        RunConfig.from_saved({"sensors": 3})


def test_a_run_that_saw_cards_goes_on_seeing_cards() -> None:
    before = saved(sensors={"view": ..., "record_pictures": ...})
    assert RunConfig.from_saved(before).sensors.view == "card"
    assert RunConfig.from_saved(saved()).sensors.view == RunConfig().sensors.view == "auto"
    with_retired = saved(sensors={"view": ..., "cascade": None})
    assert RunConfig.from_saved(with_retired).sensors.view == "card"
