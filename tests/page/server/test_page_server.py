"""The interface from end to end over HTTP, on a run that is not there."""

import base64
import contextlib
import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from agent.answers.files import npy, wav
from agent.networks.published import Networks, to_network
from page.config import PageConfig
from page.routes.responses import POLICY
from sensors.core.modalities import modality
from tests.page.fake import OVERVIEW, FakeRun, board, fake_run, films, png, tone
from tests.patience import PATIENCE, wait_for


def events(run: FakeRun, until: set[str]) -> dict[str, Any]:
    """Server-sent events until one of each of these names came: name -> the first one's data."""
    found: dict[str, Any] = {}
    with contextlib.closing(socket.create_connection(("127.0.0.1", run.port), timeout=PATIENCE)) as connection:
        connection.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost:{run.port}\r\n\r\n".encode())
        got = b""
        while not until <= set(found):
            part = connection.recv(1 << 16)
            assert part, got
            got += part
            for name, data in re.findall(rb"event: (\w+)\ndata: (.*)\n\n", got):
                found.setdefault(name.decode(), json.loads(data))
    return found


def read_array(body: bytes) -> Any:
    return np.load(io.BytesIO(body), allow_pickle=False)


def test_the_page_and_its_files_come_with_a_strict_policy(learned: FakeRun) -> None:
    page = learned.get("/")
    assert page.status == 200 and b"<html" in page.body and page.headers["content-type"].startswith("text/html")
    for path in ("/", "/v1/status", "/v1/nothing", "/v1/samples/nothing"):
        headers = learned.get(path).headers
        assert headers["content-security-policy"] == POLICY and headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin" and headers["server"] == "reciprocal"
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "....//app.py", "/etc/passwd", "%00.html", "index", ".", "a" * 4000],
)
def test_nothing_but_the_page_s_own_files_is_served(learned: FakeRun, name: str) -> None:
    assert learned.get(f"/static/{name}").status == 404


def test_the_status_tells_how_the_run_is(learned: FakeRun) -> None:
    learned.context.report.update(OVERVIEW)
    status = learned.get("/v1/status").json
    assert status["run"]["name"] == "fake" and status["run"]["step"] == 42 and status["run"]["phase"] == "learning"
    assert (status["learner"]["learns"], status["learner"]["guides"]) == ("image", "audio")
    assert status["learner"]["losses"] == {"image": None}  # NaN is no number of JSON
    assert status["sources"] == [
        {"name": "microphone", "state": "live", "read": 7, "stalls": None, "reconnects": None, "lost": {"late": 1}}
    ]
    assert status["replay"]["tables"] == {"audio+image": {"size": 3, "events": 3.0}}
    assert status["exams"][0] == {
        "title": "image → audio", "figure": "exam/image_to_audio", "accuracy": 0.75, "judge": 0.99, "crosses": True
    }  # fmt: skip
    assert status["checkpoint"]["step"] == 40 and status["checkpoint"]["age_s"] >= 2.0
    assert status["dropped"] == {"throttled": 2} and status["notes"][0]["text"] == "first step"
    assert [one["name"] for one in status["senses"]] == ["audio", "image"]
    assert status["senses"][0]["heard"] and not status["senses"][1]["heard"]
    assert status["page"]["weights_step"] == 4 and status["machine"]["memory_mib"] > 0


def test_a_drawing_is_answered_with_what_it_evokes(learned: FakeRun, known: Networks) -> None:
    told = learned.post("/v1/evoke?data=npy,png,wav", png(board()), "image/png").json
    assert told["told"] and told["step"] == known.step and told["took_ms"] > 0
    asked = read_array(base64.b64decode(told["asked"]["data"]["npy"]))
    made = read_array(base64.b64decode(told["evoked"]["audio"]["data"]["npy"]))
    expected = known.evoke(to_network(asked[None], "image"), "image", "audio")[0].numpy() * 255
    assert np.abs(made - expected).max() <= 0.51
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(told["evoked"]["audio"]["data"]["wav"])))
    assert rate == 16_000 and len(sound) <= 24_000
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(told["remembered"]["data"]["png"]), np.uint8), 1)
    assert picture is not None and picture.shape == (96, 96, 3) and told["remembered"]["data"]["wav"] is None
    # Every sample has an address, too.
    same = learned.get(f"/v1/samples/{told['evoked']['audio']['id']}?as=npy")
    assert (read_array(same.body) == made).all() and same.headers["x-sense"] == "audio"
    assert learned.get(f"/v1/samples/{told['asked']['id']}?size=64").headers["content-type"] == "image/png"


