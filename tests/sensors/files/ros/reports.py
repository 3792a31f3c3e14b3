"""What a reader of files tells while it is played."""

from collections import Counter

from sensors.core.percept import Reading
from sensors.files.contract import OpenFile


class Told:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lost = Counter[str]()
        self.remarks: list[str] = []
        self.ending = ""

    def lose(self, reason: str, count: int = 1) -> None:
        self.lost[reason] += count

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def play(file: OpenFile, stream: str, told: Told, color: bool = False) -> list[Reading]:
    """All readings of a stream; what it says at its end comes to `told`."""
    readings = file.play(stream, told, color)
    got: list[Reading] = []
    while True:
        try:
            got.append(next(readings))
        except StopIteration as end:
            told.ending = end.value or ""
            return got
