"""Columns in memory-mapped files, every slot sealed with its event id and a checksum.

A table of one kind of event is a directory: `layout.json` says what lies there, `meta.col` holds one `META`
record for each slot, `<modality>.col` one sample for each slot, `counters.col` the figures that writer and
readers share. Pages of a mapped file outlive the process that wrote them, so an event that `write` returned
from survives SIGKILL; after `sync` a power cut, too. A slot's version is odd while it is written: a reader that finds
it odd, or changed after it copied the slot, copied something torn.

Reading everything back when a table is opened would take as long as the table is large. `unchecked.col` marks the slots
whose checksums have not been checked since. A draw checks them first.
"""

import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.files import allocate, check_space, map_array, read_json, sync, sync_directory, write_json
from sensors.core.errors import EventError, StateError, StorageError
from sensors.core.event import EventBatch
from sensors.core.modalities import modality

FORMAT = 1
"""Version of the files' layout."""
READERS = 32
"""Most readers of one replay at a time."""
META = np.dtype(
    [
        ("version", "<u8"),
        ("serial", "<i8"),
        ("source", "<u8"),
        ("generation", "<i8"),
        ("seq", "<i8"),
        ("start", "<f8"),
        ("end", "<f8"),
        ("lesson", "<i8"),
        ("crc", "<u4"),
        ("unused", "<u4"),
    ]
)
"""One record a slot. `serial` counts the table's inserts from 1; 0 marks an empty slot."""
_SEALED = slice(META.fields["serial"][1], META.fields["crc"][1]) if META.fields else slice(0)
_WRITTEN = [name for name in META.names or () if name not in ("version", "unused")]
COUNTERS = np.dtype(
    [
        ("inserted", "<i8"),
        ("evicted", "<i8"),
        ("duplicates", "<i8"),
        ("throttled", "<i8"),
        ("corrupt", "<i8"),
        ("torn", "<i8"),
        ("size", "<i8"),
        ("samples_per_insert", "<f8"),
        ("slack", "<f8"),
        ("min_size", "<f8"),
        ("offset", "<f8"),
        ("configured", "<f8", (3,)),
        ("sampled", "<i8", (READERS + 1,)),
    ]
)
"""Figures of a table. `sampled` has a cell for each reader and, last, one for the writer."""


@dataclass(frozen=True)
class TableLayout:
    """What a table's directory holds.

    Attributes:
        kind: of event, 'audio+image'.
        capacity: slots.
    """

    kind: str
    capacity: int

    @property
    def modalities(self) -> list[str]:
        """Names of the sample columns."""
        return self.kind.split("+")

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return self.capacity * (META.itemsize + sum(modality(m).nbytes for m in self.modalities))

    def to_dict(self) -> dict[str, Any]:
        """As `layout.json` has it."""
        samples = {m: [list(modality(m).shape), modality(m).dtype.str] for m in self.modalities}
        meta = [[name, *map(str, rest)] for name, *rest in META.descr]
        return {
            "format": FORMAT,
            "kind": self.kind,
            "capacity": self.capacity,
            "samples": samples,
            "meta": meta,
        }


def read_layout(directory: Path) -> TableLayout:
    """What lies in a table's directory.

    Raises:
        StorageError: `layout.json` is missing or damaged.
        StateError: another format version, or modalities of other shapes or dtypes than this program's.
    """
    path = directory / "layout.json"
    found = read_json(path)
    if found.get("format") != FORMAT:
        raise StateError(f"{path}: format {found.get('format')!r}, this program reads format {FORMAT}")
    kind, capacity = found.get("kind"), found.get("capacity")
    if not isinstance(kind, str) or not isinstance(capacity, int) or capacity < 1:
        raise StorageError(f"{path}: kind or capacity is damaged")
    layout = TableLayout(kind, capacity)
    try:
        expected = layout.to_dict()
    except EventError as error:
        raise StateError(f"{path}: {error}") from None
    for key in ("samples", "meta"):
        if found.get(key) != expected[key]:
            raise StateError(f"{path}: {key} are {found.get(key)}, this program's are {expected[key]}")
    return layout


