"""Where the messages of an MCAP file lie: by its own index, or where it has none that is whole, by a search.

A file whose end is missing, as its recorder was killed or its disk was full, has no index. All of its chunks that are
whole are found.
"""

from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any

from sensors.core.errors import SourceError

LARGEST = 2**30
"""Largest record of a file that is read, bytes."""
RUN = 2**20
"""Bytes of records outside chunks that are read at once."""
MAGIC = b"\x89MCAP0\r\n"
"""What a file begins and ends with."""


@dataclass(frozen=True)
class Place:
    """A chunk, or a run of records outside chunks.

    Attributes:
        offset: of its first byte.
        length: of all its bytes.
        channels: of its messages; None: not known.
    """

    offset: int
    length: int
    channels: frozenset[int] | None


@dataclass
class McapIndex:
    """What is known of a file before its messages are read.

    Attributes:
        schemas, channels: `mcap`'s records by their ids.
        places: in the order of the file.
        counts: messages of each channel.
        begin, end: nanoseconds of the first and last message.
        library: that wrote the file.
        cut: in words what of its end is missing; empty: nothing.
    """

    schemas: dict[int, Any] = field(default_factory=dict)
    channels: dict[int, Any] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    begin: int = 0
    end: int = 0
    library: str = ""
    cut: str = ""


def read_index(file: IO[bytes], name: str) -> McapIndex:
    """What a file holds, and where.

    Args:
        file: opened for reading.
        name: of the file, for messages.

    Raises:
        SourceError: it is no MCAP file.
    """
    if (begins := file.read(len(MAGIC))) != MAGIC:
        raise SourceError(f"{name}: {'is empty' if not begins else 'is no MCAP file, whatever its name says'}")
    file.seek(0)
    return _of_summary(file) or _of_search(file)


def _of_summary(file: IO[bytes]) -> McapIndex | None:
    from mcap.reader import SeekingReader

    try:
        reader = SeekingReader(file, validate_crcs=True, record_size_limit=LARGEST)
        summary = reader.get_summary()
        library = reader.get_header().library
    except Exception:  # whatever is wrong with it: the file is searched
        return None
    if summary is None or (told := summary.statistics) is None:
        return None
    if told.message_count and not summary.chunk_indexes:
        return None
    if any(channel.schema_id not in summary.schemas for channel in summary.channels.values() if channel.schema_id):
        return None
    places = [
        Place(at.chunk_start_offset, at.chunk_length, frozenset(at.message_index_offsets) or None)
        for at in sorted(summary.chunk_indexes, key=lambda at: at.chunk_start_offset)
    ]
    counts = Counter({channel: count for channel, count in told.channel_message_counts.items() if count})
    if counts.total() != told.message_count or not summary.channels.keys() >= counts.keys():
        return None
    begin, end = told.message_start_time, told.message_end_time
    return McapIndex(dict(summary.schemas), dict(summary.channels), places, counts, begin, end, library)


def _of_search(file: IO[bytes]) -> McapIndex:
    from mcap.records import Channel, Chunk, DataEnd, Header, Message, Schema
    from mcap.stream_reader import StreamReader

    found = McapIndex()
    times: list[int] = []
    file.seek(0)
    records = StreamReader(file, emit_chunks=True, record_size_limit=LARGEST).records
    run: list[int] = []  # where the records outside chunks begin that are put together
    seen: set[int] = set()
    at = len(MAGIC)

    def close_run() -> None:
        if run and seen:
            found.places.append(Place(run[0], at - run[0], frozenset(seen)))
        run.clear()
        seen.clear()

    def note(record: Any, channels: set[int]) -> None:
        if isinstance(record, Schema):
            found.schemas[record.id] = record
        elif isinstance(record, Channel):
            found.channels[record.id] = record
        elif isinstance(record, Message):
            channels.add(record.channel_id)
            found.counts[record.channel_id] += 1
            times[:] = [min([*times[:1], record.log_time]), max([*times[1:], record.log_time])]

    while True:
        try:
            record = next(records, None)
        except Exception:  # the rest of the file is no record, or only the beginning of one
            found.cut = f"the file is cut off at byte {at}"
            break
        if record is None:
            break
        begin, at = at, file.tell()
        if isinstance(record, DataEnd):
            break
        if isinstance(record, Header):
            found.library = record.library
        elif isinstance(record, Chunk):
            close_run()
            channels: set[int] = set()
            try:
                for each in records_of(record):
                    note(each, channels)
            except DamagedChunk:
                # It is met again, and told, when it is played.
                found.places.append(Place(begin, at - begin, None))
            else:
                found.places.append(Place(begin, at - begin, frozenset(channels)))
        elif isinstance(record, (Schema, Channel, Message)):
            run = run or [begin]
            note(record, seen)
            if at - run[0] > RUN:
                close_run()
    close_run()
    found.begin, found.end = (times[0], times[1]) if times else (0, 0)
    return found


class DamagedChunk(Exception):
    """A chunk whose messages cannot be read."""


def records_of(chunk: Any) -> list[Any]:
    """The records in a chunk, checked by its sum.

    Raises:
        DamagedChunk: it is not what was written.
    """
    from mcap.stream_reader import breakup_chunk

    if chunk.uncompressed_size > LARGEST:
        raise DamagedChunk(f"a chunk says that it holds {chunk.uncompressed_size} bytes")
    try:
        return list(breakup_chunk(chunk, validate_crc=True))
    except Exception as error:  # the libraries of compressions raise errors of their own
        raise DamagedChunk(f"a chunk is damaged ({error or type(error).__name__})") from None


def read_place(file: IO[bytes], place: Place) -> list[Any]:
    """The records at a place.

    Raises:
        DamagedChunk: they are not what was written.
    """
    from mcap.records import Chunk
    from mcap.stream_reader import StreamReader

    file.seek(place.offset)
    data = file.read(place.length)
    found: list[Any] = []
    try:
        if len(data) < place.length:
            raise DamagedChunk("the file ends within a chunk")
        stream = BytesIO(data)
        records = StreamReader(stream, skip_magic=True, emit_chunks=True, record_size_limit=LARGEST).records
        while stream.tell() < len(data):
            record = next(records)
            found += records_of(record) if isinstance(record, Chunk) else [record]
    except DamagedChunk:
        raise
    except Exception as error:
        raise DamagedChunk(f"records are damaged ({error or type(error).__name__})") from None
    return found