def test_the_nearest_known_things_are_named_once_their_codes_are_made(learned: FakeRun) -> None:
    part = learned.context.samples.subjects[0].exam.parts["image"]

    def near() -> Any:
        return learned.post("/v1/evoke?keep=0", npy(part.samples[0]), "application/x-npy").json["nearest"]

    assert wait_for(near)
    first = near()[0]
    # The sample itself is among the known ones.
    assert first["id"] == "exam.0.image.0" and first["distance"] < 0.01 and first["near"] == 1.0
    assert first["name"] == learned.context.samples.subjects[0].exam.concepts[part.labels[0]]
    told = learned.post("/v1/evoke?keep=0", npy(part.samples[0]), "application/x-npy").json
    concepts = learned.context.samples.subjects[0].exam.concepts
    assert told["says"] in concepts and told["number"] is None
    # What it evokes has a name of its own, which may be another one.
    assert told["evoked"]["audio"]["says"] in concepts


def test_the_answer_may_be_the_sample_alone(learned: FakeRun) -> None:
    sound = learned.ask(
        "POST", "/v1/evoke?target=audio", png(board()), {"Content-Type": "image/png", "Accept": "audio/wav"}
    )
    assert sound.status == 200 and sound.headers["content-type"] == "audio/wav" and sound.headers["x-step"] == "4"
    seen = learned.post("/v1/evoke?target=image&as=png", wav(tone()), "audio/wav")
    assert seen.headers["content-type"] == "image/png" and seen.headers["x-sense"] == "image"
    rows = np.zeros((3, 1, 32, 32), np.uint8)
    several = learned.post("/v1/evoke?target=audio&as=npy", npy(rows), "application/x-npy")
    assert read_array(several.body).shape == (3, 1, 96, 96)
    blank = learned.post("/v1/evoke?target=audio&as=wav", png(np.full((90, 90, 3), 255, np.uint8)), "image/png")
    assert blank.status == 422 and blank.headers["x-why"] == "empty"


def test_several_samples_are_answered_at_once(learned: FakeRun) -> None:
    rows = np.zeros((5, 1, 32, 32), np.uint8)
    told = learned.post("/v1/evoke?data=npy", npy(rows), "application/x-npy").json
    assert told["asked"] == {"sense": "image", "count": 5}
    assert read_array(base64.b64decode(told["evoked"]["audio"]["data"]["npy"])).shape == (5, 1, 96, 96)


def test_what_tells_nothing_says_why(learned: FakeRun) -> None:
    told = learned.post("/v1/evoke", wav(np.zeros(16_000, np.float32)), "audio/wav").json
    assert (told["told"], told["reason"], told["number"]) == (False, "silent", None) and "silence" in told["why"]
    told = learned.post("/v1/evoke", png(np.full((90, 90, 3), 255, np.uint8)), "image/png").json
    assert told["reason"] == "empty" and "empty" in told["why"]


def test_before_the_first_weights_it_says_so(run: FakeRun) -> None:
    told = run.post("/v1/evoke", png(board()), "image/png").json
    assert (told["told"], told["reason"]) == (False, "not_ready") and "nothing is learned yet" in told["why"]
    run.perceive("image", 0)
    answer = run.get("/v1/samples/evoked.event.image.1.image.audio")
    assert answer.status == 503 and answer.json["reason"] == "not_ready" and answer.headers["retry-after"]


def test_questions_are_kept_and_can_be_asked_again(tmp_path: Path, known: Networks) -> None:
    config = PageConfig(port=20_000, questions=3)
    with fake_run(tmp_path / "run", config) as run:
        run.learn(known)
        numbers = [run.post("/v1/evoke", png(board()), "image/png").json["number"] for _ in range(4)]
        assert numbers == [1, 2, 3, 4]
        kept = run.get("/v1/questions").json["questions"]
        assert [one["number"] for one in kept] == [4, 3, 2]
        assert run.get("/v1/samples/question.1.asked").status == 410
        asked = run.get("/v1/samples/question.2.asked?as=npy").body
        again = run.post("/v1/questions/2/again", b"", "application/json").json
        assert (again["number"], again["again"]) == (5, 2) and again["step"] == known.step
        assert run.get("/v1/samples/question.5.asked?as=npy").body == asked
    files = sorted(path.name for path in (tmp_path / "run/samples").iterdir())
    assert files == [f"question-{n:06d}.{kind}" for n in (3, 4, 5) for kind in ("json", "npz")]
    (tmp_path / "run/samples/question-000004.npz").write_bytes(b"damaged")
    with fake_run(tmp_path / "run", config) as run:
        run.learn(known)
        assert [one["number"] for one in run.get("/v1/questions").json["questions"]] == [5, 3]
        assert run.get("/v1/samples/question.5.audio").status == 200
        assert run.post("/v1/evoke", png(board()), "image/png").json["number"] == 6


