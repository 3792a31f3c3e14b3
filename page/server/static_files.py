"""The page's own files: read once, and compressed once for browsers that take it."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ETag, hdrs, web

from page.access.refusals import Refused

STATIC = Path(__file__).parents[1] / "static"
"""The page's own files."""
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".json": "application/json; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""Endings of the files that are served, and their media types."""
COMPRESSED = (".png", ".woff2")
"""Endings of files that gzip makes no smaller."""


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent.

    Attributes:
        media: its media type.
        data: its bytes.
        gzipped: the same compressed; None where that saves nothing.
        digest: of its bytes.
        changed: when it was last changed, ns, and its size, in bytes.
    """

    media: str
    data: bytes
    gzipped: bytes | None
    digest: str
    changed: tuple[int, int]


class StaticFiles:
    """Serves the files of a folder; used in the server's event loop.

    Args:
        folder: of the files, and of folders with files.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder.resolve()
        self._files: dict[Path, StaticFile] = {}

    def answer(self, request: web.Request, name: str) -> web.Response:
        """One file; without its bytes where the browser has it.

        Args:
            request: which says what the browser has, and whether it takes gzip.
            name: of the file, below the folder.

        Raises:
            Refused: there is none of this name.
        """
        file = self._file(name)
        packed = file.gzipped is not None and takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        # The two forms have different bytes, hence different tags.
        tag = f"{file.digest}-gzip" if packed else file.digest
        headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.CONTENT_TYPE: file.media}
        if file.gzipped is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            answer = web.Response(status=304, headers=headers)
        elif packed:
            answer = web.Response(body=file.gzipped, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
        else:
            answer = web.Response(body=file.data, headers=headers)
        answer.etag = ETag(tag)
        return answer

    def _file(self, name: str) -> StaticFile:
        path = (self._folder / name).resolve() if "\0" not in name else self._folder
        media = MEDIA.get(path.suffix.lower())
        if media is None or not path.is_relative_to(self._folder):
            raise Refused("not_found", "no such file")
        try:
            about = path.stat()
            changed = about.st_mtime_ns, about.st_size
            known = self._files.get(path)
            if known is None or known.changed != changed:
                known = self._files[path] = _read(path, media, changed)
        except (OSError, ValueError):
            # A folder, a name that is too long, or nothing.
            raise Refused("not_found", "no such file") from None
        return known


def takes_gzip(accepted: str) -> bool:
    """Whether a browser takes gzip, by its header `Accept-Encoding`."""
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() == "gzip":
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _read(path: Path, media: str, changed: tuple[int, int]) -> StaticFile:
    data = path.read_bytes()
    packed = None if path.suffix.lower() in COMPRESSED else gzip.compress(data, mtime=0)
    if packed is not None and len(packed) >= len(data):
        packed = None
    return StaticFile(media, data, packed, hashlib.sha256(data).hexdigest()[:32], changed)