class Storage:
    """The columns of one table; one process writes, any number read.

    Attributes:
        layout: what lies there.
        meta: (capacity,) `META`.
        unchecked: (capacity,) uint8, 1 for slots whose checksum has to be looked at before they are used.
        samples: modality -> (capacity, *shape) in the stored dtype.
        counters: (1,) `COUNTERS`, writable for readers too (each its own cell).
    """

    def __init__(self, directory: Path, writable: bool) -> None:
        """Map the table in `directory`.

        Raises:
            StorageError: a file is missing or damaged.
            StateError: the layout is another than this program's.
        """
        self.layout = read_layout(directory)
        self._columns = [directory / "meta.col", *(directory / f"{m}.col" for m in self.layout.modalities)]
        capacity = self.layout.capacity
        self.meta = map_array(directory / "meta.col", META, (capacity,), writable)
        self.samples = {
            m: map_array(directory / f"{m}.col", modality(m).dtype, (capacity, *modality(m).shape), writable)
            for m in self.layout.modalities
        }
        self.counters = map_array(directory / "counters.col", COUNTERS, (1,), True)
        flags = directory / "unchecked.col"
        if writable and (not flags.exists() or flags.stat().st_size != capacity):
            # Nothing is lost with it: `verify` writes it anew.
            flags.unlink(missing_ok=True)
            allocate(flags, capacity)
        self.unchecked: NDArray[np.uint8] = (
            map_array(flags, np.uint8, (capacity,), writable) if flags.exists() else np.zeros(capacity, np.uint8)
        )

    @classmethod
    def create(cls, directory: Path, kind: str, capacity: int) -> "Storage":
        """Make an empty table; nothing half-made is left behind, whenever it stops.

        Raises:
            StorageError: the disk is too full, or the directory cannot be written.
        """
        layout = TableLayout(kind, capacity)
        check_space(directory.parent, layout.nbytes)
        stage = directory.parent / f".{kind}.new"
        shutil.rmtree(stage, ignore_errors=True)
        try:
            stage.mkdir()
            allocate(stage / "meta.col", capacity * META.itemsize)
            for m in layout.modalities:
                allocate(stage / f"{m}.col", capacity * modality(m).nbytes)
            allocate(stage / "counters.col", COUNTERS.itemsize)
            allocate(stage / "unchecked.col", capacity)
            write_json(stage / "layout.json", layout.to_dict())
            sync(stage / "meta.col", stage / "counters.col", *(stage / f"{m}.col" for m in layout.modalities))
            sync_directory(stage)
            stage.rename(directory)
            sync_directory(directory.parent)
        except OSError as error:
            raise StorageError(f"{directory}: cannot be made ({error.strerror})") from None
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return cls(directory, writable=True)

    def write(
        self,
        slots: NDArray[np.int64],
        serial: NDArray[np.int64],
        source: int,
        batch: EventBatch,
        rows: NDArray[np.int64],
    ) -> None:
        """Store and seal `batch`'s events `rows` in `slots` (all different), numbered `serial`."""
        sealed = np.zeros(len(rows), META)
        sealed["serial"], sealed["source"], sealed["generation"] = serial, source, batch.generation
        for name in ("seq", "start", "end", "lesson"):
            sealed[name] = getattr(batch, name)[rows]
        samples = {m: np.ascontiguousarray(batch.samples[m][rows]) for m in self.layout.modalities}
        sealed["crc"] = _checksums(sealed, samples)
        version = self.meta["version"]
        odd = version[slots] | np.uint64(1)
        version[slots] = odd
        for m, column in samples.items():
            self.samples[m][slots] = column
        for name in _WRITTEN:
            self.meta[name][slots] = sealed[name]
        version[slots] = odd + np.uint64(1)
        self.unchecked[slots] = 0

    def live(self) -> NDArray[np.bool_]:
        """(capacity,): which slots hold an event."""
        version, serial = self.meta["version"], self.meta["serial"]
        return np.asarray((version & np.uint64(1) == 0) & (serial != 0))

    def free(self, slots: NDArray[np.int64]) -> None:
        """Empty these slots."""
        odd = self.meta["version"][slots] | np.uint64(1)
        self.meta["version"][slots] = odd
        self.meta["serial"][slots] = self.meta["crc"][slots] = 0
        self.meta["version"][slots] = odd + np.uint64(1)
        self.unchecked[slots] = 0

    def sync(self) -> None:
        """Have the disk take what was written; returns when it has.

        Raises:
            StorageError: it does not.
        """
        sync(*self._columns)

    def verify(self, trusted: int = 0) -> tuple[int, int]:
        """Check slots' seals; empty the slots that do not hold what was written.

        A slot whose write was cut short before it changed anything, or after it changed everything, is whole.

        Args:
            trusted: events numbered up to this one are marked as unchecked, and left to `sound`.

        Returns:
            How many were torn (their write never finished) and how many corrupt (changed since).
        """
        version, serial = self.meta["version"], self.meta["serial"]
        open_ = np.flatnonzero(version & np.uint64(1))
        whole = open_[self.sound(open_) & (serial[open_] != 0)]
        version[whole] += np.uint64(1)
        torn = np.setdiff1d(open_, whole)
        # An empty slot has no checksum: one that has was emptied by damage.
        bad = [np.flatnonzero((serial == 0) & (self.meta["crc"] != 0))]
        live = self.live()
        self.unchecked[:] = live & (serial <= trusted)
        beyond = np.flatnonzero(live & (serial > trusted))
        for part in np.array_split(beyond, len(beyond) // 512 + 1):
            bad.append(part[~self.sound(part)])
        corrupt = np.setdiff1d(np.concatenate(bad), torn)
        for slots in (torn, corrupt):
            if len(slots):
                self.free(slots)
        return len(torn), len(corrupt)

    def sound(self, slots: NDArray[np.int64], samples: Mapping[str, NDArray[Any]] | None = None) -> NDArray[np.bool_]:
        """(N,): which slots have the checksum that they were sealed with.

        Args:
            slots: (N,).
            samples: copies of theirs, when there are any: modality -> (N, *shape).
        """
        if not len(slots):
            return np.zeros(0, np.bool_)
        rows = self.meta[slots]
        found = _checksums(rows, samples or {m: column[slots] for m, column in self.samples.items()})
        return np.asarray(found == rows["crc"])


def _checksums(meta: NDArray[Any], samples: Mapping[str, NDArray[Any]]) -> NDArray[np.uint32]:
    sealed = meta.view(np.uint8).reshape(len(meta), META.itemsize)[:, _SEALED]
    sums = [zlib.crc32(row.tobytes()) for row in sealed]
    for column in samples.values():
        rows = column.reshape(len(meta), -1).view(np.uint8)
        sums = [zlib.crc32(row.data, value) for row, value in zip(rows, sums, strict=True)]
    return np.array(sums, np.uint32)
