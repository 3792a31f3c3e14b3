from pathlib import Path

import pytest

from sensors.core.errors import DataError
from teacher.datasets.synthesis.synthetic import available
from teacher.folder.load import load_things
from teacher.folder.speak import TAKES, speak
from tests.teacher.own_things import picture, sound

pytestmark = [
    pytest.mark.usefixtures("own_cache"),
    pytest.mark.skipif(not available(), reason="the synthesiser is not installed"),
]


def test_says_the_names_that_have_no_recordings(tmp_path: Path) -> None:
    for thing, name in enumerate(("mug", "red-pan", "key")):
        for n in range(5):
            picture(tmp_path / "image" / name / f"{n}.png", thing, n)
            if name == "key":
                sound(tmp_path / "audio" / name / f"{n}.wav", thing, n)
    (tmp_path / "audio" / "mug").mkdir()
    assert speak(tmp_path) == [
        f"2 names said by {TAKES} voices each: mug, red-pan; in {tmp_path / 'audio'}",
        "1 concepts have recordings already: key",
    ]
    assert [len(list((tmp_path / "audio" / name).iterdir())) for name in ("mug", "red-pan", "key")] == [20, 20, 5]
    assert speak(tmp_path) == ["3 concepts have recordings already: key, mug, red-pan"]
    things = load_things(tmp_path)
    assert things.concepts == ("key", "mug", "red-pan")


def test_voices_are_kept_apart(tmp_path: Path) -> None:
    for thing, name in enumerate(("mug", "pan")):
        for n in range(5):
            picture(tmp_path / "train" / "image" / name / f"{n}.png", thing, n)
    speak(tmp_path)
    assert load_things(tmp_path).datasets["audio"].split.startswith("split by speaker, as the names tell them: 4 of 20")


def test_says_what_a_folder_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^--speak {tmp_path}: holds no folder of a sense"):
        speak(tmp_path)
    (tmp_path / "image").mkdir()
    with pytest.raises(DataError, match=r"has no names to say;\n.*as in image/mug"):
        speak(tmp_path)


def test_a_folder_without_sounds_is_told_of_the_synthesiser(tmp_path: Path) -> None:
    for thing, name in enumerate(("mug", "pan")):
        for n in range(2):
            picture(tmp_path / "image" / name / f"{n}.png", thing, n)
    with pytest.raises(DataError, match=f"\nno sounds\\? --speak {tmp_path} has each name said$"):
        load_things(tmp_path)
    for file in tmp_path.rglob("*.png"):
        file.rename(file.with_suffix(".heic"))
    with pytest.raises(DataError, match=r"without a file .*\nexpected DIR"):
        load_things(tmp_path)
