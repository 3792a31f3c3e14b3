"""Runs that perceive with browsers: what is used of this machine, which tables there are, and what examines them."""

from pathlib import Path

import pytest

from runtime.config.learning import kinds, learning
from runtime.config.settings import RunConfig
from runtime.config.teaching import with_exam
from sensors.core.errors import ConfigError, SourceError
from sensors.live.rig import check, make_sources
from sensors.live.rig_config import RigConfig

BROWSER = {"run.sensors": "browser"}


def test_browsers_alone_need_no_device_of_this_machine() -> None:
    config = RunConfig.of(BROWSER)
    assert config.rig.waits_for_browsers and make_sources(config.rig) == []
    check(config.rig)
    assert RunConfig.of({"run.sensors": "live"}).rig.browsers.most > 0


def test_browsers_need_the_page() -> None:
    for change in ({"page.port": "none"}, {"browsers.most": "0"}):
        with pytest.raises(ConfigError, match="--page none"):
            RunConfig.of(BROWSER | change)
    assert RunConfig.of({"run.sensors": "live", "page.port": "none"}).rig.browsers.most == 0
    with pytest.raises(SourceError, match="no device"):
        make_sources(RigConfig(source="browser", browsers=RigConfig().browsers.replace(most=0)))


def test_letters_come_from_prompts_where_there_is_a_page_that_shows_them() -> None:
    config = RunConfig.of(BROWSER | {"run.teach": "letters"})
    assert config.rig.letters
    assert kinds(config) == ["audio", "image", "audio+image", "speech+lips+letter", "speech+letter"]
    assert [one.name for one in learning(config).active] == ["smart", "tdlft"]
    assert not RunConfig.of(BROWSER).rig.letters
    for change in ({"run.sensors": "live", "page.port": "none"}, {"run.sensors": "/a/recording"}):
        with pytest.raises(ConfigError, match="labelled letters come from prompts"):
            RunConfig.of(change | {"run.teach": "letters"})


def test_an_exam_set_that_was_kept_examines_the_next_start(tmp_path: Path) -> None:
    config = RunConfig.of(BROWSER | {"browsers.exam": str(tmp_path), "run.teach": "digits+letters"})
    assert with_exam(config) == config
    (tmp_path / "image" / "three").mkdir(parents=True)
    examined = with_exam(config)
    assert examined.run.teach == "folder+letters"
    assert examined.data.folder == examined.monitor.judges == str(tmp_path)
    # Judges that the user names stay.
    named = config.override({"monitor.judges": "/others"})
    assert with_exam(named) == named
