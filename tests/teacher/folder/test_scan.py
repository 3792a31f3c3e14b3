import os
import unicodedata
from pathlib import Path

import pytest

from sensors.core.errors import DataError
from teacher.folder.scan import scan

ENDINGS = {"audio": (".wav", ".flac"), "image": (".png", ".jpg")}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_finds_files_by_sense_and_concept_however_deep(tmp_path: Path) -> None:
    touch(tmp_path, "image/mug/2.png", "image/mug/1.JPG", "image/mug/old/more/3.png", "Audio/mug/a.wav")
    found = scan(tmp_path, ENDINGS)
    assert [file.name for file in found.files["image"]["mug"]] == ["1.JPG", "2.png", "old/more/3.png"]
    assert [file.part for file in found.files["audio"]["mug"]] == ["train"]
    assert not found.left and not found.parts


def test_tells_all_that_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "image/mug/1.png", "audio/mug/1.wav", "README.md")
    touch(tmp_path, "image/mug/.DS_Store", "image/mug/.hidden/1.png", "image/mug/notes.txt", "docs/1.png", ".git/x")
    touch(tmp_path, "image/loose.png", "top.wav", "image/README.md")
    assert sorted(scan(tmp_path, ENDINGS).left) == [
        ("file", "image/loose.png", "in no concept's folder"),
        ("file", "image/mug/.DS_Store", "hidden"),
        ("file", "image/mug/notes.txt", "not .png, .jpg"),
        ("file", "top.wav", "in no concept's folder"),
        ("folder", ".git", "hidden"),
        ("folder", "docs", "of no sense"),
        ("folder", "image/mug/.hidden", "hidden"),
    ]


def test_parts_may_lie_above_the_senses(tmp_path: Path) -> None:
    touch(
        tmp_path, "train/image/mug/1.png", "test/image/mug/1.png", "val/image/mug/2.png", "train/audio/mug/1.wav", "x/1"
    )
    found = scan(tmp_path, ENDINGS)
    assert [(file.part, file.name) for file in found.files["image"]["mug"]] == [
        ("train", "1.png"),
        ("val", "2.png"),
        ("test", "1.png"),
    ]
    assert found.parts == ("train", "val", "test") and found.left == [("folder", "x", "of no sense")]


def test_links_are_followed_and_loops_left_out(tmp_path: Path) -> None:
    elsewhere = touch(tmp_path / "elsewhere", "mugs/1.png", "mugs/2.png")
    things = touch(tmp_path / "things", "image/pan/1.png")
    (things / "image" / "mug").symlink_to(elsewhere / "mugs")
    (elsewhere / "mugs" / "again").symlink_to(elsewhere / "mugs")
    (things / "image" / "pan" / "up").symlink_to(things)
    (things / "image" / "lost").symlink_to(tmp_path / "nowhere")
    found = scan(things, ENDINGS)
    assert [file.name for file in found.files["image"]["mug"]] == ["1.png", "2.png"]
    assert ("folder", "image/mug/again", "that leads back to one above") in found.left
    assert any(why == "that leads back to one above" and "/up/" in name for _, name, why in found.left)


def test_composes_names(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "café")
    touch(tmp_path, f"image/{name}/1.png", "image/café/2.png")
    assert [file.name for file in scan(tmp_path, ENDINGS).files["image"]["café"]] == ["1.png", "2.png"]


def test_leaves_out_names_that_are_no_text(tmp_path: Path) -> None:
    touch(tmp_path, "image/mug/1.png")
    os.mkdir(bytes(tmp_path / "image") + b"/\xff")
    assert scan(tmp_path, ENDINGS).left[0].why == "whose name is no printable text"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["images/mug/1.png"], "holds no folder of a sense (audio, image); there are images"),
        (["readme"], "holds no folder of a sense (audio, image)"),
        (["image/mug/1.png", "train/image/mug/1.png"], "image beside train, so what is to be taught is not clear"),
        (["test/image/mug/1.png"], "has test and no train"),
    ],
)
def test_refuses_other_layouts_in_two_lines(tmp_path: Path, names: list[str], why: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError) as error:
        scan(tmp_path, ENDINGS)
    first, second = str(error.value).split("\n")
    assert first == f"--teach {tmp_path}: {why};"
    assert second.startswith("expected DIR/<sense>/<concept>/<files>, as in image/mug/1.jpg and audio/mug/1.wav")


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, why in (("file", "is no directory"), ("nothing", "no such directory")):
        with pytest.raises(DataError, match=why):
            scan(tmp_path / name, ENDINGS)
