"""A network camera on loopback: a real HTTP server of MJPEG pictures."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


class MjpegServer:
    """Serves numbered pictures to everybody who connects.

    Args:
        fps: pictures a second.
        port: 0 for a free one.
        paint: makes the n-th picture; by default its brightness tells n.

    Attributes:
        flowing: pictures are sent while it is set.
    """

    def __init__(
        self, fps: float = 25.0, port: int = 0, paint: Callable[[int], NDArray[np.uint8]] | None = None
    ) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self._closing = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
                self.end_headers()
                count, due = 0, time.monotonic()
                try:
                    while not server._closing:
                        server.flowing.wait(20)
                        picture = paint(count) if paint else np.full((96, 128), count % 256, np.uint8)
                        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                        self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: ")
                        self.wfile.write(f"{len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n")
                        count, due = count + 1, due + 1 / fps
                        time.sleep(max(0.0, due - time.monotonic()))
                except OSError:
                    pass
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/camera.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Break all connections and listen no more."""
        self._closing = True
        self.flowing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
