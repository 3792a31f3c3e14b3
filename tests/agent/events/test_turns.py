from collections import Counter
from pathlib import Path

import pytest

from agent.events.turns import Turn, Turns
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.errors import StateError
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


@pytest.mark.parametrize("least, asking", [(0.5, 200), (0.3, 120), (0.0, 0), (0.9, 360)])
def test_rare_pairs_have_their_least_share_of_turns(least: float, asking: int) -> None:
    replay = ListReplay(tables(20))
    replay.owed |= {"image": 3.0, "audio": 2.0, "audio+image": 1.0}  # co-occurring events never ask most
    turns = Turns(("audio", "image"), 16, least)
    taken = Counter(turn.kind for _ in range(400) if (turn := turns.next(replay)))
    assert abs(taken["audio+image"] - asking) <= 1 and taken["image"] == 400 - taken["audio+image"]


def test_frequent_pairs_have_no_more_turns_than_they_ask_for() -> None:
    replay = ListReplay(tables(20))
    turns = Turns(("audio", "image"), 16, 0.5)
    kinds = []
    for n in range(40):
        replay.owed |= {"audio+image": 2.0 if n % 4 else 0.0, "image": 1.0, "audio": 0.5}
        turn = turns.next(replay)
        assert turn is not None
        kinds.append(turn.kind)
    assert kinds == (["image", *["audio+image"] * 3] * 10)


def test_events_that_begin_to_co_occur_late_do_not_make_up_for_it() -> None:
    turns = Turns(("audio", "image"), 16, 0.5)
    for _ in range(50):
        turns.next(ListReplay({"image": tables(20)["image"]}))
    replay = ListReplay(tables(20))
    replay.owed["image"] = 5.0
    kinds = [turn.kind for _ in range(6) if (turn := turns.next(replay))]
    assert kinds == ["audio+image", "audio+image", "image", "audio+image", "image", "audio+image"]


def test_tables_of_co_occurring_events_have_their_turns_one_after_the_other() -> None:
    # Two microphones hear far more often together than anything is seen; they do not connect pictures with sounds.
    columns = tables(20)["audio+image"]
    replay = ListReplay({k: columns for k in ("audio", "audio+audio_far", "audio+audio_far+image", "image")})
    replay.owed = {"audio": 9.0, "audio+audio_far": 5.0, "audio+audio_far+image": 0.0, "image": 7.0}
    turns = Turns(("audio", "audio_far", "image"), 16, 0.5)
    taken = Counter(turn.kind for _ in range(400) if (turn := turns.next(replay)))
    assert taken == {"audio": 200, "audio+audio_far": 100, "audio+audio_far+image": 100}


def test_a_table_of_which_one_modality_is_learned_counts_as_single() -> None:
    pairs = tables(20)["audio+image"]
    replay = ListReplay({"audio+image": pairs, "audio+lips": pairs})
    replay.owed |= {"audio+lips": 9.0}
    turns = Turns(("audio", "image"), 16, 0.5)
    kinds = [turn.kind for _ in range(4) if (turn := turns.next(replay))]
    assert kinds == ["audio+lips", "audio+image", "audio+lips", "audio+image"]


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


def test_owed_turns_are_saved() -> None:
    replay = ListReplay(tables(20))
    replay.owed |= {"image": 3.0, "audio": 2.0, "audio+image": 1.0}
    one, two = (Turns(("audio", "image"), 16, 0.5) for _ in range(2))
    one.next(replay)
    two.load_state_dict(one.state_dict())
    following = [[t.kind for _ in range(3) if (t := it.next(replay))] for it in (one, two)]
    assert following[0] == following[1] == ["audio+image", "image", "audio+image"]
    with pytest.raises(StateError, match=r"later version.*format 3"):
        two.load_state_dict({**one.state_dict(), "version": 3})
    with pytest.raises(StateError, match="lacks owed"):
        two.load_state_dict({"version": 2, "last": {}, "taken": 0, "at": {}})
