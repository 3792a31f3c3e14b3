"""The page's own files as they are sent: compressed where that is taken, and not again where the browser has them."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.networks.published import Networks
from page.server.static_files import STATIC, takes_gzip
from tests.page.fake import FakeRun, fake_run

TEXT = b"export const one = 1; // one\n" * 40


@pytest.fixture
def served(tmp_path: Path, known: Networks) -> Iterator[FakeRun]:
    folder = tmp_path / "static"
    (folder / "deep.js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "app.js").write_bytes(TEXT)
    (tmp_path / "secret.js").write_text("no")
    with fake_run(tmp_path / "run", static=folder) as made:
        yield made


def test_a_file_is_compressed_for_those_who_take_it(served: FakeRun) -> None:
    packed = served.get("/static/app.js", **{"Accept-Encoding": "br, gzip, deflate"})
    assert packed.headers["content-encoding"] == "gzip" and packed.headers["vary"] == "Accept-Encoding"
    assert len(packed.body) < len(TEXT) / 4 and gzip.decompress(packed.body) == TEXT
    plain = served.get("/static/app.js")
    assert plain.body == TEXT and "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    assert plain.headers["content-type"] == packed.headers["content-type"] == "text/javascript; charset=utf-8"
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["content-security-policy"] == packed.headers["content-security-policy"]


def test_what_the_browser_has_is_not_sent_again_until_it_changes(served: FakeRun) -> None:
    for accepted in ({}, {"Accept-Encoding": "gzip"}):
        tag = served.get("/static/app.js", **accepted).headers["etag"]
        again = served.get("/static/app.js", **accepted, **{"If-None-Match": tag})
        assert again.status == 304 and not again.body and again.headers["etag"] == tag
    path = served.path.parent / "static" / "app.js"
    path.write_bytes(TEXT.replace(b"1", b"2"))
    os.utime(path, ns=(1, 1))
    changed = served.get("/static/app.js", **{"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert changed.status == 200 and b"= 2" in gzip.decompress(changed.body)


def test_a_small_file_is_sent_as_it_is(served: FakeRun) -> None:
    answer = served.get("/", **{"Accept-Encoding": "gzip"})
    assert answer.body == b"<!doctype html>" and "content-encoding" not in answer.headers
    head = served.ask("HEAD", "/static/app.js")
    assert head.status == 200 and not head.body and int(head.headers["content-length"]) == len(TEXT)


@pytest.mark.parametrize(
    "name", ["../secret.js", "%2e%2e/secret.js", "deep.js", "none.js", "a%00.js", "x" * 300 + ".js"]
)
def test_nothing_else_is_a_file(served: FakeRun, name: str) -> None:
    answer = served.get(f"/static/{name}")
    assert answer.status == 404 and answer.json["reason"] == "not_found"


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000", False), ("", False),
     ("br", False), ("x-gzip-not", False)],
)  # fmt: skip
def test_what_a_browser_takes(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken


def test_all_scripts_compressed_are_small() -> None:
    """As `tests/page/browser/test_views.py` measures it in a browser; this runs without one."""
    packed = {path: len(gzip.compress(path.read_bytes(), mtime=0)) for path in STATIC.rglob("*.js")}
    assert sum(packed.values()) <= 60_000
