"""Pictures of files, one after the other: numbered files, or all pictures of one file (GIF, PNG, TIFF, WebP).

The files are looked for once, when the sequence is opened. Numbers that are missing are passed over, without a pause. A
picture that cannot be taken is passed over, too; its moment passes as if it had been shown. Both are counted.
"""

import contextlib
import errno
import io
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensors.core.errors import SourceError
from sensors.signals.gif import is_cut_off
from sensors.signals.pictures import JPEG_AFTER_JPEG, PictureError, open_image, pixels_of, read_bytes, read_picture
from sensors.sources.loop import AT_ITS_END
from sensors.sources.source import Ended, Frame
from sensors.system.address import NUMBER

NAMED = 3
"""Most pictures that are named for each reason for which they were not taken."""
MISSING = "missing"
"""Reason for which a number has no picture."""
Lose = Callable[[str, int], None]
"""Takes the reason for which pictures were lost, and how many."""


class Shot(NamedTuple):
    """One picture of a sequence.

    Attributes:
        name: of its file, or its number within a file.
        picture: (H, W) uint8 grey, or (H, W, 3) BGR; or why there is none.
        seconds: for which it is shown.
    """

    name: str
    picture: NDArray[np.uint8] | PictureError
    seconds: float


class Sequence:
    """The driver of a picture sequence: gives each picture when it is due.

    Args:
        shots: the pictures in their order.
        total: how many files there are.
        missing: numbers without a picture.
        lose: takes what is lost.
        idle: called while the next picture is not due yet.
        cut: whether the file is cut off, so that nobody knows how many pictures it held.
    """

    def __init__(
        self,
        shots: Iterator[Shot],
        total: int,
        missing: list[range],
        lose: Lose,
        idle: Callable[[], None],
        cut: bool = False,
    ) -> None:
        self._shots, self._total, self._cut = shots, total, cut
        self._lose, self._idle = lose, idle
        self._next: Shot | None = None
        self._due: float | None = None
        self._given = 0
        self._lost: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {}
        self._detail = ""
        if missing:
            self._count(MISSING, sum(map(len, missing)))
            first = itertools.islice(itertools.chain.from_iterable(missing), NAMED)
            self._names[MISSING] = [str(number) for number in first]

    def read(self, timeout: float) -> Frame | None:
        """The next picture, when it is due.

        Raises:
            Ended: all were given; says what was lost.
        """
        if self._next is None:
            self._next = next(self._shots, None)
        if self._next is None:
            raise Ended(self._summary())
        now = time.monotonic()
        if self._due is None:
            self._due = now
        if self._due - now > timeout:
            time.sleep(timeout)
            self._idle()
            return None
        time.sleep(max(self._due - now, 0.0))
        shot, self._next = self._next, None
        due, self._due = self._due, self._due + shot.seconds
        if isinstance(shot.picture, PictureError):
            self._detail = self._detail or f"{shot.name} {shot.picture}"
            self._count(shot.picture.reason, 1)
            names = self._names.setdefault(shot.picture.reason, [])
            if len(names) < NAMED:
                names.append(shot.name)
            self._idle()
            return None
        self._given += 1
        return Frame(due, shot.picture)

    def close(self) -> None:
        """Nothing is held open."""

    def _count(self, reason: str, count: int) -> None:
        self._lose(reason, count)
        self._lost[reason] += count

    def _summary(self) -> str:
        if not self._lost and not self._cut:
            return ""
        total = "" if self._cut else f" of {self._total + self._lost[MISSING]}"
        parts = [f"{self._given}{total} pictures"]
        for reason, count in sorted(self._lost.items(), key=lambda lost: lost[0] == MISSING):
            names = ", ".join(self._names[reason]) + (", …" if count > NAMED else "")
            what = reason if reason != MISSING else "missing number" + ("s" if count > 1 else "")
            parts.append(f"{count} {what} ({names})")
        if self._cut:
            parts.append("and an unknown number missing: the file is cut off")
        return f"{AT_ITS_END}: {', '.join(parts)}" + (f"; {self._detail}" if self._detail else "")


