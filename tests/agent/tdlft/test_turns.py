import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.checkpoints.checkpoint import load_state, save_state
from agent.tdlft.config import EMBEDDINGS, FRAMES, TdlftTurnsConfig
from agent.tdlft.lip_networks import LipNetworks, speech_rows
from agent.tdlft.lips import from_rows, to_rows
from agent.tdlft.turns import TdlftTurns
from sensors.core.errors import StateError, TransferError
from tests.agent.letter_rigs import LetterTables, said, tiny, world
from tests.agent.rigs import alike
from tests.patience import quickest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    # The order of sums, and so the last bit, depends on the number of threads.
    torch.set_num_threads(1)


def turns(tables: LetterTables, seed: int = 3, **changes: Any) -> TdlftTurns:
    return TdlftTurns(tiny(**changes), tables, seed)


def finish(it: TdlftTurns) -> int:
    """All that is due; returns pieces."""
    pieces = 0
    while it.step():
        pieces += 1
    return pieces


def made(it: TdlftTurns) -> LipNetworks:
    assert it.networks is not None
    return it.networks


def test_it_waits_for_pairs_and_says_so() -> None:
    tables = LetterTables()
    it = turns(tables)
    assert it.run(1.0) == 0.0 and it.waiting() == "replay holds 0 of 12 speech+lips+letter events"
    tables.pairs([0, 1] * 4)
    assert not it.step() and "8 of 12" in it.waiting() and it.figures() == {}
    tables.pairs([0] * 2, seed=4).heard([2] * 40)
    assert not it.step(), "speech alone begins nothing"
    tables.pairs([0, 1], seed=5)
    assert it.step() and finish(it) and it.turn == 1
    assert it.figures() == {"tdlft/turns": 1.0, "tdlft/pairs": 12.0, "tdlft/heard": 40.0, "tdlft/letters": 3.0}


def test_pairs_of_one_letter_begin_nothing() -> None:
    it = turns(LetterTables().pairs([1] * 20))
    finish(it)
    assert it.turn == 0 and it.networks is None
    assert not it.step() and it.waiting() == "0 of 8 new labelled events have come"


def test_a_turn_hands_out_what_it_made() -> None:
    it = turns(world())
    assert finish(it) > 20 and it.rows is None
    networks = made(it)
    assert (networks.turn, networks.pairs, networks.heard, networks.unpaired) == (1, 18, 6, (3,))
    assert networks.video.sizes == (3600, 16, 12, 10) and networks.video.classes == 4 and networks.layer == 3
    assert torch.equal(networks.tuned.weights[2], networks.video.weights[2]), "below layer i nothing moves"
    assert not torch.equal(networks.tuned.weights[3], networks.video.weights[3])
    assert networks.read(said([0, 3])["lips"]).shape == (2,)
    assert networks.imagine(said([3, 3])["speech"]).shape == (2, 12, 60, 80)


def test_it_learns_what_letters_look_like_that_it_only_heard() -> None:
    long: dict[str, Any] = {"first": 64, "second": 48, "third": 48, "pretrain_epochs": 30, "layer": 2}
    epochs: dict[str, Any] = {"audio_epochs": 60, "video_epochs": 100, "tune_epochs": 60}
    tables = LetterTables().pairs([0, 1, 2, 3] * 24).heard([4, 5] * 24)
    it = turns(tables, **long, **epochs, audio_dropout=0.0, video_dropout=0.0, embedding="ncca")
    finish(it)
    networks = made(it)
    assert networks.unpaired == (4, 5)
    lips = to_rows(said([0, 1, 2, 3] * 6, seed=9)["lips"])
    assert (networks.video.predict(lips) == np.arange(24) % 4).mean() > 0.9
    assert (networks.tuned.predict(lips) == np.arange(24) % 4).mean() > 0.9
    unseen = to_rows(said([4, 5] * 6, seed=9)["lips"])
    for network, low, high in ((networks.tuned, 0.9, 1.0), (networks.video, 0.0, 0.7)):
        answers = network.layer(unseen, network.depth + 1)[:, 4:].argmax(1)
        assert low <= (answers == np.arange(12) % 2).mean() <= high


def test_frames_are_lifted_to_the_layer_by_the_lips_own_network() -> None:
    it = turns(world(), embedding=FRAMES)
    finish(it)
    networks = made(it)
    speech = said([3, 3])["speech"]
    lips = networks.embedding.transfer(speech_rows(speech))
    assert lips.shape == (2, 3600)
    down = networks.video.down(networks.video.layer(lips, 3), 3)
    assert np.array_equal(networks.imagine(speech), from_rows(down))
    assert LipNetworks.from_dict(networks.to_dict()).imagine(speech).shape == (2, 12, 60, 80)
    assert TdlftTurnsConfig().embedding == FRAMES


