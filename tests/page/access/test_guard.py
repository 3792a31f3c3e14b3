import pytest

from page.access.guard import Asked, Guard, host_name, is_loopback
from page.access.refusals import Refused

LOCAL = Guard("http")
REMOTE = Guard("https", "secret-token")


def asked(path: str = "/v1/status", method: str = "GET", cookie: str = "", token: str = "", **headers: str) -> Asked:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Asked(method, path, {"Host": "localhost:8270", **named}, cookie, token)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8270", "LOCALHOST:9000", "127.0.0.1:8270", "127.0.0.2", "[::1]:8270"]
)
def test_this_machine_s_names_are_let_in(host: str) -> None:
    LOCAL.check(asked(host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8270",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "",
        "10.0.0.1",
        "[::2]",
        "[",
        "@",
    ],
)
def test_another_name_that_leads_here_is_refused(host: str) -> None:
    """DNS rebinding: the name of another site leads to this machine."""
    with pytest.raises(Refused) as refused:
        LOCAL.check(asked(host=host))
    assert refused.value.reason == "host" and refused.value.status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://localhost:8270",
        "http://localhost:8265",
        "http://localhost",
        "",
        "file://",
    ],
)
def test_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(Refused) as refused:
        LOCAL.check(asked(origin=origin))
    assert refused.value.reason == "origin"


def test_the_page_s_own_origin_is_let_in() -> None:
    LOCAL.check(asked(method="POST", origin="http://localhost:8270", sec_fetch_site="same-origin"))
    LOCAL.check(asked(host="LocalHost:8270", origin="http://localhost:8270"))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_other_sites_are_refused_even_where_they_hide_their_origin(site: str) -> None:
    with pytest.raises(Refused) as refused:
        LOCAL.check(asked(sec_fetch_site=site))
    assert refused.value.reason == "origin"
    # Another port of this machine is the same site to a browser, and not the same origin.
    for path, method, mode in (("/", "POST", "navigate"), ("/v1/status", "GET", "navigate"), ("/", "GET", "no-cors")):
        with pytest.raises(Refused):
            LOCAL.check(asked(path, method, sec_fetch_site=site, sec_fetch_mode=mode))


def test_a_link_to_the_page_may_be_followed() -> None:
    LOCAL.check(asked("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"))
    with pytest.raises(Refused):
        LOCAL.check(asked("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe"))


@pytest.mark.parametrize(
    "request_of",
    [
        asked(host="10.0.0.5:8270", authorization="Bearer secret-token"),
        asked(host="any.name", authorization="bearer secret-token"),
        asked(cookie="secret-token"),
        asked(token="secret-token"),
        asked(cookie="an old one", token="secret-token"),
    ],
)
def test_the_token_lets_in_by_header_cookie_and_query(request_of: Asked) -> None:
    REMOTE.check(request_of)


@pytest.mark.parametrize(
    "request_of",
    [
        asked(),
        asked(cookie="secret-toke"),
        asked(token="secret-tokenn"),
        asked(authorization="Bearer "),
        asked(authorization="Basic secret-token"),
        asked(authorization="Bearer Secret-Token"),
        asked(token="ſecret-token"),
        asked(token="\ud800"),
    ],
)
def test_a_wrong_token_is_refused(request_of: Asked) -> None:
    with pytest.raises(Refused) as refused:
        REMOTE.check(request_of)
    assert refused.value.reason == "token" and refused.value.status == 401


def test_names_and_addresses_of_this_machine() -> None:
    assert host_name("[::1]:80") == "::1" and host_name("a.b:1") == "a.b" and host_name("[oops") == ""
    assert is_loopback("::1") and is_loopback("127.1.2.3") and not is_loopback("0.0.0.0") and not is_loopback("")
