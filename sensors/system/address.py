"""Addresses of cameras: which kind one is, and how it is shown without its password."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.request import url2pathname

LEFT_OUT = "…"
"""Stands for what is not shown of an address."""
NUMBER = re.compile(r"%(0?)(\d*)d")
"""The place of the number in the name of an image sequence, as in `shot_%03d.png`."""
_NODE = re.compile(r"/dev/video(\d+)")
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_FILE_URL = re.compile(r"file://(localhost(?=/))?(.*)", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Up to the last @ of a line before another address, as passwords may hold spaces and quotes.
_URLS_IN_TEXT = re.compile(_SCHEME.pattern + r"(?:(?:(?!://)[^\n])*@)?[^\s'\"]+", re.IGNORECASE)


def index_of(address: str) -> int | None:
    """The index of a device given by it, by `/dev/videoN`, or by a link to that; None for anything else."""
    if address.isdecimal():
        return int(address)
    node = _NODE.fullmatch(os.path.realpath(address)) if address.startswith("/dev/") else None
    return int(node[1]) if node else None


def file_of(address: str) -> str | None:
    """The path that an address names, plainly or by `file://`; None for a device or an address on the network."""
    if index_of(address) is not None:
        return None
    local = _FILE_URL.fullmatch(address)
    if local is None:
        return None if _URL.fullmatch(address) else address
    path = local[2]
    if Path(path).exists():
        return path
    folder, _, name = path.rpartition("/")
    # The number of an image sequence must not be taken for an encoded character.
    name = name if NUMBER.search(name) else url2pathname(name)
    return f"{folder if Path(folder).is_dir() else url2pathname(folder)}/{name}"


def redact(address: str) -> str:
    """An address for people: without a password, and without what may be a token in it.

    Left out are the password before `@` (a name without one, too, as it may be a token) and everything after the first
    `?`, `#` or `=`. What is no address of a network is returned as it is.
    """
    match = _URL.fullmatch(address)
    if match is None or match[1].lower() == "file":
        return address
    scheme, rest = match.groups()
    # Up to the last @: people write passwords that hold @, / or ? as they are. A path may hold an @ where no password
    # can be.
    before, _, after = rest.rpartition("@")
    login = ""
    if before and (":" in before or "/" not in before):
        name, colon, _ = before.partition(":")
        login, rest = (f"{name}:{LEFT_OUT}@" if colon else f"{LEFT_OUT}@"), after
    if (query := re.search(r"[?#=]", rest)) and query.end() < len(rest):
        rest = rest[: query.end()] + LEFT_OUT
    return f"{scheme}://{login}{rest}"


def redact_argument(argument: str) -> str:
    """An argument of a command line for people: from its first `scheme://` on it is one address, shown by `redact`."""
    start = _SCHEME.search(argument)
    return argument if start is None else argument[: start.start()] + redact(argument[start.start() :])


def redact_text(text: str, known: Iterable[str] = ()) -> str:
    """Any text for people, with every address in it as `redact` shows it.

    Args:
        text: where an address ends in it can only be guessed.
        known: arguments and addresses that it may quote; they are found whole.
    """
    for whole in known:
        if (shown := redact_argument(whole)) != whole:
            start = _SCHEME.search(whole)
            at = start.start() if start else 0
            # As it is, and as an error quotes it.
            for quoted in (str, lambda address: repr(address)[1:-1]):
                text = text.replace(quoted(whole[at:]), quoted(shown[at:]))
    return _URLS_IN_TEXT.sub(lambda found: redact(found[0]), text)


def is_redacted(address: str) -> bool:
    """Whether this is an address as `redact` shows it, with a part left out."""
    return _URL.fullmatch(address) is not None and LEFT_OUT in address and redact(address) == address
