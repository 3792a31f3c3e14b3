"""Nothing but a sense itself knows what it is: no room decides anything by a sense's name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.rooms import HOME, ROOMS
from sensors.senses import senses

OWN = ("sensors/senses/", "teacher/subjects/")
"""Where a sense, and a subject, says what it is of."""
TDLFT = (
    "agent/labelled_rows.py",
    "agent/lip_exam.py",
    "teacher/letters.py",
    "teacher/datasets/",
)
"""Parts that are of certain senses by what they are for: lip reading, and datasets of sounds or of pictures."""


def decisions(source: str) -> Iterator[tuple[int, str]]:
    """Lines in which something is decided by a sense's name: comparisons, `in`, `match`, and tables of functions."""
    names = set(senses())

    def named(node: ast.AST) -> set[str]:
        return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value in names}

    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.expr, ast.pattern)):
            continue
        found: set[str] = set()
        if isinstance(node, (ast.Compare, ast.MatchValue)):
            found = named(node)
        elif isinstance(node, ast.Dict):
            # A table from senses to functions or classes is a comparison in disguise.
            keys = [k for k, v in zip(node.keys, node.values, strict=True) if isinstance(v, (ast.Name, ast.Lambda))]
            found = {name for key in keys if key is not None for name in named(key)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found = named(node) if node.func.attr in ("startswith", "endswith") else set()
        if found:
            yield node.lineno, min(found)


@pytest.mark.parametrize("room", [*ROOMS, "launch.py"])
def test_no_room_decides_by_a_sense_s_name(room: str) -> None:
    place = HOME / room
    told = [
        f"{path.relative_to(HOME)}:{line}: {name!r}"
        for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))
        if not str(path.relative_to(HOME)).startswith((*OWN, *TDLFT))
        for line, name in decisions(path.read_text())
    ]
    assert told == [], "ask the sense, or have it say"


@pytest.mark.parametrize(
    "source",
    [
        "x = name == 'audio'",
        "if 'image' in names: pass",
        "assert names != {'audio', 'image'}",
        "match name:\n    case 'lips': pass",
        "draw = {'audio': wave, 'image': picture}[name]",
        "name.startswith('audio')",
    ],
)
def test_a_decision_is_found(source: str) -> None:
    assert len(list(decisions(source))) == 1


def test_what_only_names_a_sense_is_none() -> None:
    assert (
        list(decisions("learn(('audio', 'image')); shape = modality('image').shape; s = {'audio': batch.samples}"))
        == []
    )


def test_the_search_covers_the_senses_themselves() -> None:
    assert all((Path(HOME) / place).exists() for place in (OWN[0], *TDLFT))