def test_samples_have_addresses(learned: FakeRun, known: Networks) -> None:
    stored = read_array(learned.get("/v1/samples/event.audio+image.12.image?as=npy").body)
    assert stored.shape == modality("image").shape
    assert (read_array(learned.get("/v1/samples/event.audio%2Bimage.12.image?as=npy").body) == stored).all()
    made = learned.get("/v1/samples/evoked.event.audio+image.12.image.audio?as=npy")
    expected = known.evoke(to_network(stored[None], "image"), "image", "audio")[0].numpy() * 255
    assert np.abs(read_array(made.body) - expected).max() <= 0.51 and made.headers["x-step"] == "4"
    assert made.headers["cache-control"] == "no-store"
    assert "immutable" in learned.get("/v1/samples/exam.0.image.3").headers["cache-control"]
    assert learned.get("/v1/samples/exam.0.image.3?as=wav").status == 415
    assert learned.get("/v1/samples/exam.0.audio.3", Accept="audio/wav").headers["content-type"] == "audio/wav"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nothing", 404),
        ("event.image.999.image", 410),
        ("event.image.1.audio", 404),
        ("event.image.-1.image", 404),
        ("event.image.99999999999999999999999.image", 404),
        ("event.lips.1.lips", 404),
        ("exam.7.image.1", 404),
        ("exam.0.image.100000", 404),
        ("exam.0.touch.1", 404),
        ("question.99.asked", 410),
        ("evoked.exam.0.image.1.touch", 400),
        ("evoked.evoked.exam.0.image.1.audio.image", 404),
        ("evoked.audio", 404),
        ("..%2f..%2fetc%2fpasswd", 404),
        ("a" * 300, 404),
        ("exam.0.image.1?as=exe", 400),
        ("exam.0.image.1?size=100000", 400),
        ("exam.0.image.1?size=-1", 400),
        ("exam.0.image.1?size=%C2%B2", 400),
    ],
)
def test_samples_that_are_not_there_are_refused(learned: FakeRun, name: str, status: int) -> None:
    answer = learned.get(f"/v1/samples/{name}")
    assert answer.status == status and answer.json["error"] and answer.json["reason"]


def test_concepts_have_cards_in_all_directions(learned: FakeRun) -> None:
    told = learned.get("/v1/concepts?first=1&count=2").json
    exam = learned.context.samples.subjects[0].exam
    assert told["labelled"] and told["total"] == len(exam.concepts) and len(told["concepts"]) == 2
    card = told["concepts"][0]
    assert (card["number"], card["name"]) == (1, exam.concepts[1])
    assert {(e["from"], e["to"]) for e in card["evokes"]} == {(a, b) for a in exam.parts for b in exam.parts}
    row = int(card["samples"]["image"][0].rpartition(".")[2])
    assert exam.parts["image"].labels[row] == 1
    crossing = next(e for e in card["evokes"] if (e["from"], e["to"]) == ("image", "audio"))
    assert crossing["right"] == (row % 3 != 0) and 0 < crossing["accuracy"] < 1
    assert learned.get(f"/v1/samples/{crossing['id']}").status == 200


def test_the_confusion_table_has_samples_behind_its_cells(learned: FakeRun) -> None:
    told = learned.get("/v1/confusion").json
    exam = learned.context.samples.subjects[0].exam
    table = told["paths"][0]
    assert (table["from"], table["to"], table["judge"], told["step"]) == ("image", "audio", 0.99, 40)
    counts = np.array(table["counts"])
    assert counts.sum() == len(exam.parts["image"]) and counts.trace() / counts.sum() == pytest.approx(
        table["accuracy"]
    )
    for cell in table["cells"]:
        assert 0 < len(cell["ids"]) <= 12 and counts[cell["true"], cell["judged"]] >= len(cell["ids"])
        rows = [int(one.rpartition(".")[2]) for one in cell["ids"]]
        assert (exam.parts["image"].labels[rows] == cell["true"]).all()


