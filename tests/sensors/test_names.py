"""Nothing but a sense itself knows what it is: no room decides anything by a sense's name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.senses import senses
from sensors.system.rooms import HOME, ROOMS

OWN = ("sensors/senses/", "teacher/subjects/")
"""Where a sense, and a subject, says what it is of."""
TDLFT = (
    "agent/tdlft/labelled_rows.py",
    "agent/exams/lip_exam.py",
    "page/inference/lip_reader.py",
    "teacher/letters.py",
    "teacher/datasets/",
)
"""Parts that are of certain senses by what they are for: lip reading, and datasets of sounds or of pictures."""

FORMATS = ("sensors/files/lerobot.py",)
"""Readers of formats in which words that senses are named by mean kinds of data."""


def constants(tree: ast.AST) -> dict[str, set[str]]:
    """Names that stand for senses' names: variable -> the senses in the text, or the collection, it was set to."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        value = node.value
        if isinstance(value, ast.Call) and len(value.args) == 1:  # frozenset({…}), tuple([…])
            value = value.args[0]
        told = value.elts if isinstance(value, (ast.Tuple, ast.List, ast.Set)) else [value]
        names = {each.value for each in told if isinstance(each, ast.Constant)} & set(senses())
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if names and isinstance(target, ast.Name):
                found[target.id] = {str(name) for name in names}
    return found


def decisions(source: str) -> Iterator[tuple[int, str]]:
    """Lines in which something is decided by a sense's name.

    These are comparisons, `in`, `match`, tables of functions, and tables that are asked with a name. A sense's name
    counts also where it stands behind a variable of the same module.
    """
    names, tree = set(senses()), ast.parse(source)
    behind = constants(tree)

    def named(node: ast.AST) -> set[str]:
        told = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value in names}
        return told.union(*(behind.get(n.id, ()) for n in ast.walk(node) if isinstance(n, ast.Name)))

    def keys(node: ast.AST) -> set[str]:
        return set().union(*map(named, filter(None, node.keys))) if isinstance(node, ast.Dict) else set()

    tables: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and keys(node.value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    tables[target.id] = keys(node.value)

    def asked(table: ast.AST) -> set[str]:
        return tables.get(table.id, set()) if isinstance(table, ast.Name) else keys(table)

    for node in ast.walk(tree):
        if not isinstance(node, (ast.expr, ast.pattern)):
            continue
        found: set[str] = set()
        if isinstance(node, (ast.Compare, ast.MatchValue)):
            found = named(node)
        elif isinstance(node, ast.Dict):
            # A table from senses to functions or classes is a comparison in disguise.
            told = [k for k, v in zip(node.keys, node.values, strict=True) if isinstance(v, (ast.Name, ast.Lambda))]
            found = {name for key in told if key is not None for name in named(key)}
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            # So is any other table that is asked with a name: methods of modules, and what calls return.
            found = asked(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("startswith", "endswith"):
                found = named(node)
            elif node.func.attr == "get":
                found = asked(node.func.value)
        if found:
            yield node.lineno, min(found)


@pytest.mark.parametrize("room", [*ROOMS, "launch.py"])
def test_no_room_decides_by_a_sense_s_name(room: str) -> None:
    place = HOME / room
    told = [
        f"{path.relative_to(HOME)}:{line}: {name!r}"
        for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))
        if not str(path.relative_to(HOME)).startswith((*OWN, *TDLFT, *FORMATS))
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
        "draw = {'audio': heard.hear, 'image': seen.see}[name]",
        "draw = {'audio': make(hear)}.get(name)",
        "WAYS = {'audio': heard.hear}\ndef draw(name): return WAYS[name]",
        "WAYS: Ways = {'audio': heard.hear}\ndef draw(name): return WAYS.get(name)",
        "SOUND = 'audio'\nif name == SOUND: pass",
        "HEARD = frozenset({'audio', 'speech'})\nx = name in HEARD",
        "SOUND = 'audio'\nx = {SOUND: heard.hear}[name]",
    ],
)
def test_a_decision_is_found(source: str) -> None:
    assert len(set(decisions(source))) == 1


def test_what_only_names_a_sense_is_none() -> None:
    assert (
        list(decisions("learn(('audio', 'image')); shape = modality('image').shape; s = {'audio': batch.samples}"))
        == []
    )


def test_the_search_covers_the_senses_themselves() -> None:
    assert all((Path(HOME) / place).exists() for place in (OWN[0], *TDLFT))
