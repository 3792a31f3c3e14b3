"""What learns in a run, what rests, and which tables make nobody wait."""

import pytest

from runtime.config.learning import learning, sections
from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError


def settings(**changes: str) -> RunConfig:
    return RunConfig.of({f"run.{name}": text for name, text in changes.items()})


@pytest.mark.parametrize(
    ("teach", "learn", "active", "resting", "free"),
    [
        ("digits+letters", "smart+tdlft", ["smart", "tdlft"], [], ()),
        ("digits", "smart+tdlft", ["smart"], ["tdlft"], ()),
        ("letters", "smart+tdlft", ["tdlft"], ["smart"], ()),
        ("digits", "contrastive", ["contrastive"], [], ("audio", "image")),
        ("digits", "contrastive+smart", ["smart", "contrastive"], [], ()),
        ("digits+letters", "tdlft", ["tdlft"], [], ()),
    ],
)
def test_an_algorithm_without_events_rests(
    teach: str, learn: str, active: list[str], resting: list[str], free: tuple[str, ...]
) -> None:
    found = learning(settings(teach=teach, learn=learn))
    assert found.names == active and [d.name for d in found.resting] == resting and found.free == free
    assert len(found.notes) == len(resting)


def test_labelled_events_that_nothing_reads_are_told_of() -> None:
    found = learning(settings(teach="digits+letters", learn="contrastive"))
    assert found.notes == ["speech+lips+letter, speech+letter: kept, and learned from by nothing in this run"]


def test_a_run_in_which_nothing_learns_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tdlft learns from none of audio, image, audio.image;\nchoose others"):
        learning(settings(teach="digits", learn="tdlft"))


def test_questions_are_answered_by_what_can_generate() -> None:
    assert learning(settings(teach="digits", learn="contrastive+smart")).answers == "smart"
    assert learning(settings(teach="digits", learn="contrastive")).answers == "contrastive"
    live = {"run.sensors": "live", "answer.respond": "true", "run.learn": "contrastive"}
    with pytest.raises(ConfigError, match="respond: contrastive cannot generate"):
        learning(RunConfig.of(live))


def test_a_run_that_is_to_answer_has_an_algorithm_that_can() -> None:
    changes = {"run.teach": "letters", "answer.serve": "true"}
    with pytest.raises(ConfigError, match=r"answer\.serve: tdlft cannot answer.*;\ngive --set answer\.serve=false"):
        learning(RunConfig.of(changes))
    assert learning(RunConfig.of(changes | {"run.teach": "digits+letters"})).answers == "smart"


def test_a_wrong_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"learn='bogus': no algorithm 'bogus'; choose from smart, tdlft"):
        settings(learn="bogus")


def test_each_has_its_own_settings() -> None:
    config = RunConfig.of({"run.learn": "contrastive", "contrastive.width": "64"})
    assert sections(config)["contrastive"]["width"] == 64 and "tdlft" not in sections(config)