def test_noise_is_for_hidden_layers_alone() -> None:
    assert TdlftTurnsConfig(layer=0).tuning(0.5).noise == 0
    assert TdlftTurnsConfig(layer=3).tuning(0.5).noise == TdlftTurnsConfig().tune_noise > 0


def test_speech_that_comes_late_is_learned_by_its_network() -> None:
    tables = world()
    it = turns(tables)
    finish(it)
    before = made(it).audio
    tables.heard([3, 4] * 4, seed=8)
    finish(it)
    assert torch.equal(made(it).audio.weights[0], before.weights[0]), "the pairs are the same: networks are kept"
    tables.heard([3, 4] * 4, seed=8)  # nothing new is said any more
    finish(it)
    assert not torch.equal(made(it).audio.weights[0], before.weights[0])
    rested = it.networks
    tables.heard([3, 4] * 4, seed=8)
    finish(it)
    assert it.networks is rested


def test_a_turn_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    it = turns(world())
    while it.rows is None:
        it.step()

    def diverge(*_: Any) -> Generator[None, None, LipNetworks]:
        yield
        raise TransferError("RBM 0 diverged")

    monkeypatch.setattr("agent.tdlft.turns.take_turn", diverge)
    assert it.step()
    with pytest.raises(TransferError, match="TDLFT turn 1: RBM 0 diverged"):
        it.step()
    assert it.rows is None and it.turn == 0 and it.networks is None
    assert it.state_dict()["rows"] is None


def test_a_turn_comes_when_enough_is_new() -> None:
    tables = world()
    it = turns(tables)
    finish(it)
    assert not it.step() and it.waiting() == "0 of 8 new labelled events have come"
    tables.heard([3] * 7, seed=6)
    assert not it.step()
    tables.heard([3], seed=7)
    finish(it)
    assert it.turn == 2 and made(it).heard == 14


def test_nothing_new_is_no_turn() -> None:
    tables = world()
    it = turns(tables)
    finish(it)
    first = it.networks
    tables.pairs([0, 1, 2] * 6)  # the very same again
    assert finish(it) > 0 and it.turn == 1 and it.networks is first


def test_networks_are_kept_until_the_parallel_corpus_has_changed_enough() -> None:
    tables = world()
    it = turns(tables, refit_share=0.3)
    finish(it)
    first = made(it)
    tables.pairs([0, 1], seed=8).heard([3] * 6, seed=6)
    pieces = finish(it)
    second = made(it)
    assert second.turn == 2 and second.pairs == 20 and pieces < 10
    assert second.embedding is first.embedding
    assert all(torch.equal(a, b) for a, b in zip(first.video.weights, second.video.weights, strict=True))
    assert not torch.equal(first.tuned.weights[3], second.tuned.weights[3])
    tables.pairs([0, 1, 2] * 3, seed=9)  # 11 of 29 are new since the networks were trained
    finish(it)
    third = made(it)
    assert third.turn == 3 and third.embedding is not second.embedding
    assert not torch.equal(third.video.weights[0], second.video.weights[0])


def test_what_came_to_rest_is_learned_whole() -> None:
    tables = world()
    it = turns(tables, refit_share=0.9)
    finish(it)
    tables.pairs([0, 1], seed=8).heard([3] * 6, seed=6)
    finish(it)
    second = made(it)
    tables.pairs([0, 1], seed=8).heard([3] * 6, seed=6)
    finish(it)
    third = made(it)
    assert third.turn == 3 and third.pairs == second.pairs == 20
    assert not torch.equal(third.video.weights[0], second.video.weights[0])
    tables.pairs([0, 1], seed=8).heard([3] * 6, seed=6)
    finish(it)
    assert it.turn == 3 and it.networks is third


def test_the_label_space_grows() -> None:
    tables = world()
    it = turns(tables, refit_share=0.9)
    finish(it)
    before = [w.clone() for w in made(it).video.weights]
    tables.heard([6] * 8, seed=6)
    finish(it)
    grown = made(it)
    assert grown.video.classes == 7 and grown.tuned.classes == 7 and grown.audio.classes == 7
    assert grown.unpaired == (3, 6)
    assert torch.equal(grown.video.weights[3][:, :4], before[3]), "what was known stays"


