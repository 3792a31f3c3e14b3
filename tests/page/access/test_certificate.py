import http.client
import json
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from page.access.certificate import check_page
from page.config import PageConfig
from page.server.page_server import listen
from sensors.core.errors import ConfigError
from tests.page.fake import fake_run
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"address": "0.0.0.0"}, "--page-cert and --page-key"),
        ({"address": "203.0.113.5"}, "--page-cert and --page-key"),
        ({"address": "::"}, "--page-cert and --page-key"),
        ({"address": "my.host"}, "expected an address of this machine"),
        ({"cert": "a.pem"}, "--page-cert: give --page-key, too"),
        ({"key": "a.pem"}, "--page-key: give --page-cert, too"),
        ({"cert": "no.pem", "key": "no.pem"}, "No such file"),
    ],
)
def test_other_machines_are_served_with_a_certificate_alone(given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        check_page(PageConfig(**given))  # type: ignore[arg-type]
    assert len(str(error.value).splitlines()) <= 2


def test_what_is_no_certificate_is_refused(tmp_path: Path, certificate: tuple[str, str]) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for cert, key in ((str(tmp_path / "bad.pem"), certificate[1]), (certificate[0], str(tmp_path / "bad.pem"))):
        with pytest.raises(ConfigError, match="cannot be used"):
            check_page(PageConfig(cert=cert, key=key))
    check_page(PageConfig(address="0.0.0.0", cert=certificate[0], key=certificate[1]))
    check_page(PageConfig())


def test_with_a_certificate_it_speaks_https_alone(tmp_path: Path, certificate: tuple[str, str]) -> None:
    config = PageConfig(port=22_000, cert=certificate[0], key=certificate[1])
    with fake_run(tmp_path / "run", config, token="the-token") as run:
        assert run.server.address.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=certificate[0])
        with closing(http.client.HTTPSConnection("127.0.0.1", run.port, timeout=PATIENCE, context=context)) as secure:
            secure.request("GET", "/v1/status", headers={"Authorization": "Bearer the-token"})
            assert json.loads(secure.getresponse().read())["run"]["name"] == "fake"
            secure.request("GET", "/?token=the-token")
            answer = secure.getresponse()
            assert "Secure" in str(answer.getheader("set-cookie")) and answer.read() == b""
        with pytest.raises((http.client.HTTPException, OSError)):
            run.get("/v1/status")


def test_a_port_that_is_taken_is_passed_over_and_an_address_of_others_refused() -> None:
    with closing(listen(PageConfig(port=23_000))) as first:
        port = first.getsockname()[1]
        with closing(listen(PageConfig(port=port))) as second:
            assert second.getsockname()[1] > port
    with pytest.raises(ConfigError, match="give one of this machine's"):
        listen(PageConfig(address="203.0.113.7"))
