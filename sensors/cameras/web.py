"""What a camera's address on the network answers, and in what words it is said when it answers otherwise.

FFmpeg says only that it could not open an address. So an HTTP server is asked first what it serves there; an RTSP
server is asked once FFmpeg has failed.
"""

import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from sensors.core.errors import SourceError
from sensors.signals.pictures import JPEG_AFTER_JPEG
from sensors.system.address import redact

UNKNOWN = "unknown host; check the name"
ASKING = 4.0
"""Longest wait for a server's answer, seconds."""
LARGEST_LOOK = 4 * 2**20
"""Most bytes that are fetched to see whether one JPEG is served or a film of them."""
PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "http": 80, "https": 443}
_PLAYLIST = re.compile(r"(application|audio)/(vnd\.apple\.|x-)?mpegurl|application/dash\+xml")
_NO_PICTURES = re.compile(r"text/.*|application/(json|xml|xhtml\+xml|pdf)")
_BEGINNINGS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"#EXTM3U": "application/x-mpegurl"}
_NO_ADDRESS = (
    "is no valid address; write rtsp://name:password@host:port/path, "
    "with @ : / ? # in a password as %40 %3A %2F %3F %23"
)
_VAGUE = ("", "application/octet-stream", "binary/octet-stream", "text/plain")
"""Types by which servers call what they do not know."""


class Served(NamedTuple):
    """What an HTTP server has at an address.

    Attributes:
        type: its content type in lower case, or what its first bytes say where the server does not know.
        length: its bytes; None where the server does not tell.
    """

    type: str
    length: int | None

    @property
    def picture(self) -> bool:
        """Whether it is a single picture."""
        return self.type.startswith("image/")

    @property
    def playlist(self) -> bool:
        """Whether it is a list of pieces of a film or of something live (HLS, DASH)."""
        return _PLAYLIST.fullmatch(self.type) is not None

    @property
    def finite(self) -> bool:
        """Whether it is known to end, as a file does; a playlist's own length says nothing of what it plays."""
        return self.length is not None and not self.type.startswith("multipart/") and not self.playlist


class _Finished(urllib.request.BaseHandler):
    """Closes the answer that asks for a login, before the request is made again; urllib would leave it open."""

    handler_order = 100

    def http_error_401(self, request: object, answer: IO[bytes], *_: object) -> None:
        answer.close()


class Web:
    """Asks an HTTP server, with the name and password that its address holds.

    Args:
        address: http or https.

    Raises:
        SourceError: it is no address that can be asked.
    """

    def __init__(self, address: str) -> None:
        self._address, self.shown = address, redact(address)
        try:
            parts = urlsplit(address)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            place = f"{host}:{parts.port}" if parts.port else f"{host}"
        except ValueError:
            host = None
        if not host:
            raise bad_address(address)
        self.named = parts.username is not None
        self._url = quote(parts._replace(netloc=place, fragment="").geturl(), safe="%/:=&?~+!$,;'@()*[]")
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if self.named:
            login = unquote(parts.username or ""), unquote(parts.password or "")
            passwords.add_password(None, f"{parts.scheme}://{place}/", *login)
        logins = urllib.request.HTTPDigestAuthHandler(passwords), urllib.request.HTTPBasicAuthHandler(passwords)
        self._opener = urllib.request.build_opener(_Finished(), *logins)

    def ask(self) -> Served:
        """What is served; only its beginning is fetched.

        Raises:
            SourceError: the server cannot be reached, refuses, or serves what holds no pictures.
        """
        try:
            with self._open({}, ASKING) as answer:
                kind = answer.headers.get_content_type().lower() if "Content-Type" in answer.headers else ""
                length = answer.headers.get("Content-Length", "")
                if kind in _VAGUE:
                    kind = _look(answer) or kind
        except Exception as error:  # whatever goes wrong between here and the server
            raise self._refusal(error) from None
        # A server that calls a film text/plain does not know it: FFmpeg finds out what it is.
        if kind not in _VAGUE and _NO_PICTURES.fullmatch(kind):
            raise self._said(unplayable(kind))
        return Served(kind, int(length) if length.isdecimal() else None)

    def fetch(self, wanted: Mapping[str, str], timeout: float, most: int) -> tuple[bytes | None, Mapping[str, str]]:
        """All that is served, and the headers of the answer; nothing where it is as before.

        Args:
            wanted: headers of the request, such as If-None-Match.
            timeout: longest wait for each part of the answer, seconds.
            most: bytes.

        Raises:
            SourceError: the server cannot be reached, refuses, or sends too much.
        """
        try:
            with self._open(wanted, timeout) as answer:
                data = answer.read(most + 1)
                if len(data) > most:
                    raise SourceError(f"sends more than {most >> 20} MiB as one picture; give another address")
                return data, dict(answer.headers.items())
        except Exception as error:  # as above
            if isinstance(error, urllib.error.HTTPError) and error.code == http.HTTPStatus.NOT_MODIFIED:
                error.close()
                return None, {}
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> SourceError:
        if isinstance(error, urllib.error.HTTPError):
            # It holds the connection.
            error.close()
        why = refusal(error, self.named)
        return bad_address(self._address) if why == UNKNOWN and _is_torn(self._address) else self._said(why)

    def _said(self, why: str) -> SourceError:
        return SourceError(f"camera {self.shown!r}: {why}")

    def _open(self, headers: Mapping[str, str], timeout: float) -> http.client.HTTPResponse:
        request = urllib.request.Request(self._url, headers={"User-Agent": "Reciprocal", **headers})
        answer: http.client.HTTPResponse = self._opener.open(request, timeout=timeout)
        return answer


