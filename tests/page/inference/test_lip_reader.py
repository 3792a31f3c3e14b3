"""Lips and said letters are recognised, and speech evokes lips, by the networks of TDLFT's newest turn."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.answers.files import npy
from agent.networks.published import Networks
from agent.tdlft.config import DbnConfig, EmbeddingConfig
from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings import build_embedding
from agent.tdlft.lip_networks import LipNetwork, LipNetworks, speech_rows
from agent.tdlft.lips import to_rows
from page.access.refusals import Refused
from page.inference.lip_reader import LipReader, letter_of
from tests.agent.tdlft.test_lip_networks import corpus
from tests.page.fake import FakeRun, board, fake_run, png

CONFIG = DbnConfig(pretrain_epochs=10, pretrain_batch=4, epochs=30, learning_rate=1e-2, batch=4)


@pytest.fixture(scope="module")
def turn() -> LipNetworks:
    """The outcome of a turn that learned four letters."""
    speech, lips, labels = corpus()
    heard, seen = speech_rows(speech), to_rows(lips)
    made: list[DBN] = []
    for network, rows in ((DBN((heard.shape[1], 32), 4, CONFIG), heard), (LipNetwork((32,), 4, CONFIG, 1), seen)):
        network.pretrain(rows)
        network.finetune(rows, labels)
        made.append(network)
    audio, video = made
    embedding = build_embedding("knn", EmbeddingConfig(neighbours=3))
    embedding.fit(audio.layer(heard, 1), video.layer(seen, 1), np.random.default_rng(0))
    return LipNetworks(audio, video, video, embedding, 1, 5, 40, 7)


def published(turn: LipNetworks) -> dict[str, Any]:
    return {"algorithm": "tdlft", "version": turn.turn, "networks": turn.to_dict()}


@pytest.fixture
def reading(tmp_path: Path, known: Networks, turn: LipNetworks) -> Iterator[FakeRun]:
    with fake_run(tmp_path / "run") as made:
        made.learn(known)
        made.context.lip_reader.renew(published(turn))
        yield made


def test_lips_and_speech_are_recognised_and_speech_evokes_lips(turn: LipNetworks) -> None:
    reader = LipReader()
    assert reader.turn is None and reader.targets == {}
    reader.renew(published(turn))
    assert reader.turn == 5 and reader.targets == {"lips": ("letter",), "speech": ("letter", "lips")}
    speech, lips, labels = corpus(seed=1)
    step, read = reader.evoke("lips", lips, ())
    assert step == 5 and read["letter"].shape == (40, 1) and read["letter"].dtype == np.uint16
    assert (read["letter"][:, 0] == labels).mean() > 0.9
    heard = reader.evoke("speech", speech, ())[1]
    assert (heard["letter"][:, 0] == labels).mean() > 0.9
    assert heard["lips"].shape == lips.shape and heard["lips"].dtype == np.uint8
    # The evoked film is of the same letter, which is brighter at its own height.
    brightest = heard["lips"].reshape(40, 12, 5, 12, 80).mean((1, 3, 4))[:, :4].argmax(1)
    assert (brightest == labels).mean() > 0.5  # chance: 0.25
    assert letter_of(np.array([3], np.uint16)) == "D"


def test_what_cannot_be_evoked_is_refused(turn: LipNetworks) -> None:
    speech, lips, _ = corpus(4)
    with pytest.raises(Refused, match="not been learned yet"):
        LipReader().evoke("lips", lips, ())
    reader = LipReader()
    reader.renew(published(turn))
    with pytest.raises(Refused, match="lips evokes letter"):
        reader.evoke("lips", lips, ("speech",))
    # From the labels' layer no way leads down to lips: the letter alone is told.
    reader.renew(published(dataclasses.replace(turn, layer=2)))
    assert set(reader.evoke("speech", speech, ())[1]) == {"letter"}
    with pytest.raises(Refused, match="evokes no lips"):
        reader.evoke("speech", speech, ("lips",))


def test_the_interface_answers_lips_with_a_letter(reading: FakeRun) -> None:
    speech, lips, labels = corpus(seed=1)
    told = reading.post("/v1/evoke", npy(lips[5]), "application/x-npy").json
    assert told["told"] and told["step"] == 5 and told["asked"]["sense"] == "lips" and told["remembered"] is None
    assert set(told["evoked"]) == {"letter"} and told["nearest"] == [] and told["says"] is None
    assert told["evoked"]["letter"]["says"] == "ABCD"[labels[5]]
    assert reading.get(f"/v1/samples/{told['evoked']['letter']['id']}").status == 200
    again = reading.post(f"/v1/questions/{told['number']}/again", b"", "").json
    assert again["evoked"]["letter"]["says"] == "ABCD"[labels[5]] and again["again"] == told["number"]
    several = reading.post("/v1/evoke?data=npy", npy(lips[:3]), "application/x-npy").json
    assert several["evoked"]["letter"]["shape"] == [3, 1]
    film = reading.post("/v1/evoke?target=lips&as=png", npy(speech[0]), "application/x-npy")
    assert film.status == 200 and film.headers["x-sense"] == "lips"
    assert reading.post("/v1/evoke?target=audio", npy(lips[0]), "application/x-npy").status == 400
    evokes = {one["name"]: one["evokes"] for one in reading.get("/v1/status").json["senses"]}
    assert evokes["lips"] == ["letter"] and set(evokes["image"]) == {"image", "audio"}
    # Pictures go to the learner's other networks, as before.
    assert set(reading.post("/v1/evoke", png(board()), "image/png").json["evoked"]) == {"audio"}
