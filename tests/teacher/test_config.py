"""Settings of the teachers."""

import pytest

from sensors.config import parse
from sensors.errors import ConfigError
from teacher.config import DataConfig, TeacherConfig, concept_numbers


def test_concepts_are_read_by_name_or_digit() -> None:
    assert concept_numbers("missing_audio", "three, 9,Zero") == {0, 3, 9}
    assert concept_numbers("missing_audio", "") == frozenset()


def test_an_unknown_concept_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="missing_image: no concept 'eleven'"):
        TeacherConfig(missing_image="eleven")


def test_a_lesson_longer_than_half_a_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match="lesson_length=33"):
        TeacherConfig(lesson_length=33, batch_events=64)


@pytest.mark.parametrize(("name", "text"), [("single_share", "1.5"), ("style", "school"), ("rate", "-1")])
def test_values_out_of_range_are_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        parse(TeacherConfig, name, text)


def test_settings_survive_a_dict() -> None:
    config = TeacherConfig(style="classroom", missing_audio="two", noise=0.1)
    assert TeacherConfig.from_dict(config.to_dict()) == config
    assert parse(DataConfig, "data", "none") is None


@pytest.mark.parametrize("speech", ["auto", "gcdd", "synthetic"])
def test_a_speaker_can_be_held_out_of_fsdd_alone(speech: str) -> None:
    with pytest.raises(ConfigError, match="held_out='theo': names a speaker of FSDD"):
        DataConfig(speech=speech, held_out="theo")
    assert DataConfig(speech="fsdd", held_out="theo").held_out == "theo"


@pytest.mark.parametrize("drift", [{"drift_noise": 0.1}, {"drift_light": 0.5}])
def test_a_drift_without_length_is_refused(drift: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="set drift_events"):
        TeacherConfig.from_dict(drift)
    assert TeacherConfig.from_dict({**drift, "drift_events": 10}).drift_events == 10
