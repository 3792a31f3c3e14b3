"""A TCP link on loopback that a test can cut."""

import contextlib
import socket
import threading


class Link:
    """Forwards connections to a port; `cut` stops it, `restore` lets it go on.

    Attributes:
        address: where it listens, tcp://127.0.0.1:port.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, drop: bool) -> None:
        """Forward nothing any more; with `drop` all connections end and new ones are turned away, too."""
        self._open.clear()
        self._refusing = drop
        if drop:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Forward again, what waited first."""
        self._refusing = False
        self._open.set()

    def close(self) -> None:
        self._ended = True
        self._open.set()
        for one in [self._server, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._ended:
            try:
                robot, _ = self._server.accept()
            except OSError:
                return
            if self._refusing:
                robot.close()
                continue
            try:
                host = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                robot.close()
                continue
            self._sockets += [robot, host]
            for pair in ((robot, host), (host, robot)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._open.wait()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
