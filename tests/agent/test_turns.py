from collections import Counter
from pathlib import Path

from agent.turns import Turn, Turns
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from tests.agent.rigs import ListReplay, tables
from tests.replay.batches import batch_of


def test_turns_on_one_table_alternate() -> None:
    replay = ListReplay({"audio+image": tables(20)["audio+image"]})
    turns = Turns(("audio", "image"), 16)
    sides = [turn.side for _ in range(4) if (turn := turns.next(replay))]
    assert sides == ["audio", "image", "audio", "image"]


def test_the_table_that_asks_most_is_next() -> None:
    replay = ListReplay(tables(20))
    turns = Turns(("audio", "image"), 16)
    for kind in ("image", "audio", "audio+image"):
        replay.owed = dict.fromkeys(replay.tables, 0.0) | {kind: 5.0}
        turn = turns.next(replay)
        assert turn is not None and turn.kind == kind


def test_a_few_single_events_take_no_more_turns_than_their_share_where_nothing_limits(tmp_path: Path) -> None:
    config = ReplayConfig(capacity=256, capacity_single=16, samples_per_insert=0.0, min_size=16)
    buffer, reader = Buffer(tmp_path, config), Reader(tmp_path)
    try:
        buffer.insert(batch_of(range(200), "audio+image"))
        for _ in range(20):  # learned from for long before the first sound comes alone
            reader.sample("audio+image", 100)
        buffer.insert(batch_of(range(200, 216), "audio"))
        turns = Turns(("audio", "image"), 16)
        taken = Counter[str]()
        for _ in range(400):
            turn = turns.next(reader)
            assert turn is not None
            reader.sample(turn.kind, 64)
            taken[turn.kind] += 1
        assert taken["audio+image"] > 0.85 * taken.total() and taken["audio"] > 0
    finally:
        reader.close()
        buffer.close()


def test_no_turn_while_tables_are_nearly_empty() -> None:
    turns = Turns(("audio", "image"), 64)
    assert turns.next(ListReplay({})) is None
    assert turns.waiting(ListReplay({})) == "replay holds no events yet"
    replay = ListReplay(tables(20))
    assert turns.next(replay) is None
    assert "20 of 64 audio+image" in turns.waiting(replay)


def test_tables_of_other_modalities_are_left_alone() -> None:
    pairs = tables(20)["audio+image"]
    replay = ListReplay({"speech+lips": pairs, "audio+image": pairs})
    replay.owed["speech+lips"] = 99.0
    turn = Turns(("audio", "image"), 16).next(replay)
    assert turn is not None and turn.kind == "audio+image"


def test_names_and_state() -> None:
    assert Turn("audio+image", "image").name == "image<audio"
    assert Turn("audio", "audio").name == "audio"
    replay = ListReplay(tables(20))
    one, two = Turns(("audio", "image"), 16), Turns(("audio", "image"), 16)
    one.next(replay)
    two.load_state_dict(one.state_dict())
    assert one.next(replay) == two.next(replay)