def test_without_new_letters_the_network_stays_as_lips_taught_it() -> None:
    it = turns(LetterTables().pairs([0, 1, 2] * 6).heard([1] * 6))
    finish(it)
    networks = made(it)
    assert networks.unpaired == () and networks.heard == 6
    assert all(torch.equal(a, b) for a, b in zip(networks.tuned.weights, networks.video.weights, strict=True))


@pytest.mark.parametrize("refit", [True, False], ids=["anew", "transfer"])
@pytest.mark.parametrize("done", [0.0, 0.4, 0.95])
def test_cut_off_in_a_turn_it_ends_bitwise_as_if_undisturbed(tmp_path: Path, done: float, refit: bool) -> None:
    """At the snapshot, in the middle, or just before the end, in a turn after the first."""
    settings: dict[str, Any] = {"refit_share": 0.01 if refit else 1.0, "embedding": "transcoder", "tune_epochs": 8}

    def begun(tables: LetterTables) -> TdlftTurns:
        it = turns(tables, **settings)
        finish(it)
        tables.pairs([0, 1], seed=8).heard([3] * 6, seed=6)
        while it.rows is None:
            assert it.step()
        return it

    whole, tables = begun(world()), world()
    pieces = finish(whole)
    cut = begun(tables)
    for _ in range(int(done * pieces)):
        assert cut.step()
    assert cut.rows is not None and cut.turn == 1
    save_state(tmp_path, "letters", cut.state_dict())
    tables.heard([5] * 3, seed=11)  # what comes meanwhile is for the turn after it
    other = turns(tables, seed=99, **settings)
    other.load_state_dict(load_state(tmp_path, "letters"))
    while other.turn == 1:
        assert other.step()
    alike(other.state_dict(), whole.state_dict(), "letters")


def test_cut_off_in_its_snapshot_it_takes_another() -> None:
    tables = world()
    it = turns(tables)
    assert it.step() and it.rows is None
    other = turns(tables.heard([5] * 3, seed=11))
    other.load_state_dict(it.state_dict())
    finish(other)
    assert other.turn == 1 and made(other).heard == 9


def test_nothing_is_drawn_from_generators_that_others_use() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before, drawn = torch.get_rng_state(), np.random.random(3)
    np.random.seed(5)
    finish(turns(world(), embedding="transcoder"))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.random(3), drawn)


@pytest.mark.parametrize("embedding", (*EMBEDDINGS, FRAMES))
def test_same_seed_same_outcome(embedding: str) -> None:
    one, two = (turns(world(), embedding=embedding) for _ in range(2))
    finish(one)
    while two.turn == 0:
        two.run(0.001)  # however it is cut
    alike(one.state_dict(), two.state_dict(), "letters")
    other = turns(world(), seed=4, embedding=embedding)
    finish(other)
    assert not torch.equal(made(one).video.weights[0], made(other).video.weights[0])


def test_it_works_for_about_as_long_as_it_is_given() -> None:
    it = turns(world(), video_epochs=2000)
    it.run(0.01)  # imports and first touches
    untold: list[float] = []

    def work() -> float:
        begun = time.monotonic()
        worked = it.run(0.1)
        seconds = time.monotonic() - begun
        untold.append(seconds - worked)
        return seconds

    assert quickest(work, 2.0) < 2.0
    assert it.turn == 0 and -1e-3 < min(untold) < 0.05


def test_other_settings_learn_anew() -> None:
    tables = world()
    it = turns(tables)
    finish(it)
    state = it.state_dict()
    tables.heard([3] * 6).heard([3] * 6)  # the same again
    other = turns(tables, first=14, embedding="ncca")
    other.load_state_dict(state)
    finish(other)
    assert other.turn == 2 and made(other).video.sizes == (3600, 14, 12, 10)
    assert made(other).embedding.NAME == "ncca"


def test_a_table_made_anew_counts_from_nothing() -> None:
    it = turns(world())
    finish(it)
    again = turns(LetterTables().pairs([0, 1] * 6, seed=20))
    again.load_state_dict(it.state_dict())
    finish(again)
    assert again.turn == 2 and made(again).pairs == 12


def test_state_is_strict() -> None:
    it = turns(world())
    finish(it)
    state = it.state_dict()
    with pytest.raises(StateError, match="lacks trained"):
        it.load_state_dict({k: v for k, v in state.items() if k != "trained"})
    with pytest.raises(StateError, match=r"counts.*lacks"):
        it.load_state_dict(state | {"inserted": {"speech+letter": 3}})
    with pytest.raises(StateError, match="version"):
        it.load_state_dict(state | {"version": 0})
    assert it.turn == 1
