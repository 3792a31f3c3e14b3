"""The events that a replay's directory stores, read from outside: nothing is written, and nobody is waited for."""

from collections.abc import Collection, Iterator
from pathlib import Path

from replay.dedupe import source_key
from replay.journal import NAME, Journal
from replay.storage import Storage

LAYOUT = "layout.json"
"""The file by which a folder is known to be a table."""


def count_events(directory: Path) -> int:
    """Events in all tables of a replay, whether it is in use or not; 0 where there is no table.

    Raises:
        StorageError: a table is damaged.
        StateError: a table is another version's.
        OSError: the directory cannot be read.
    """
    return sum(int(table.live().sum()) for _, table in tables(directory))


def last_generation(directory: Path, sources: Collection[str]) -> int:
    """The highest generation of the events that a replay has ever taken from `sources`; -1 without any.

    Args:
        directory: of a replay that nobody writes to.
        sources: their names.

    Raises:
        StorageError: a table or the journal is damaged.
        StateError: a table is another version's.
        OSError: the directory cannot be read.
    """
    keys = {source_key(name) for name in sources}
    found = {-1}
    # Events that were stored in the moment of a kill are only in their slots.
    for _, table in tables(directory):
        ids = table.meta[table.live()]
        found |= {int(generation) for key in keys for generation in ids["generation"][ids["source"] == key]}
    if (directory / NAME).exists():
        intervals = Journal(directory).seen.intervals()
        found |= {generation for source, generation, _, _ in intervals if source in keys}
    return max(found)


def tables(directory: Path) -> Iterator[tuple[str, Storage]]:
    """The tables in a replay's directory, in use or not, by the kind of their events; they are only read.

    Raises:
        StorageError: a table is damaged.
        StateError: a table is another version's.
        OSError: the directory cannot be read.
    """
    for path in sorted(directory.iterdir()) if directory.exists() else []:
        if (path / LAYOUT).exists() and not path.name.startswith("."):
            yield path.name, Storage(path, writable=False)
