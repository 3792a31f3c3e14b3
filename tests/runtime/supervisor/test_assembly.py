from runtime.settings import RunConfig
from runtime.supervisor.assembly import kinds

LETTERS = ["speech+lips+letter", "speech+letter"]
DIGITS = ["audio", "image", "audio+image"]


def test_tables_are_made_for_what_is_taught() -> None:
    def made(teach: str) -> list[str]:
        return kinds(RunConfig().override({"run.teach": teach}))

    assert made("both") == DIGITS + LETTERS
    assert made("digits") == DIGITS
    assert made("letters") == LETTERS


def test_what_is_perceived_fills_the_tables_of_digits() -> None:
    assert kinds(RunConfig.of({"run.sensors": "live"})) == DIGITS
