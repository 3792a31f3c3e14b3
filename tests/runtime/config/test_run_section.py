import pytest

from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError


@pytest.mark.parametrize(
    ("teach", "names"),
    [
        ("digits", ["digits"]),
        ("letters", ["letters"]),
        ("letters + digits", ["digits", "letters"]),
        ("both", ["digits", "letters"]),
    ],
)
def test_what_is_taught(teach: str, names: list[str]) -> None:
    section = RunConfig().override({"run.teach": teach}).run
    assert [subject.name for subject in section.subjects] == names
    assert (section.unlabelled, section.labelled) == ("digits" in names, "letters" in names)


@pytest.mark.parametrize(
    ("teach", "told"),
    [
        ("music", r"run\.teach='music': no subject 'music'; known: digits, folder, letters"),
        ("digits+digits", "names digits twice"),
        ("", "no subject ''"),
    ],
)
def test_what_nobody_can_teach_is_refused(teach: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig().override({"run.teach": teach})
