"""Who may ask: hosts, origins and the token of a request, looked at before anything else of it.

On loopback every program of this machine may ask; web pages of others must not. A page of another site cannot read
answers, but could send requests, or have its own name lead to this machine (DNS rebinding): both show in the headers
that browsers set. Elsewhere every request must hold the token.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from page.access.refusals import Refused

SAME_SITE = ("same-origin", "none")
"""What browsers say of requests that the page itself, or a person in the address bar, makes."""


@dataclass(frozen=True)
class Asked:
    """What is looked at of a request.

    Attributes:
        method: GET, ….
        path: without its query.
        headers: by name; the mapping may ignore upper and lower case.
        cookie: value of the token's cookie; empty without one.
        token: of the query; empty without one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    cookie: str = ""
    token: str = ""


@dataclass(frozen=True)
class Guard:
    """Refuses requests by what they say of where they come from.

    Attributes:
        scheme: 'http' or 'https'.
        token: that every request needs; empty: none, as the page is on loopback.
    """

    scheme: str
    token: str = ""

    def check(self, asked: Asked) -> None:
        """Let a request pass, or not.

        Raises:
            Refused: with the reason `host`, `origin` or `token`.
        """
        host = asked.headers.get("Host", "")
        if not self.token and not is_loopback(host_name(host)):
            raise Refused("host", f"host {host[:80]!r}: the page answers on this machine alone, as localhost")
        origin = asked.headers.get("Origin")
        if origin is not None and origin.lower() != f"{self.scheme}://{host}".lower():
            raise Refused("origin", f"origin {origin[:80]!r}: other sites may not use the page")
        site = asked.headers.get("Sec-Fetch-Site")
        if site is not None and site not in SAME_SITE and not _follows_link(asked):
            raise Refused("origin", "other sites may not use the page")
        if self.token and not self.admits(asked):
            raise Refused("token", "the page asks for its token: open the address that the run printed")

    def admits(self, asked: Asked) -> bool:
        """Whether the request holds the token, in its header, cookie or query; compared in constant time."""
        kind, _, given = asked.headers.get("Authorization", "").partition(" ")
        told = given if kind.lower() == "bearer" else asked.cookie or asked.token
        both = {asked.cookie, asked.token, told} - {""}
        return any([hmac.compare_digest(one.encode(errors="replace"), self.token.encode()) for one in both])


def host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a host's name or address stands for this machine alone."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _follows_link(asked: Asked) -> bool:
    """Whether a person has followed a link to the page itself, which changes nothing and shows nothing to others."""
    mode, to = asked.headers.get("Sec-Fetch-Mode"), asked.headers.get("Sec-Fetch-Dest", "document")
    return asked.method == "GET" and asked.path == "/" and mode == "navigate" and to == "document"
