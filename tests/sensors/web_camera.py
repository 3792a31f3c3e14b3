"""A server on loopback that answers as cameras and film servers do, well or not."""

import base64
import contextlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's routes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        server.camera.asked.append(self.path)
        self.close_connection = True
        with contextlib.suppress(OSError):
            server.camera.routes.get(self.path.partition("?")[0], status(404))(self)

    def log_message(self, *_: Any) -> None:
        pass


class WebCamera:
    """Serves what its routes say.

    Attributes:
        routes: what is done at each path.
        asked: the paths that were asked for.
    """

    def __init__(self, routes: dict[str, Answer] | None = None, port: int = 0) -> None:
        self.routes: dict[str, Answer] = dict(routes or {})
        self.asked: list[str] = []

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            camera = self

        self.server = Server(("127.0.0.1", port), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def at(self, path: str, login: str = "", scheme: str = "http") -> str:
        """The address of a path."""
        return f"{scheme}://{login}127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        """Listen no more."""
        self.server.shutdown()
        self.server.server_close()


def body(kind: str, data: bytes, **headers: str) -> Answer:
    """All of it at once."""

    def answer(to: Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(data)

    return answer


def broken(kind: str, data: bytes, sent: int) -> Answer:
    """The connection breaks after so many bytes of those that were announced."""

    def answer(to: Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(data)))
        to.end_headers()
        to.wfile.write(data[:sent])

    return answer


def status(code: int) -> Answer:
    """Nothing but a status."""

    def answer(to: Handler) -> None:
        to.send_response(code)
        to.send_header("Content-Length", "0")
        to.end_headers()

    return answer


def silent(seconds: float) -> Answer:
    """No answer for so long."""
    return lambda to: time.sleep(seconds)


def locked(name: str, password: str, inner: Answer) -> Answer:
    """Asks for a name and a password (Basic) first."""
    wanted = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    def answer(to: Handler) -> None:
        if to.headers.get("Authorization") == wanted:
            inner(to)
            return
        to.send_response(401)
        to.send_header("WWW-Authenticate", 'Basic realm="camera"')
        to.send_header("Content-Length", "0")
        to.end_headers()

    return answer
