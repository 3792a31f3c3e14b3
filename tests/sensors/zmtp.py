"""A peer that speaks ZeroMQ's protocol by hand, and so may leave messages without an end."""

import socket
import struct

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)


def join(address: str) -> socket.socket:
    """A connection after its handshake, as a DEALER's."""
    peer = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=5.0)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    peer.sendall(GREETING)
    _read(peer, len(GREETING))
    peer.sendall(b"\x04" + bytes([len(ready)]) + ready)
    _read(peer, _read(peer, 2)[1])
    return peer


def _read(peer: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = peer.recv(count - len(found))
        if not part:
            raise ConnectionError("the other end hung up")
        found += part
    return found


def frame(content: bytes, more: bool) -> bytes:
    """One part of a message on the wire."""
    size = len(content)
    head = bytes([more, size]) if size < 256 else bytes([2 | more]) + struct.pack(">Q", size)
    return head + content


def message(*frames: bytes) -> bytes:
    """A whole message on the wire."""
    return b"".join(frame(content, i < len(frames) - 1) for i, content in enumerate(frames))
