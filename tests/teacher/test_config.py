"""Settings of the teachers."""

import pytest

from sensors.core.config import parse
from sensors.core.errors import ConfigError
from teacher.config import CONCEPTS, DataConfig, TeacherConfig, missing_concepts

SENSES = ("audio", "image")


def test_missing_concepts_are_read_by_name_or_number() -> None:
    read = missing_concepts(" audio: three, 9,Zero image:four ", SENSES, CONCEPTS)
    assert read == {"audio": {0, 3, 9}, "image": {4}}
    assert missing_concepts("", SENSES, CONCEPTS) == {}
    assert missing_concepts("image:Red Apple,1", SENSES, ("green apple", "Red apple")) == {"image": {1}}
    assert missing_concepts("image:0", SENSES, ("1", "0")) == {"image": {1}}, "a name goes before a number"


def test_an_unknown_concept_or_sense_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="missing: no concept 'eleven'; known: zero, "):
        missing_concepts("image:eleven", SENSES, CONCEPTS)
    with pytest.raises(ConfigError, match="missing: no sense 'smell' is taught; there are audio, image"):
        missing_concepts("smell:three", SENSES, CONCEPTS)
    with pytest.raises(ConfigError, match="missing='three,four': expected concepts by sense, as in 'audio:three"):
        TeacherConfig(missing="three,four")


def test_a_sense_is_derived_from_one_that_is_taught() -> None:
    assert TeacherConfig(derived=" audio_far").derives(SENSES) == {"audio_far": "audio"}
    assert TeacherConfig().derives(SENSES) == {}
    with pytest.raises(ConfigError, match=r"derived: 'image' is no sense .* known: audio_far"):
        TeacherConfig(derived="image").derives(SENSES)
    with pytest.raises(ConfigError, match="derived: audio_far is computed from audio; taught are image, lips"):
        TeacherConfig(derived="audio_far").derives(("image", "lips"))


def test_a_lesson_longer_than_half_a_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match="lesson_length=33"):
        TeacherConfig(lesson_length=33, batch_events=64)


@pytest.mark.parametrize(("name", "text"), [("single_share", "1.5"), ("style", "school"), ("rate", "-1")])
def test_values_out_of_range_are_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        parse(TeacherConfig, name, text)


def test_settings_survive_a_dict() -> None:
    config = TeacherConfig(style="classroom", missing="audio:two", noise=0.1)
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
