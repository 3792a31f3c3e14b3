"""Who teaches what, and what the learner makes of it."""

import pytest

from runtime.config.settings import RunConfig
from runtime.config.teaching import check_senses, teachers_of, with_senses
from sensors.core.errors import ConfigError


def test_a_second_microphone_is_asked_for_where_it_is_learned_from() -> None:
    names = {"learner.modalities": "audio,image,audio_far"}
    with pytest.raises(ConfigError, match=r"no teacher sends audio_far; .* teacher\.derived"):
        check_senses(RunConfig().override(names))
    far = {"teacher.derived": "audio_far"}
    check_senses(RunConfig().override(names | far))
    with pytest.raises(ConfigError, match=r"teachers send audio_far, .* learner\.modalities=audio,image,audio_far"):
        check_senses(RunConfig().override(far))
    assert with_senses(RunConfig().override(far)).learner.modalities == "audio,image,audio_far"
    assert with_senses(RunConfig()) == RunConfig()
    with pytest.raises(ConfigError, match="lesson"):
        check_senses(RunConfig().override({**names, **far, "learner.selector": "lesson"}))
    check_senses(RunConfig().override(names | {"run.teach": "letters"}))


def test_teachers_have_names_under_which_they_send() -> None:
    def names(**changes: str) -> list[str]:
        run = RunConfig().override({f"run.{key}": text for key, text in changes.items()}).run
        return [one.name for one in teachers_of(run)]

    assert names(teachers="2") == ["teacher-0", "teacher-1", "teacher-letters"]
    assert names(teach="letters+digits") == ["teacher-0", "teacher-letters"]
    assert names(teach="letters") == ["teacher-letters"]
    assert names(teach="digits", sensors="live") == []
