from pathlib import Path

import pytest

from sensors.system.address import file_of, is_redacted, redact, redact_argument, redact_text

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"rtsp://user:{SECRET}@host/live", "rtsp://user:…@host/live"),
        (f"rtsp://user:{SECRET}@[fe80::1]:8554/live", "rtsp://user:…@[fe80::1]:8554/live"),
        (f"http://user:p@{SECRET}/?#@host:80/live", "http://user:…@host:80/live"),
        (f"https://{SECRET}@host/live", "https://…@host/live"),
        (f"http://host/live?token={SECRET}&n=1", "http://host/live?…"),
        (f"http://user:{SECRET}@host/live?pwd={SECRET}", "http://user:…@host/live?…"),
        (f"http://host/live#{SECRET}", "http://host/live#…"),
        (f"rtsp://host:554/user=admin&password={SECRET}&channel=1.sdp", "rtsp://host:554/user=…"),
    ],
)
def test_nothing_that_may_be_a_password_is_shown(address: str, shown: str) -> None:
    assert redact(address) == shown and redact(shown) == shown
    assert is_redacted(shown) and not is_redacted(address)
    assert redact_text(f"error: camera {address!r}: refused") == f"error: camera {shown!r}: refused"


@pytest.mark.parametrize("password", [f"p'{SECRET}", f'p"{SECRET}', f"p {SECRET}", f"a ' \" @/{SECRET}"])
def test_a_password_may_hold_quotes_and_spaces(password: str) -> None:
    address, shown = f"rtsp://user:{password}@host/live", "rtsp://user:…@host/live"
    for before in ("", "--camera=", "sensors.camera="):
        assert redact_argument(before + address) == before + shown
    assert redact_text(f"--camera {address}: refused") == f"--camera {shown}: refused"
    assert SECRET not in redact_text(f"camera {address!r}: refused")
    # A token ends where only the address itself can tell.
    token = f"http://host/live?token={password}"
    for text in (f"unrecognized arguments: {token} --x", f"camera {token!r}: refused"):
        assert SECRET not in redact_text(text, ["--x", f"--camera={token}"])


def test_each_address_in_a_text_is_left_out_for_itself() -> None:
    text = f"camera 'http://host/live': moved to 'http://user:{SECRET}@other/live', and no more"
    assert redact_text(text) == "camera 'http://host/live': moved to 'http://user:…@other/live', and no more"


@pytest.mark.parametrize(
    "address", ["0", "/dev/video0", "a?b=c.avi", "file:///a?b=c.avi", "http://host:80/a@b/live", "tcp://0.0.0.0:5570"]
)
def test_what_holds_no_password_is_shown_as_it_is(address: str) -> None:
    assert (redact(address) if "a@b" not in address else address) == address and not is_redacted(address)


def test_a_file_is_named_plainly_or_by_url(tmp_path: Path) -> None:
    spaced = tmp_path / "a folder" / "a film.avi"
    spaced.parent.mkdir()
    spaced.touch()
    encoded = "file://" + str(spaced).replace(" ", "%20")
    assert file_of(encoded) == file_of(f"file://{spaced}") == file_of(str(spaced)) == str(spaced)
    assert file_of("file://localhost" + str(spaced)) == str(spaced)
    odd = tmp_path / "50%20 off.avi"
    odd.touch()
    assert file_of(f"file://{odd}") == str(odd)
    assert file_of(f"file://{tmp_path}/a%20folder/shot_%03d.png") == f"{tmp_path}/a folder/shot_%03d.png"
    assert file_of("http://host/film.mp4") is None
