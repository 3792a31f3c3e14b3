"""Settings: types, bounds, nesting, and command-line text."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from sensors.core.config import Config, parse, setting
from sensors.core.errors import ConfigError


@dataclass(frozen=True)
class Inner(Config):
    depth: int = setting(3, help="layers", low=1, high=9)


@dataclass(frozen=True)
class Outer(Config):
    count: int = setting(8, help="events", unit="events", low=1)
    rate: float = setting(0.5, help="learning rate", low=0, high=1)
    style: str = setting("hybrid", help="curriculum", choices=["hybrid", "classroom"])
    loud: bool = setting(False, help="say more")
    folder: str | None = setting(None, help="where")
    limit: int | None = setting(None, help="most", high=10)
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Other(Config):
    depth: int = setting(1, help="something else")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count=0: outside 1… events"),
        ({"count": 1.5}, "count=1.5: expected int"),
        ({"count": True}, "count=True: expected int"),
        ({"count": "8"}, "count='8': expected int"),
        ({"count": Inner()}, "count=.*expected int"),
        ({"rate": 1.01}, "rate=1.01: outside 0…1"),
        ({"rate": float("nan")}, "rate: not a number"),
        ({"rate": float("inf")}, "rate=inf: outside"),
        ({"style": "school"}, "style='school': choose one of hybrid, classroom"),
        ({"loud": 1}, "loud=1: expected bool"),
        ({"folder": 3}, "folder=3: expected str or NoneType"),
        ({"limit": 11}, "limit=11: outside …10"),
        ({"inner": {"depth": 2}}, "inner=.*expected Inner"),
        ({"inner": Other()}, "inner=.*expected Inner"),
    ],
)
def test_bad_values_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Outer(**changes)
    with pytest.raises(ConfigError, match=message):
        Outer().replace(**changes)


def test_an_integer_serves_as_a_float() -> None:
    rate = Outer(rate=1).rate
    assert rate == 1.0 and isinstance(rate, float)


def test_dict_round_trip_through_json() -> None:
    made = Outer(count=3, folder="x", limit=7, inner=Inner(depth=5))
    assert Outer.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert Outer.from_dict({}) == Outer()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 3}, "unknown setting cuont; known: count"),
        ({"inner": {"dpeth": 3}}, r"inner\.unknown setting dpeth; known: depth"),
        ({"inner": {"depth": 99}}, r"inner\.depth=99: outside 1…9"),
        ({"inner": 3}, "inner=3: expected a group of settings"),
    ],
)
def test_from_dict_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Outer.from_dict(values)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "12", 12),
        ("rate", "1e-1", 0.1),
        ("rate", "1", 1.0),
        ("style", "classroom", "classroom"),
        ("loud", "Yes", True),
        ("loud", "0", False),
        ("folder", "none", None),
        ("folder", "a b", "a b"),
        ("limit", "4", 4),
        ("limit", "None", None),
    ],
)
def test_parse(name: str, text: str, value: Any) -> None:
    found = parse(Outer, name, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("cuont", "1", "unknown setting 'cuont'; known: count"),
        ("count", "many", "count='many': expected int"),
        ("count", "0", "outside 1…"),
        ("count", "none", "expected int"),
        ("loud", "maybe", "loud='maybe': expected bool"),
        ("rate", "nan", "not a number"),
        ("limit", "11", "outside …10"),
        ("inner", "3", "inner is a group of settings; set one of inner.depth"),
    ],
)
def test_parse_refuses(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Outer, name, text)


@dataclass(frozen=True)
class Empty(Config):
    """Holds groups that have keys of their own."""


@dataclass(frozen=True)
class Holder(Config):
    count: int = setting(8, help="events")
    empty: Empty = field(default_factory=Empty)


def test_a_group_without_settings_is_no_setting() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'empty'; known: count$"):
        parse(Holder, "empty", "1")
