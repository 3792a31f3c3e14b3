from pathlib import Path

from runtime.config.learning import kinds
from runtime.config.settings import RunConfig
from runtime.supervisor.assembly import rig_of

LETTERS = ["speech+lips+letter", "speech+letter"]
DIGITS = ["audio", "image", "audio+image"]


def test_tables_are_made_for_the_taught_subjects() -> None:
    def made(teach: str) -> list[str]:
        return kinds(RunConfig().override({"run.teach": teach}))

    assert made("digits+letters") == DIGITS + LETTERS
    assert made("digits") == DIGITS
    assert made("letters") == LETTERS


def test_perceived_events_fill_the_tables_of_digits() -> None:
    assert kinds(RunConfig.of({"run.sensors": "live"})) == DIGITS


def test_a_run_listens_for_its_own_voice_only_where_it_can_be_heard(tmp_path: Path) -> None:
    def own_playback(sensors: str, respond: str) -> str | None:
        changes = {"run.sensors": sensors, "answer.respond": respond}
        return rig_of(RunConfig.of(changes), tmp_path).own_playback

    assert own_playback("live", "true") == str(tmp_path / "hush")
    assert own_playback("live", "false") is own_playback(str(tmp_path), "true") is None
