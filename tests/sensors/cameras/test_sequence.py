import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from sensors.cameras.camera import Camera
from sensors.cameras.sequence import missing_numbers, numbered
from sensors.core.errors import SourceError
from sensors.sources.devices import connect
from sensors.sources.source import Change, Ended, Frame
from tests.patience import PATIENCE, wait_for


def shots(folder: Path, numbers: range, name: str = "shot_{:03d}.png") -> None:
    """Pictures whose brightness is their number."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / name.format(number)), np.full((48, 64), number, np.uint8))


def play(address: str, **options: float) -> tuple[list[Frame], Counter[str], str]:
    """What a camera gives, what it lost, and why it closed."""
    changes: list[Change] = []
    camera = Camera(address, **{"fps": 100.0, **options})  # type: ignore[arg-type]  # a test's own options
    camera.observe(changes.append)
    frames = []
    with camera:
        while True:
            try:
                frames.append(camera.read())
            except TimeoutError:
                continue
            except Ended:
                break
    assert wait_for(lambda: changes[-1].after == "closed")
    return frames, Counter(camera.counts.dropped), changes[-1].reason


def seen(frames: list[Frame]) -> list[int]:
    return [int(frame.picture[0, 0]) for frame in frames]


def test_damaged_and_missing_pictures_are_skipped_counted_and_named(tmp_path: Path) -> None:
    shots(tmp_path, range(5, 45))
    whole = (tmp_path / "shot_010.png").read_bytes()
    (tmp_path / "shot_010.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "shot_015.png").write_bytes(b"not a picture")
    (tmp_path / "shot_016.png").write_bytes(b"")
    (tmp_path / "shot_020.png").unlink()
    cv2.imwrite(str(tmp_path / "one.tiff"), np.full((8, 8), 70_000, np.int32))
    (tmp_path / "one.tiff").rename(tmp_path / "shot_030.png")
    frames, lost, reason = play(str(tmp_path / "shot_%03d.png"))
    assert seen(frames) == [n for n in range(5, 45) if n not in (10, 15, 16, 20, 30)]
    assert lost == {"damaged": 2, "empty": 1, "missing": 1, "refused": 1}
    assert reason.startswith(
        "at its end: 35 of 40 pictures, 2 damaged (shot_010.png, shot_015.png), 1 empty (shot_016.png), "
    )
    assert ", 1 refused (shot_030.png), 1 missing number (20); shot_010.png is damaged" in reason
    # A damaged picture's moment passes; a missing one takes no time.
    steps = np.diff([frame.time for frame in frames]).round(6)
    assert steps.tolist() == [
        0.02 if n == 11 else 0.03 if n == 17 else 0.02 if n == 31 else 0.01 for n in seen(frames)[1:]
    ]


def test_a_whole_sequence_says_no_more_than_that_it_ended(tmp_path: Path) -> None:
    shots(tmp_path, range(3))
    assert play(str(tmp_path / "shot_%03d.png"))[1:] == (Counter(), "at its end")


def test_a_percent_sign_elsewhere_is_a_part_of_the_name(tmp_path: Path) -> None:
    folder = tmp_path / "100% %03d good"
    shots(folder, range(3))
    assert len(play(str(folder / "shot_%03d.png"))[0]) == 3
    assert len(play(f"file://{folder}/shot_%03d.png")[0]) == 3
    assert seen(play(str(folder / "shot_002.png"))[0]) == [2]
    shots(folder, range(2), "5%_{:d}.png")
    assert len(play(str(folder / "5%%_%d.png"))[0]) == 2
    shots(folder, range(7, 8), "5%_%03d.png")
    assert seen(play(str(folder / "5%_%03d.png"))[0]) == [7]


def test_names_are_matched_as_printf_writes_them(tmp_path: Path) -> None:
    for name in ("a7.png", "a07.png", "a007.png", "a1234.png", "a-12.png", "b007.png", "a007.png~", "a  7.png"):
        (tmp_path / name).touch()
    assert numbered(tmp_path, "a%03d.png") == {7: "a007.png", 1234: "a1234.png"}
    assert numbered(tmp_path, "a%d.png") == {7: "a7.png", 1234: "a1234.png"}
    assert numbered(tmp_path, "a%3d.png") == {7: "a  7.png", 1234: "a1234.png"}
    with pytest.raises(SourceError, match="give one number"):
        numbered(tmp_path, "a%d_%d.png")


def test_numbers_may_count_in_steps_or_be_times() -> None:
    assert missing_numbers([3, 4, 5, 8]) == [range(6, 8)]
    assert [list(gap) for gap in missing_numbers([0, 10, 20, 40])] == [[30]]
    assert missing_numbers([0, 66, 133, 199, 266, 10**15]) == []
    assert sum(map(len, missing_numbers([0, 1, 2, 10**12]))) == 10**12 - 3
    assert missing_numbers([]) == missing_numbers([5]) == []


def test_of_nothing_that_can_be_read_it_is_said_at_the_start(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"shot_{number}.tiff"), np.full((8, 8), 300.0, np.float32))
    camera = Camera(str(tmp_path / "shot_%d.tiff"))
    with pytest.raises(SourceError, match=r"(?s)nothing to perceive with: camera.*0 of 3 pictures, 3 refused.*0…1"):
        connect([camera], PATIENCE)
    for address, message in (
        (tmp_path / "no_%d.png", "no file of .* has such a name"),
        (tmp_path / "nowhere" / "shot_%d.png", "cannot be read .*check the path"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(SourceError, match=message):
            Camera(str(address)).connect(PATIENCE)


def test_a_file_of_several_pictures_is_played_at_the_pace_that_it_says(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((16, 24), 40 * n, np.uint8)) for n in range(1, 5)]
    for name, pace in (("moving.gif", 0.05), ("moving.png", 0.05), ("moving.webp", 0.05), ("pages.tiff", 0.01)):
        options: dict[str, Any] = {} if name == "pages.tiff" else {"duration": 50}
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], **options)
        frames, lost, reason = play(str(tmp_path / name))
        assert np.abs(np.array(seen(frames)) - [40, 80, 120, 160]).max() <= 2 and not lost and reason == "at its end"
        assert np.diff([frame.time for frame in frames]) == pytest.approx(pace, abs=1e-6)


def test_a_gif_that_is_cut_off_says_that_its_total_is_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 256, (16, 24), dtype=np.uint8)) for _ in range(10)]
    path = tmp_path / "moving.gif"
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=10)
    whole = path.read_bytes()
    # Some cuts fall between two pictures: nothing is damaged then.
    for size in range(len(whole) // 2, len(whole) // 2 + 400, 100):
        path.write_bytes(whole[:size])
        frames, lost, reason = play(str(path))
        damaged = f", {lost['damaged']} damaged (picture {len(frames)})" if lost else ""
        assert len(frames) < 10 and reason.startswith(
            f"at its end: {len(frames)} pictures{damaged}, and an unknown number missing: the file is cut off"
        )
    # Bytes behind the mark of its end are not its own.
    path.write_bytes(whole + b"more")
    frames, lost, reason = play(str(path))
    assert len(frames) == 10 and not lost and reason == "at its end"


def test_a_sequence_that_is_read_late_still_ends_soon(tmp_path: Path) -> None:
    shots(tmp_path, range(10))
    began = time.monotonic()
    frames, _, _ = play(str(tmp_path / "shot_%03d.png"), fps=20.0)
    assert 0.4 <= frames[-1].time - began < PATIENCE and len(frames) == 10
