"""Fetching datasets: mirrors in turn, resumed after a break, checked before they are put in place.

A file that is under way lies beside its place as `<name>.part` and survives a break; only a complete file
with the right checksum gets its name.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from sensors.core.errors import DataError
from teacher.datasets.preparation.archives import read_members

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_CONNECT_TIMEOUT, _READ_TIMEOUT = 6.0, 15.0
_ATTEMPTS = 5
_BLOCK = 1 << 13
"""Bytes written at a time, and the most that a break costs."""
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the certificates by which hosts are trusted."""
_MAX_CLIP_BYTES = 8 << 20
_RETRY = "remove it and try again"


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    Attributes:
        name: of the file once it is there.
        urls: mirrors, tried in turn.
        checksum: `md5:…` or `sha256:…`; None where none is published.
        max_bytes: more than this is not that file.
    """

    name: str
    urls: tuple[str, ...]
    checksum: str | None
    max_bytes: int


def _mnist(name: str, md5: str, max_bytes: int) -> Remote:
    return Remote(name, tuple(m + name for m in _MNIST_MIRRORS), f"md5:{md5}", max_bytes)


MNIST = (
    _mnist("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 16 << 20),
    _mnist("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 1 << 20),
    _mnist("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 4 << 20),
    _mnist("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 1 << 20),
)
GCDD = Remote(
    "speech_commands_v0.01.tar.gz",
    (
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
    ),
    "sha256:743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    2 << 30,
)
# The archive is made by its host on demand, so no checksum of it is published: its recordings are counted.
FSDD = Remote(
    "free-spoken-digit-dataset-1.0.10.tar.gz",
    (
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
        "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/refs/tags/v1.0.10",
    ),
    None,
    128 << 20,
)
FSDD_RECORDINGS = 3_000


def fetch_mnist(root: Path, remotes: Sequence[Remote] = MNIST) -> None:
    """Fetch the four MNIST files into `root/mnist`.

    Raises:
        DataError: no mirror delivers; the message says what to fetch by hand and where to put it.
    """
    for remote in remotes:
        fetch(remote, root / "mnist")


def fetch_gcdd(root: Path, remote: Remote = GCDD) -> None:
    """Fetch the Speech Commands archive (1.4 GB) into `root`.

    Raises:
        DataError: no mirror delivers; the message says what to fetch by hand and where to put it.
    """
    fetch(remote, root)


def fetch_fsdd(root: Path, remote: Remote = FSDD, recordings: int = FSDD_RECORDINGS) -> None:
    """Fetch FSDD and put its recordings into `root/fsdd/recordings`, all of them or none.

    Raises:
        DataError: no mirror delivers, or the archive does not hold that many recordings.
    """
    archive = fetch(remote, root / "fsdd")
    place = root / "fsdd" / "recordings"
    stage = Path(tempfile.mkdtemp(prefix=".recordings-", dir=place.parent))
    try:
        count = _unpack_recordings(archive, stage)
        if count != recordings:
            raise DataError(f"{archive}: holds {count:,} recordings, expected {recordings:,}; {_RETRY}")
        stage.chmod(0o755)
        stage.rename(place)
    except OSError as e:
        raise DataError(f"{place}: cannot be written ({e.strerror or e})") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    archive.unlink(missing_ok=True)


def fetch(remote: Remote, folder: Path) -> Path:
    """Fetch one file into `folder`, unless it is there with the right checksum.

    Raises:
        DataError: no mirror delivers it whole within the time limits, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"{folder}: cannot be written ({e.strerror}); choose another --data DIR") from None
    # pooch announces each file on its logger; the progress bar says it already.
    pooch.get_logger().setLevel("WARNING")
    troubles = []
    for url in remote.urls:
        try:
            path = pooch.retrieve(
                url,
                remote.checksum,
                fname=remote.name,
                path=folder,
                downloader=_Resuming(folder / f"{remote.name}.part", remote.max_bytes),
            )
            return Path(path)
        except requests.RequestException as e:
            troubles.append(f"{url}: {_reason(e)}")
        except ValueError:
            troubles.append(f"{url}: wrong checksum")
        except OSError as e:
            if bundle := _missing_certificates():
                raise DataError(f"{remote.name}: {bundle}") from None
            raise DataError(f"{folder}: cannot be written ({e.strerror or e})") from None
    raise DataError(
        f"{remote.name}: download failed ({'; '.join(troubles)});\n"
        f"fetch it by hand from {remote.urls[0]} and put it in {folder}"
    )


class _Resuming:
    """pooch's downloader: goes on with `<name>.part` by a Range request, and again after a break."""

    def __init__(self, part: Path, max_bytes: int) -> None:
        self._part = part
        self._max_bytes = max_bytes

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        """Fetch `url` whole, then give it the name that pooch will check."""
        for attempt in range(_ATTEMPTS):
            before = self._have()
            try:
                self._receive(url)
                break
            except requests.RequestException:
                # Another try pays only where this one brought something.
                if self._have() <= before or attempt == _ATTEMPTS - 1:
                    raise
        os.replace(self._part, output_file)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _receive(self, url: str) -> None:
        have = self._have()
        headers = {"Range": f"bytes={have}-"} if have else {}
        # Packed on the way, lengths and ranges would not be the file's.
        headers["Accept-Encoding"] = "identity"
        timeout = (_CONNECT_TIMEOUT, _READ_TIMEOUT)
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
                return
            if response.status_code == 416:
                self._part.unlink()
                return self._receive(url)
            response.raise_for_status()
            if response.status_code != 206:
                have = 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length and length.isdecimal() else None
            if total is not None and total > self._max_bytes:
                raise requests.ConnectionError(f"{total:,} bytes are more than the file has")
            bar = tqdm(
                total=total,
                initial=have,
                unit="B",
                unit_scale=True,
                desc=self._part.stem,
                disable=not sys.stderr.isatty(),
            )
            with self._part.open("ab" if have else "wb") as f, bar:
                for block in response.iter_content(_BLOCK):
                    f.write(block)
                    bar.update(len(block))
                    if f.tell() > self._max_bytes:
                        raise requests.ConnectionError("more bytes than the file has")
                if total is not None and f.tell() != total:
                    raise requests.ConnectionError(f"broke off after {f.tell():,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        named = next((f", {name}={os.environ[name]}" for name in _CERTIFICATES if os.environ.get(name)), "")
        return f"its certificate is not trusted by the certificates here{named}"
    text = str(error)
    return "no connection" if "Max retries" in text or "resolve" in text else text.splitlines()[0][:120]


def _missing_certificates() -> str:
    """Which variable names certificates that are not there, and what to do; empty where none does."""
    for name in _CERTIFICATES:
        if (path := os.environ.get(name)) and not os.access(path, os.R_OK):
            return f"{name}={path}: no such file of certificates can be read; correct the variable, or unset it"
    return ""


def _unpack_recordings(archive: Path, folder: Path) -> int:
    """Copy `…/recordings/{digit}_{speaker}_{index}.wav` out of the archive; nothing else."""
    name = re.compile(r"(?:.*/)?recordings/(\d_[A-Za-z]+_\d+\.wav)")
    count = 0
    for member, data in read_members(archive, _MAX_CLIP_BYTES, lambda m: bool(name.fullmatch(m)), _RETRY):
        (folder / member.rpartition("/")[2]).write_bytes(data)
        count += 1
    return count
