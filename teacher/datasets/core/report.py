"""What was taken from a folder or archive, and what was left out and why: counted by reason, with a few names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_EXAMPLES = 3
"""Names that are kept of each reason."""


@dataclass(frozen=True)
class LeftOut:
    """What was left out for one reason.

    Attributes:
        reason: a phrase, such as 'silent' or 'the name is not <digit>_<speaker>_<n>'.
        count: how many.
        examples: names of the first ones, at most `MOST_EXAMPLES`.
    """

    reason: str
    count: int
    examples: tuple[str, ...]

    @property
    def line(self) -> str:
        """Printable: the count, the reason, the names."""
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.count:,} {self.reason} ({', '.join(map(printable, self.examples))}{more})"


@dataclass(frozen=True)
class LoadReport:
    """How many recordings were taken, and what was left out; reasons in the order in which they were first met.

    Attributes:
        taken: how many were taken.
        left: what was left out, one entry for each reason.
    """

    taken: int = 0
    left: tuple[LeftOut, ...] = ()

    @classmethod
    def of(cls, taken: int, left: Iterable[tuple[str, str]] = ()) -> "LoadReport":
        """Count what was left out.

        Args:
            taken: how many were taken.
            left: name and reason of each that was left out.
        """
        names: dict[str, list[str]] = {}
        for name, reason in left:
            names.setdefault(reason, []).append(name)
        return cls(taken, tuple(LeftOut(r, len(n), tuple(n[:MOST_EXAMPLES])) for r, n in names.items()))

    @property
    def left_out(self) -> int:
        """How many were left out, for whatever reason."""
        return sum(entry.count for entry in self.left)

    @property
    def line(self) -> str:
        """Printable: taken and left out with the reasons; empty where nothing was left out."""
        if not self.left:
            return ""
        return f"{self.taken:,} taken, {self.left_out:,} left out: {', '.join(entry.line for entry in self.left)}"

    def merged(self, other: "LoadReport") -> "LoadReport":
        """One report of two sources: both counts, equal reasons together."""
        entries = {entry.reason: entry for entry in self.left}
        for entry in other.left:
            known = entries.get(entry.reason, LeftOut(entry.reason, 0, ()))
            examples = (*known.examples, *entry.examples)[:MOST_EXAMPLES]
            entries[entry.reason] = LeftOut(entry.reason, known.count + entry.count, examples)
        return LoadReport(self.taken + other.taken, tuple(entries.values()))

    def after(self, later: "LoadReport") -> "LoadReport":
        """One report of two stages of one source: `later` looked at what this one took, and took what is taken."""
        return LoadReport(0, self.left).merged(later)

    def to_dict(self) -> dict[str, Any]:
        """JSON values by field name."""
        return {"taken": self.taken, "left": [[e.reason, e.count, list(e.examples)] for e in self.left]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LoadReport":
        """Rebuild from `to_dict`."""
        left = (LeftOut(reason, count, tuple(examples)) for reason, count, examples in values["left"])
        return cls(values["taken"], tuple(left))


NOTHING = LoadReport()
"""Of data that are no files, or of which none was left out."""


def printable(name: str) -> str:
    """A file's name in one line that any terminal shows: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