def _look(answer: http.client.HTTPResponse) -> str:
    """The type of what is served, by its beginning; empty where that says nothing."""
    begins = answer.read(16)
    kind = next((kind for start, kind in _BEGINNINGS.items() if begins.startswith(start)), "")
    end = time.monotonic() + ASKING
    while kind == "image/jpeg" and len(begins) < LARGEST_LOOK and time.monotonic() < end:
        more = answer.read1(65_536)
        if not more:
            break
        begins += more
        if JPEG_AFTER_JPEG in begins:
            return "video/x-motion-jpeg"
    return kind


def unplayable(kind: str) -> str:
    """In words that a server answers with what cannot be played, and what helps."""
    fix = "give the address of the picture or the stream itself"
    return f"answers with {kind or 'nothing that has a type'}, which cannot be played; {fix}"


def refusal(error: BaseException, named: bool) -> str:
    """In words why a server did not answer as wanted, and what helps; never any part of the address.

    Args:
        error: that urllib or a socket raised.
        named: whether the address holds a name and a password.
    """
    if isinstance(error, urllib.error.HTTPError):
        return status(error.code, named)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, SourceError):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message or "not trusted"
        return (
            f"its certificate does not hold ({why}); name its issuer's file in SSL_CERT_FILE, or correct the "
            "certificate's name or date"
        )
    if isinstance(error, ssl.SSLError):
        return "speaks no TLS there; write http:// or another port"
    if isinstance(error, TimeoutError):
        return "does not answer; check the address, the firewall, and that the camera is on"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there; check the port, and that the camera is on"
    if isinstance(error, socket.gaierror):
        return UNKNOWN
    if isinstance(error, http.client.HTTPException):
        return "does not answer in HTTP; check the port and the kind of address"
    if isinstance(error, ValueError):
        # urllib knows no other logins than Basic and Digest.
        return "asks for a login of a kind that is not known here (401); allow Basic or Digest on it"
    if isinstance(error, OSError):
        return f"cannot be reached ({error.strerror or type(error).__name__}); check the address and the network"
    return f"cannot be read ({type(error).__name__})"


def status(code: int, named: bool) -> str:
    """In words what a status of HTTP or RTSP says, and what helps."""
    if code == 401:
        if named:
            return (
                "does not accept this name and password (401); check both, and write @ : / ? in them as %40 %3A %2F %3F"
            )
        return "asks for a name and a password (401); give them before the host, as in //name:password@host"
    if code == 403:
        return "refuses access (403); give this user the right to view on the camera"
    if code in (404, 410):
        return f"has nothing at this path ({code}); check the path"
    phrase = http.client.responses.get(code, "error")
    return f"answers with {code} ({phrase}); open the address in a browser, or restart the camera"


def diagnose(address: str) -> str:
    """In words why FFmpeg could not open an address that is not HTTP, and what helps.

    Asks the server in RTSP where it is one; of others only whether they listen.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme.lower())
    except ValueError:
        return _NO_ADDRESS
    if host is None or port is None or parts.scheme.lower() in ("udp", "rtp", "srt"):
        return "cannot be opened; check that it is being served there"
    named = parts.username is not None
    try:
        with socket.create_connection((host, port), ASKING) as link:
            if parts.scheme.lower() != "rtsp":
                return "answers, but sends no stream that can be read; check the path"
            link.settimeout(ASKING)
            shown = f"rtsp://{host}:{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
            link.sendall(f"DESCRIBE {shown} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode())
            answer = re.match(rb"RTSP/\d\.\d (\d{3})", link.recv(64))
    except (OSError, UnicodeError) as error:
        why = refusal(error, named)
        return _NO_ADDRESS if why == UNKNOWN and _is_torn(address) else why
    if answer is None:
        return "does not answer in RTSP; check the port and the kind of address"
    code = int(answer[1])
    return "sends no stream that can be read; check the path" if code < 400 else status(code, named)


def _is_torn(address: str) -> bool:
    """Whether an @ stands so far behind in an address that its host may be a part of a password."""
    return "@" in address.removeprefix(f"{urlsplit(address).scheme}://{urlsplit(address).netloc}")


def bad_address(address: str) -> SourceError:
    """For what cannot be taken apart; says nothing of its parts, as any of them may be a password."""
    return SourceError(f"camera {redact(address)!r}: {_NO_ADDRESS}")