def open_sequence(pattern: str, period: float, lose: Lose, idle: Callable[[], None], color: bool = False) -> Sequence:
    """The numbered files that a path such as `folder/shot_%03d.png` names; `%%` is a % of the name itself.

    Args:
        pattern: the path; only its last part has the number.
        period: seconds from one picture to the next.
        lose: takes what is lost.
        idle: called while the next picture is not due yet.
        color: give pictures in colour; without it, grey ones.

    Raises:
        SourceError: there is no such folder, or no such file in it.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    found = numbered(folder, name)
    if not found:
        raise SourceError(
            f"camera {pattern!r}: no file of {str(folder)!r} has such a name; check the name and its digits"
        )
    paths = [folder / found[number] for number in sorted(found)]
    return Sequence(_files(paths, period, color), len(paths), missing_numbers(sorted(found)), lose, idle)


def numbered(folder: Path, name: str) -> dict[int, str]:
    """The files in a folder that a name with a number stands for, by their numbers.

    Raises:
        SourceError: the folder cannot be read, or the name has more than one number.
    """
    places = list(NUMBER.finditer(name.replace("%%", "\0\0")))
    if len(places) != 1:
        raise SourceError(f"camera {name!r}: give one number, as in shot_%03d.png")
    place = places[0]
    before, after = (part.replace("%%", "%") for part in (name[: place.start()], name[place.end() :]))
    fits = re.compile(re.escape(before) + r"( *\d+)" + re.escape(after))
    found: dict[int, str] = {}
    try:
        for path in folder.iterdir():
            if (match := fits.fullmatch(path.name)) and place[0] % int(match[1]) == match[1]:
                found[int(match[1])] = path.name
    except OSError as error:
        fix = "check the path" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "check its permissions"
        raise SourceError(f"camera: the folder {str(folder)!r} cannot be read ({error.strerror}); {fix}") from None
    return found


def missing_numbers(numbers: list[int]) -> list[range]:
    """The numbers that are missing from a sequence.

    Sequences may count in steps, and names may hold a time instead of a count. So the usual step is the commonest one;
    where fewer than half of the steps are like it, nothing is missing.

    Args:
        numbers: those that are there, in order.
    """
    pairs = list(itertools.pairwise(numbers))
    steps = Counter(b - a for a, b in pairs)
    if not steps:
        return []
    (step, often), *_ = steps.most_common(1)
    if 2 * often < len(pairs):
        return []
    return [gap for a, b in pairs if (gap := range(a + step, b, step))]


def picture_file(
    path: Path, period: float, lose: Lose, idle: Callable[[], None], color: bool = False
) -> Sequence | None:
    """The pictures of one file; None when it is no picture, but perhaps a film, as JPEGs one behind the other are.

    Args:
        path: the file.
        period: seconds for which a picture is shown that does not say it itself.
        lose: takes what is lost.
        idle: called while the next picture is not due yet.
        color: give pictures in colour; without it, grey ones.
    """
    try:
        image = open_image(path)
        if image.format == "JPEG" and JPEG_AFTER_JPEG in read_bytes(path):
            image.close()
            return None
        # The further pictures of an MPO are the same one, smaller or from beside it.
        # The other formats say how many pictures they hold, or cannot be read at all where they are cut off.
        cut = image.format == "GIF" and is_cut_off(read_bytes(path))
        count = _count_of_cut(image) if cut else 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception:  # whatever Pillow raises, it is not one of its pictures
        return None
    image.close()
    shots = _pages(path, count, period, color) if count > 1 or cut else _files([path], period, color)
    return Sequence(shots, count, [], lose, idle, cut)


def _count_of_cut(image: Image.Image) -> int:
    """How many pictures begin in a file that is cut off; Pillow's own count may fail at its end."""
    count = 1
    with contextlib.suppress(Exception):  # whatever Pillow raises, it finds no further picture
        while True:
            image.seek(count)
            count += 1
    return count


def _files(paths: list[Path], period: float, color: bool) -> Iterator[Shot]:
    return (_one(path, period, color) for path in paths)


def _one(path: Path, period: float, color: bool) -> Shot:
    try:
        return Shot(path.name, read_picture(path, color), period)
    except PictureError as error:
        return Shot(path.name, error, period)


def _pages(path: Path, count: int, period: float, color: bool) -> Iterator[Shot]:
    try:
        data = read_bytes(path)
    except PictureError as error:
        yield Shot(path.name, error, period)
        return
    with open_image(io.BytesIO(data)) as image:
        for number in range(count):
            picture: NDArray[np.uint8] | PictureError
            try:
                image.seek(number)
                picture = pixels_of(image, color)
            except PictureError as error:
                picture = error
            except Exception as error:  # a decoder that cannot find the next picture
                picture = PictureError("damaged", f"is damaged ({error})")
            # Some formats tell it only once the picture is decoded.
            seconds = float(image.info.get("duration") or 1000 * period) / 1000
            yield Shot(f"picture {number}", picture, seconds)
