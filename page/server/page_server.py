"""The web server of a page, in a thread with an event loop of its own."""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from pathlib import Path

from aiohttp import web
from aiohttp.http import HttpProcessingError

from page.access.certificate import tls_context
from page.access.connections import HEAD_WITHIN, LINGER, Connections
from page.access.guard import Guard
from page.access.refusals import Refusals
from page.access.request_bodies import WITHIN, BodyReader
from page.config import PageConfig
from page.context import PageContext
from page.server.app import PORT, make_app
from page.server.static_files import STATIC
from sensors.core.errors import ConfigError

log = logging.getLogger(__name__)

TRIES = 100
"""Ports that are tried, from the one that was asked for."""
START_WITHIN = 20.0
CLOSE_WITHIN = 1.0
IDLE = 75.0
"""Seconds after which a connection that asks for nothing is closed."""
LINES = 64
"""Headers of one request, at most."""


class PageServer:
    """Serves a run's page until it is closed.

    Args:
        context: the run.
        config: address, port, certificate and bounds.
        token: that every request needs; empty: none.
        static: folder of the page's own files.
        head_within: seconds for the head of a request.
        body_within: seconds for its body.

    Attributes:
        port: at which it listens.

    Raises:
        ConfigError: no port is free, or the address or the certificate cannot be used.
    """

    def __init__(
        self,
        context: PageContext,
        config: PageConfig,
        token: str,
        static: Path = STATIC,
        head_within: float = HEAD_WITHIN,
        body_within: float = WITHIN,
    ) -> None:
        # Answers are logged nowhere: a viewer that asks every second would fill the run's log.
        logging.getLogger("aiohttp.access").setLevel(logging.ERROR)
        self._page, self._config = context, config
        self._tls = tls_context(config)
        self._socket = listen(config)
        self.port = int(self._socket.getsockname()[1])
        self._guard = Guard("http" if self._tls is None else "https", token)
        self._static, self._head_within, self._body_within = static, head_within, body_within
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="page server", daemon=True)
        self._thread.start()
        if not self._up.wait(START_WITHIN) or self._error is not None:
            raise ConfigError(f"the page cannot be served: {self._error or 'it did not start in time'}")

    @property
    def address(self) -> str:
        """What a person opens, without the token."""
        host = self._config.address
        shown = f"[{host}]" if ":" in host else host
        if shown in ("0.0.0.0", "[::]"):
            shown = socket.gethostname()
        return f"{self._guard.scheme}://{shown}:{self.port}/"

    def close(self) -> None:
        """Stop, and close all connections."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_WITHIN + 0.5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._error = error
            self._up.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        bounds = self._config
        connections = Connections(self._page.refusals, bounds.connections, bounds.connections_each, self._head_within)
        app = make_app(self._page, self._guard, connections, self._static, BodyReader(self._body_within))
        app[PORT][0] = self.port
        # Compressed bodies are refused by their header: a small one could hold gigabytes.
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=IDLE,
            max_headers=LINES,
            lingering_time=LINGER,
            logger=_counting(self._page.refusals),
            shutdown_timeout=0.2,
        )
        await runner.setup()
        inner = runner.server
        assert inner is not None
        server = await self._loop.create_server(
            lambda: connections.watch(inner), sock=self._socket, ssl=self._tls, backlog=128
        )
        self._up.set()
        await self._stop.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runner.cleanup(), CLOSE_WITHIN)


def _counting(refusals: Refusals) -> logging.Logger:
    """A log for the HTTP library that counts what it cannot read, as `bad_request`, and writes nothing.

    It would write some lines for each such request; whoever sends many could fill the disk.
    """
    counted = logging.Logger("page.http", logging.ERROR)
    counted.addHandler(_Counter(refusals))
    return counted


class _Counter(logging.Handler):
    def __init__(self, refusals: Refusals) -> None:
        super().__init__()
        self._refusals = refusals

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._refusals.count("bad_request")
        elif not isinstance(error, ConnectionError):
            self._refusals.count("failed")
            log.error(record.getMessage(), exc_info=record.exc_info)


def listen(config: PageConfig) -> socket.socket:
    """A socket that listens at the port that was asked for, or at the next free one.

    Raises:
        ConfigError: no port is free, or the address is not this machine's.
    """
    assert config.port is not None
    host = "127.0.0.1" if config.address == "localhost" else config.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(config.port, min(config.port + TRIES, 65_536)):
        found = socket.socket(family, socket.SOCK_STREAM)
        # A page that is restarted takes its port again, although connections of the dead one linger there.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(128)
        except OSError as error:
            found.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise ConfigError(
                f"--page-address {config.address}: cannot be served ({error.strerror}); give one of this machine's"
            ) from None
        found.setblocking(False)
        return found
    raise ConfigError(f"--page {config.port}: no free port among {TRIES}; give another, or --page none")
