from pathlib import Path

import pytest

from runtime.command.cli import parse_arguments
from runtime.config.teach import read_teach
from sensors.core.errors import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("things", "digits", "a+b", "sub/things"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "teach", "folder"),
    [
        ("digits", "digits", None),
        ("digits+letters", "digits+letters", None),
        ("both", "digits+letters", None),
        ("things", "folder", "things"),
        ("./digits", "folder", "./digits"),
        ("sub/things", "folder", "sub/things"),
        (".", "folder", "."),
        ("a+b", "folder", "a+b"),
        ("./a+b", "folder", "./a+b"),
        ("digits+things", "digits+folder", "things"),
        ("./digits+letters", "folder+letters", "./digits"),
        ("sub/nothing", "folder", "sub/nothing"),
    ],
)
def test_a_word_is_a_subject_or_a_folder(text: str, teach: str, folder: str | None) -> None:
    wanted = {"run.teach": teach} | ({} if folder is None else {"data.folder": folder})
    assert read_teach(text) == wanted
    assert parse_arguments(["--teach", text]).changes == wanted


@pytest.mark.parametrize("text", ["mugs", "digits+mugs", "", "digits+"])
def test_neither_subject_nor_folder_is_refused_with_both_possibilities(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_teach(text)
    first, second = str(error.value).split("\n")
    assert first.startswith(f"--teach {text}: ") and "neither a subject (digits, folder, letters) nor a folder" in first
    assert second == "give subjects joined by '+', or a folder DIR with DIR/<sense>/<concept>/<files>"


def test_two_folders_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 folders"):
        read_teach("things+./digits")
