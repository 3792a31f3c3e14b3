"""What a camera's server answers instead of pictures, and how it is said."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.cameras.camera import Camera
from sensors.cameras.web import ASKING, Web, diagnose, refusal, status
from sensors.core.errors import SourceError
from sensors.sources.source import Change
from tests.patience import PATIENCE, took, wait_for
from tests.sensors.web_camera import WebCamera, body, locked, silent
from tests.sensors.web_camera import status as only

PASSWORD = "p@ss/w?rd#1"
WRITTEN = "p%40ss%2Fw%3Frd%231"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014"
    "8afa4710000000049454e44ae426082"
)


@pytest.fixture
def web() -> Iterator[WebCamera]:
    made = WebCamera()
    yield made
    made.close()


def said(address: str) -> str:
    """What a camera says that cannot be opened: one line, without a password."""
    camera = Camera(address)
    with pytest.raises(SourceError) as caught:
        camera.connect(PATIENCE)
    text = str(caught.value)
    for hidden in (PASSWORD, WRITTEN, "s3cr3t"):
        assert hidden not in text and hidden not in str(camera)
    assert "\n" not in text and text.startswith("camera '")
    return text


def test_each_refusal_is_told_from_the_others(web: WebCamera) -> None:
    web.routes = {
        "/locked": locked("user", PASSWORD, body("image/png", PNG)),
        "/forbidden": only(403),
        "/gone": only(410),
        "/broken": only(500),
        "/page": body("text/html; charset=utf-8", b"<html>log in</html>"),
        "/words": body("text/plain", b"nothing of the kind" * 9),
        "/json": body("application/json", b"{}"),
        "/none": body("video/mp4", b""),
    }
    assert "asks for a name and a password (401); give them" in said(web.at("/locked"))
    assert "does not accept this name and password (401)" in said(web.at("/locked", "user:s3cr3t@"))
    assert "refuses access (403)" in said(web.at("/forbidden"))
    assert "has nothing at this path (404); check the path" in said(web.at("/nowhere?token=s3cr3t"))
    assert "has nothing at this path (410)" in said(web.at("/gone"))
    assert "answers with 500 (Internal Server Error)" in said(web.at("/broken"))
    assert "answers with text/html, which cannot be played; give the address of" in said(web.at("/page"))
    assert "answers with text/plain, which cannot be played" in said(web.at("/words"))
    assert "answers with application/json" in said(web.at("/json"))
    assert "answers with video/mp4, which cannot be played" in said(web.at("/none"))
    assert "no valid address; write rtsp://name:password@host" in said(f"http://user:{PASSWORD}@127.0.0.1/")
    assert "its password is left out; give the whole address with --camera" in said("http://user:…@host/live")


def test_a_name_and_password_are_used_however_they_are_written(web: WebCamera) -> None:
    web.routes = {"/locked": locked("user", PASSWORD, body("image/png", PNG))}
    assert Web(web.at("/locked", f"user:{WRITTEN}@")).ask().type == "image/png"


def test_what_cannot_be_reached_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for scheme in ("http", "rtsp", "rtmp"):
        assert "connection refused: nothing listens there" in said(f"{scheme}://u:s3cr3t@127.0.0.1:{port}/live")
    assert "unknown host; check the name" in said("http://u:s3cr3t@no-such-host.invalid/live")
    assert "unknown host; check the name" in said("rtsp://u:s3cr3t@no-such-host.invalid/live")
    monkeypatch.setattr("sensors.cameras.web.ASKING", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert "does not answer; check the address" in said(f"http://127.0.0.1:{port}/live")
        assert "does not answer; check" in diagnose(f"rtsp://127.0.0.1:{port}/live")
    assert "no network" in refusal(OSError(101, "no network"), False)


@pytest.fixture
def rtsp() -> Iterator[tuple[socket.socket, list[bytes]]]:
    """An RTSP server that answers every request with the first of the answers that are left, or the last."""
    server = socket.create_server(("127.0.0.1", 0))
    answers = [b""]

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link, link.makefile("rb") as requests:
                while request := requests.readline():
                    if request.strip():
                        continue
                    link.sendall(answers[-1])
                    if not answers[-1].startswith(b"RTSP"):
                        break

    threading.Thread(target=serve, daemon=True).start()
    yield server, answers
    server.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n", r"does not accept this name and password \(401\)"),
        (b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", r"has nothing at this path \(404\)"),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "sends no stream that can be read"),
        (b"220 mail\r\n", "does not answer in RTSP"),
    ],
)
def test_an_rtsp_servers_refusal_is_told(rtsp: tuple[socket.socket, list[bytes]], answer: bytes, message: str) -> None:
    server, answers = rtsp
    answers.append(answer)
    address = f"rtsp://user:s3cr3t@127.0.0.1:{server.getsockname()[1]}/live"
    with pytest.raises(SourceError, match=message) as caught:
        Camera(address).connect(PATIENCE)
    assert "'rtsp://user:…@127.0.0.1" in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed, and its key, in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *form))
    return path


def test_a_certificate_that_does_not_hold_is_told(web: WebCamera, certificate: Path) -> None:
    assert "speaks no TLS there; write http://" in said(web.at("/", scheme="https"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
    told = said(web.at("/", "u:s3cr3t@", scheme="https"))
    assert "its certificate does not hold (self" in told and "SSL_CERT_FILE" in told


def test_why_a_camera_is_lost_is_told_and_it_comes_back(web: WebCamera) -> None:
    """What refuses at the start may be repaired while the run goes on."""
    web.routes = {"/live": only(403)}
    changes: list[Change] = []
    camera = Camera(web.at("/live?token=s3cr3t"))
    camera.observe(changes.append)
    camera.connect(warmup=0)
    try:
        assert wait_for(lambda: camera.state == "stalled" and "refuses access (403)" in changes[-1].reason)
        web.routes = {"/live": locked("a", "b", body("image/png", PNG))}
        assert wait_for(lambda: camera.state == "stalled" and len(web.asked) > 2)
        web.routes = {"/live": body("image/png", PNG)}
        assert camera.read().picture.shape == (1, 1) if wait_for(lambda: camera.state == "live") else False
        web.routes = {"/live": only(404)}
        assert wait_for(lambda: "has nothing at this path (404)" in changes[-1].reason)
    finally:
        camera.disconnect()
    assert not any("s3cr3t" in change.reason for change in changes)


def test_a_server_that_does_not_answer_is_not_waited_for_long(web: WebCamera) -> None:
    web.routes = {"/late": silent(3 * ASKING)}

    def ask() -> None:
        with pytest.raises(SourceError, match="does not answer"):
            Web(web.at("/late")).ask()

    assert took(ask) < 2 * ASKING + 5


def test_every_status_is_one_line_that_says_what_helps() -> None:
    for code in (400, 401, 403, 404, 410, 418, 500, 503, 999):
        for named in (False, True):
            text = status(code, named)
            assert str(code) in text and "; " in text and "\n" not in text