def test_the_map_shows_the_codes_of_all_senses(learned: FakeRun) -> None:
    assert wait_for(lambda: learned.get("/v1/latents?sense=image").json["points"])
    told = learned.get("/v1/latents?sense=image").json
    assert {point["sense"] for point in told["points"]} == {"image", "audio"} and told["step"] == 4
    assert max(abs(point["x"]) for point in told["points"]) <= 1.0
    assert told["explained"][0] >= told["explained"][1] > 0
    assert learned.get("/v1/latents?sense=touch").status == 400


def test_without_an_exam_concepts_are_clusters(run: FakeRun, known: Networks) -> None:
    assert run.get("/v1/concepts").json["why"]
    run.perceive("audio+image", 0, 24)
    run.learn(known)
    assert wait_for(lambda: run.get("/v1/concepts").json["concepts"])
    told = run.get("/v1/concepts").json
    assert not told["labelled"] and sum(card["size"] for card in told["concepts"]) == 24
    pictures = [one for card in told["concepts"] for one in card["samples"]["image"]]
    assert pictures and all(one.startswith("event.audio+image.") for one in pictures)
    assert run.get("/v1/confusion").json["why"] == "this run has no exam with labels"


def test_viewers_are_sent_what_is_new(run: FakeRun, known: Networks) -> None:
    run.context.report.update(OVERVIEW)
    run.perceive("audio+image", 0, 2)
    run.perceive("image", 50)
    run.learn(known)
    found = events(run, {"status", "samples", "pair", "single", "turn", "dropped", "weights"})
    assert found["samples"]["newest"]["audio"]["id"] == "event.audio+image.2.audio"
    assert found["pair"] == {
        "kind": "audio+image", "serial": 2, "total": 2,
        "ids": {"audio": "event.audio+image.2.audio", "image": "event.audio+image.2.image"},
    }  # fmt: skip
    assert found["single"]["ids"] == {"image": "event.image.1.image"}
    assert found["turn"] == {"turn": "image<audio", "learns": "image", "guides": "audio", "step": 42}
    assert found["dropped"] == {"dropped": {"throttled": 2}, "lost": {"microphone/late": 1}}
    assert found["weights"] == {"step": known.step} and found["status"]["run"]["step"] == 42
    assert wait_for(lambda: run.get("/v1/status").json["page"]["viewers"] == 0)


def test_labelled_events_are_shown_without_their_label(run: FakeRun, known: Networks) -> None:
    run.context.report.update(OVERVIEW)
    run.perceive("speech+lips+letter", 3, 2)
    run.perceive("audio+image", 0, 24)
    run.learn(known)
    found = events(run, {"samples", "pair", "status"})
    newest = found["samples"]["newest"]
    assert set(newest) == {"speech", "lips", "audio", "image"}
    assert newest["lips"] == {"id": "event.speech+lips+letter.2.lips", "kind": "speech+lips+letter", "serial": 2}
    assert "letter" not in found["pair"]["ids"]
    assert run.get(f"/v1/samples/{newest['lips']['id']}").headers["x-sense"] == "lips"
    label = run.get("/v1/samples/event.speech+lips+letter.2.letter?as=npy")
    assert label.status == 404 and label.json["reason"] == "not_found"
    # They are described, and are neither asked about nor compared with.
    told = {one["name"]: one["evokes"] for one in found["status"]["senses"]}
    assert told["speech"] == told["lips"] == [] and set(told["image"]) == {"audio", "image"}
    assert run.post("/v1/evoke?sense=lips", npy(films(np.array([1]), np.random.default_rng(0))), "npy").status == 400
    assert wait_for(lambda: run.get("/v1/concepts").json["concepts"])
    cards = run.get("/v1/concepts").json["concepts"]
    assert all(set(card["samples"]) == {"audio", "image"} for card in cards)


def test_a_question_is_told_to_all_viewers(run: FakeRun, known: Networks) -> None:
    run.learn(known)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(events(run, {"question"})))
    thread.start()
    assert wait_for(lambda: run.get("/v1/status").json["page"]["viewers"] == 1)
    told = run.post("/v1/evoke?data=npy", png(board()), "image/png").json
    thread.join(PATIENCE)
    assert found[0]["question"]["number"] == told["number"] and "data" not in found[0]["question"]["asked"]


