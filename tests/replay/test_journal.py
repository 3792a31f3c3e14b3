"""The journal of taken ids: whole, full, damaged, and of the format before."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.dedupe import Seen
from replay.files import allocate
from replay.journal import NAME, Journal, Taken, Totals

WIDTH = 64
OFFERS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.lists(st.integers(0, 60), min_size=1, unique=True)),
    max_size=40,
)


def taken(seen: Seen, source: int, generation: int, seq: list[int], totals: Totals | None = None) -> Taken:
    return Taken(source, generation, seen.add(source, generation, np.array(seq)), 7, totals or Totals(0, 0))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(OFFERS)
def test_everything_comes_back(
    tmp_path_factory: pytest.TempPathFactory, offers: list[tuple[int, int, list[int]]]
) -> None:
    path = tmp_path_factory.mktemp("journal")
    seen, journal = Seen(), Journal(path)
    for number, (source, generation, seq) in enumerate(offers):
        journal.append(taken(seen, source, generation, seq, Totals(number, 2 * number)))
    again = Journal(path)
    assert again.damaged == 0
    assert sorted(again.seen.intervals()) == sorted(seen.intervals()) == sorted(journal.seen.intervals())
    assert again.totals == ({7: Totals(len(offers) - 1, 2 * len(offers) - 2)} if offers else {})


def test_a_full_journal_is_rewritten_small_and_loses_nothing(tmp_path: Path) -> None:
    seen, journal = Seen(), Journal(tmp_path)
    journal.begin(8, Totals(3, 4))
    for n in range(40_000):
        journal.append(taken(seen, 9, n // 30_000, [n], Totals(n, n + 1)))
    again = Journal(tmp_path)
    assert sorted(again.seen.intervals()) == [(9, 0, 0, 29_999), (9, 1, 30_000, 39_999)]
    assert again.totals == {7: Totals(39_999, 40_000), 8: Totals(3, 4)}
    assert sorted(p.name for p in tmp_path.iterdir()) == [NAME]


def test_a_damaged_record_is_passed_over_and_counted(tmp_path: Path) -> None:
    seen, journal = Seen(), Journal(tmp_path)
    for n in (0, 10, 20):
        journal.append(taken(seen, 1, 0, [n]))
    raw = bytearray((tmp_path / NAME).read_bytes())
    raw[WIDTH + 17] ^= 4
    (tmp_path / NAME).write_bytes(raw)
    again = Journal(tmp_path)
    assert again.damaged == 1
    assert again.seen.unseen(1, 0, np.array([0, 10, 20])).tolist() == [False, True, False]


def test_every_flipped_bit_of_a_record_is_found(tmp_path: Path) -> None:
    seen, journal = Seen(), Journal(tmp_path)
    for n in (0, 10, 20):
        journal.append(taken(seen, 1, 0, [n], Totals(n, n)))
    whole = (tmp_path / NAME).read_bytes()
    for bit in range(0, WIDTH * 8, 5):
        raw = bytearray(whole)
        raw[WIDTH + bit // 8] ^= 1 << bit % 8
        (tmp_path / NAME).write_bytes(raw)
        again = Journal(tmp_path)
        assert again.damaged == 1 and sorted(again.seen.intervals()) == [(1, 0, 0, 0), (1, 0, 20, 20)]


def test_a_journal_of_the_format_before_is_taken_over(tmp_path: Path) -> None:
    records = np.zeros(4, [(name, "<i8") for name in ("source", "generation", "first", "last", "crc")])
    for row, (first, last) in zip(records, ((0, 9), (20, 29)), strict=False):
        row["source"], row["generation"], row["first"], row["last"] = 5, 1, first, last
        row["crc"] = zlib.crc32(row.tobytes()[:32])
    allocate(tmp_path / "seen.log", records.nbytes)
    (tmp_path / "seen.log").write_bytes(records.tobytes())
    for _ in range(2):
        journal = Journal(tmp_path)
        assert sorted(journal.seen.intervals()) == [(5, 1, 0, 9), (5, 1, 20, 29)] and journal.totals == {}
        assert sorted(p.name for p in tmp_path.iterdir()) == [NAME]
