from typing import Any

import pytest

from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError


def test_override_reads_values_by_the_type_of_their_setting() -> None:
    config = RunConfig().override(
        {"run.minutes": "2.5", "run.steps": "none", "teacher.style": "classroom", "data.download": "yes"}
    )
    assert (config.run.minutes, config.run.steps) == (2.5, None)
    assert (config.teacher.style, config.data.download) == ("classroom", True)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("run.minutes", "soon", "run.minutes"),
        ("run.teachers", "0", "run.teachers"),
        ("teacher.style", "strict", "classroom"),
        ("nothing.here", "1", "nothing"),
        ("run.nothing", "1", "nothing"),
        ("run", "1", "section.field|group"),
        ("replay.min_size", "99999999", "replay.min_size"),
    ],
)
def test_a_wrong_override_names_its_fault(key: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig().override({key: text})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"learner.guides": "cluster", "learner.bank": "64", "learner.batch": "32", "learner.clusters": "33"},
            r"learner\.bank=64.*clusters=33",
        ),
        ({"learner.guides": "cluster", "learner.bank": "100"}, r"learner\.bank=100.*learner\.batch=128"),
        ({"learner.selector": "lesson", "learner.views": "7"}, r"learner\.batch=128.*learner\.views=7"),
        ({"learner.guides": "lesson", "learner.views": "7"}, r"learner\.batch=128.*learner\.views=7"),
        ({"replay.capacity": "400"}, r"learner\.min_events=512.*replay\.capacity=400"),
        ({"replay.capacity_single": "400"}, r"learner\.min_events=512.*replay\.capacity_single=400"),
        ({"replay.limiter_slack": "574"}, r"learner\.min_events=512.*replay\.limiter_slack"),
        ({"tdlft.min_pairs": "1025"}, r"tdlft\.min_pairs=1025.*replay\.capacity_labelled=1024"),
        ({"letters.unseen_share": "1", "letters.pairs_first": "59"}, r"tdlft\.min_pairs=60.*letters\.pairs_first=59"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(changes: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig().override(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"learner.views": "7"},
        {"learner.bank": "100", "learner.guides": "pair"},
        {"replay.capacity_single": "400", "teacher.style": "classroom"},
        {"replay.limiter_slack": "575"},
        {"replay.limiter_slack": "574", "replay.samples_per_insert": "0"},
        {"replay.limiter_slack": "1", "replay.min_size": "512"},
        {"letters.unseen_share": "1", "letters.pairs_first": "60"},
        {"tdlft.min_pairs": "1025", "run.teach": "digits"},
    ],
)
def test_settings_that_fit_are_kept(changes: dict[str, str]) -> None:
    RunConfig().override(changes)


def test_settings_survive_a_round_trip() -> None:
    config = RunConfig().override({"run.seed": "7", "replay.capacity": "4096"})
    assert RunConfig.from_dict(config.to_dict()) == config


def test_differences_name_only_what_changed() -> None:
    config = RunConfig()
    changed = config.override({"run.seed": "7"})
    assert changed.differences(config) == ["run.seed: 0 -> 7"]
    assert config.differences(config) == []


def test_a_run_that_perceives_has_defaults_of_its_own() -> None:
    live = RunConfig.of({"run.sensors": "live"})
    assert (live.run.teach, live.replay.samples_per_insert) == ("digits", 0.0)
    assert live.learner.min_events < RunConfig().learner.min_events
    assert RunConfig.of({"run.sensors": "live", "learner.min_events": "99"}).learner.min_events == 99
    assert RunConfig.of({}) == RunConfig.of({"run.sensors": "none"}) == RunConfig()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run.teach": "digits+letters", "page.port": "none"}, "labelled letters come from prompts"),
        ({"learner.modalities": "audio,image,audio_far"}, "do not give audio_far; they give audio, image"),
        ({"run.sensors": "session", "ingest.listen": "tcp://127.0.0.1:0"}, "cannot be combined with robots"),
    ],
)
def test_sensors_give_what_they_give(changes: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig.of({"run.sensors": "live"} | changes)


def test_things_and_scenes_are_learned_in_colour_unless_told_otherwise() -> None:
    def color(**changes: str) -> bool:
        values = RunConfig.of({"run.sensors": "live"} | {k.replace("_", ".", 1): v for k, v in changes.items()})
        return bool(values.to_dict()["image"]["color"])

    assert [color(sensors_view=name) for name in ("auto", "card", "thing", "whole")] == [False, False, True, True]
    assert not color(sensors_view="thing", image_color="false") and color(image_color="true")
    assert not RunConfig.of({"sensors.view": "thing"}).to_dict()["image"]["color"]
    with pytest.raises(ConfigError, match=r"sensors\.view='thin': choose one of auto, card, thing, whole"):
        color(sensors_view="thin")


def test_the_rig_gets_its_settings() -> None:
    config = RunConfig.of({"run.sensors": "live", "sensors.camera": "none", "live.queue": "9"})
    assert (config.rig.source, config.rig.sensors.camera, config.rig.live.queue) == ("live", None, 9)
    assert RunConfig.of({"run.sensors": "somewhere"}).rig.source == "somewhere"


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ({"learner": 3}, "learner=3: expected a group of settings"),
        ({"run": None}, "run=None: expected a group of settings"),
        ({"replay": []}, r"replay=\[\]: expected a group of settings"),
        ({"replay": {"capacity": "many"}}, r"replay\.capacity='many': expected int"),
        ({"learner": {"batch": None}}, r"learner\.batch=None: expected int"),
        ({"perception": {"views": {"hold": {}}}}, r"perception\.views\."),
        ({"run": {"tick": float("inf")}}, r"run\.tick=inf: outside"),
        ({"weather": {}}, "unknown section 'weather'; .* --plugin FILE.py"),
    ],
)
def test_saved_settings_of_a_wrong_kind_are_named(saved: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RunConfig.from_saved(saved)
