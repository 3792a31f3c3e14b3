from pathlib import Path

import pytest

from sensors.core.errors import DataError
from teacher.folder.names import match

THERE = {"audio": ["bed", "cat", "dog"], "image": ["Apple", "Milk", "Pear"]}


def csv(root: Path, text: str, encoding: str = "utf-8") -> Path:
    (root / "names.csv").write_bytes(text.encode(encoding))
    return root


def test_folders_of_one_name_are_of_one_concept(tmp_path: Path) -> None:
    names = match(tmp_path, {"audio": ["mug", "Pan"], "image": ["Mug", "pan", "cup"]})
    assert names.concepts == ("cup", "mug", "Pan")
    assert names.folders == {"audio": {"mug": "mug", "Pan": "Pan"}, "image": {"Mug": "mug", "pan": "Pan", "cup": "cup"}}


def test_capitals_count_where_they_alone_tell_folders_apart(tmp_path: Path) -> None:
    names = match(tmp_path, {"audio": ["a", "A", "b"], "image": ["A", "a", "B"]})
    assert names.concepts == ("A", "a", "b")
    assert names.folders["image"] == {"A": "A", "a": "a", "B": "b"}


def test_rows_say_which_folders_belong_together(tmp_path: Path) -> None:
    csv(tmp_path, "concept,image,audio\nfruit,Apple|pear,bed\n\ndrink , Milk ,cat\n", "utf-8-sig")
    names = match(tmp_path, THERE)
    assert names.concepts == ("fruit", "drink")
    assert names.folders["image"] == {"Apple": "fruit", "Pear": "fruit", "Milk": "drink"}
    assert names.folders["audio"] == {"bed": "fruit", "cat": "drink"}
    assert names.left == (("folder", "audio/dog", "that names.csv does not name"),)


def test_a_sense_without_a_column_has_folders_named_as_concepts_are(tmp_path: Path) -> None:
    csv(tmp_path, "concept,image\nbed,Apple\ncat,\n")
    names = match(tmp_path, THERE)
    assert names.folders["audio"] == {"bed": "bed", "cat": "cat"} and names.folders["image"] == {"Apple": "bed"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("concept,image,sound\na,Apple,bed\n", "has columns of no sense that is there: sound (there: audio, image)"),
        ("concept;image;audio\na;Apple;bed\n", "begins with 'concept;image;audio' in place of concept,…"),
        ("", "begins with '' in place of concept,…"),
        ("concept,image,image\na,Apple,Pear\n", "has two columns of one name"),
        ("concept,image,audio\na,Apple,bed\na,Pear,cat\n", ", line 3: a is there twice"),
        ("concept,image,audio\na,Apple,bed\nb,Apple,cat\n", ", line 3: image/Apple is of a already"),
        ("concept,image,audio\na,Apple\n", ", line 2: 2 cells, its first line has 3"),
        ("concept,image,audio\na,Aple,bed\n", ", line 2: there is no folder image/Aple"),
        ("concept,image,audio\na/b,Apple,bed\n", ", line 2: 'a/b' is no concept's name"),
    ],
)
def test_a_wrong_line_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError) as error:
        match(csv(tmp_path, text), THERE)
    lines = str(error.value).split("\n")
    assert len(lines) == 2 and lines[0].startswith(f"--teach {tmp_path}: names.csv") and why in lines[0]


def test_refuses_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names\.csv is not UTF-8"):
        match(csv(tmp_path, "concept,image\ncafé,Apple\n", "latin-1"), THERE)