def test_commands_wait_for_the_supervisor(run: FakeRun) -> None:
    answer = run.post("/v1/command", b'{"command": "pause"}', "application/json")
    assert answer.status == 202 and answer.json == {"command": "pause", "number": 1}
    assert [command.name for command in run.context.commands.take(0.0)] == ["pause"]
    assert run.post("/v1/command", b'{"command": "rm"}', "application/json").status == 400
    assert run.post("/v1/command", b'["pause"]', "application/json").status == 400
    assert run.post("/v1/command", b"{", "application/json").json["reason"] == "damaged"
    assert run.post("/v1/command", b"[" * 4000, "application/json").json["reason"] == "damaged"
    # What a form of another site can send.
    assert run.post("/v1/command", b'{"command": "stop"}', "text/plain").status == 415
    assert run.get("/v1/command").status == 405 and not len(run.context.commands)


def test_figures_go_back_to_the_start(run: FakeRun) -> None:
    lines = [{"time": float(t), "step": t * 10, "loss/a": 100.0 - t, "phase": "x"} for t in range(100)]
    lines[50]["exam/a"] = 0.5
    (run.path / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    told = run.get("/v1/metrics").json
    assert (told["first_s"], told["last_s"], told["keys"], told["series"]) == (0.0, 99.0, ["exam/a", "loss/a"], {})
    whole = run.get("/v1/metrics?keys=loss/*,exam/*&points=10").json["series"]
    assert len(whole["loss/a"]["mean"]) == 10 and whole["loss/a"]["high"][0] == 100.0
    assert whole["exam/a"] == {"time_s": [50.0], "step": [500.0], "mean": [0.5], "low": [0.5], "high": [0.5]}
    part = run.get("/v1/metrics?keys=loss/a&from=20&to=29.5").json["series"]["loss/a"]
    assert part["time_s"] == [float(t) for t in range(20, 30)]
    for query in ("points=1", "points=9999", "from=nan", "from=9&to=3", "to=x"):
        assert run.get(f"/v1/metrics?{query}").status == 400


def test_settings_and_the_description_are_told(learned: FakeRun) -> None:
    assert learned.get("/v1/settings").json == {"settings": [{"key": "run.seed", "value": 0}]}
    told = learned.get("/v1/openapi.json").json
    assert told["openapi"].startswith("3.1") and "/v1/evoke" in told["paths"]


def test_the_description_has_every_route(learned: FakeRun) -> None:
    from page.routes.openapi import description

    described = {(path, method) for path, of in description("1")["paths"].items() for method in of}
    protocol = (Path(__file__).parents[3] / "docs/reference/http.md").read_text()
    for path, method in described:
        assert f"`{method.upper()} {path}`" in protocol or path == "/v1/samples/{id}", (method, path)


@pytest.fixture
def guarded(tmp_path: Path, known: Networks) -> Iterator[FakeRun]:
    with fake_run(tmp_path / "run", token="the-token") as made:
        made.learn(known)
        yield made


def test_with_a_token_nothing_is_told_without_it(guarded: FakeRun) -> None:
    for path in ("/", "/static/index.html", "/v1/status", "/v1/events", "/v1/openapi.json", "/nothing"):
        answer = guarded.get(path)
        assert answer.status == 401 and answer.json["reason"] == "token", path
    assert guarded.get("/v1/status", Authorization="Bearer the-token").status == 200
    assert guarded.get("/v1/status?token=the-token", Host="any.name:1").status == 200
    assert guarded.post("/v1/command?token=wrong", b'{"command": "stop"}', "application/json").status == 401
    assert not len(guarded.context.commands) and guarded.refused()["token"] == 7


def test_the_token_of_the_address_becomes_a_cookie(guarded: FakeRun) -> None:
    first = guarded.get("/?token=the-token")
    assert first.status == 303 and first.headers["location"] == "/"
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and f"reciprocal_{guarded.port}=" in cookie
    value = cookie.partition(";")[0]
    assert guarded.get("/", Cookie=value).status == 200 and guarded.get("/v1/status", Cookie=value).status == 200
    assert guarded.get("/", Cookie=value[:-1]).status == 401
