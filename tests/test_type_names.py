"""One name for one type: no two public classes of the program and its benchmarks share a name."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("sensors", "teacher", "replay", "agent", "page", "runtime", "benchmarks")


def classes(source: str) -> set[str]:
    """Names of the public classes that a module defines."""
    found = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)}
    return {name for name in found if not name.startswith("_")}


def test_no_two_classes_share_a_name() -> None:
    places = defaultdict(list)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for name in classes(path.read_text("utf-8")):
                places[name].append(str(path.relative_to(ROOT)))
    assert len(places) > 300
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
