"""Imports run one way between rooms, and between the rooms inside a room; no circle of modules; Ray in its places."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ORDER = (
    *("sensors.core", "sensors.system", "sensors.signals", "sensors.sources", "sensors.cameras", "sensors.files"),
    *("sensors.cutters", "sensors.senses", "sensors.given", "sensors.plugins", "sensors.perception", "sensors.robots"),
    *("sensors.browsers", "sensors.live"),
    *("sensors.remote", "sensors.actor"),
    *("teacher.config", "teacher.derived", "teacher.licences", "teacher.datasets.core", "teacher.datasets.preparation"),
    *("teacher.datasets.readers", "teacher.datasets.synthesis", "teacher.datasets"),
    *("teacher.folder", "teacher.subjects.contract"),
    *("teacher.curriculum", "teacher.machine", "teacher.letters", "teacher.subjects", "teacher.actor"),
    "replay",
    *("agent.config", "agent.hardware", "agent.checkpoints", "agent.events", "agent.networks", "agent.smart"),
    *("agent.tdlft", "agent.algorithms", "agent.inference", "agent.exams", "agent.monitors", "agent.answers"),
    *("agent.learned", "agent.export", "agent.learner", "agent.actor"),
    *("page.config", "page.access", "page.commands", "page.inference", "page.samples", "page.feed", "page.sharing"),
    *("page.context", "page.routes", "page.server", "page.actor"),
    *(
        "runtime.config",
        "runtime.trial",
        "runtime.run_folder",
        "runtime.reporting",
        "runtime.viewers",
        "runtime.command",
    ),
    *("runtime.supervisor.actors", "runtime.supervisor.roles", "runtime.supervisor.reports", "runtime.supervisor"),
    *("runtime.session", "launch", "runtime.package"),
    *("benchmarks.harness", "benchmarks.studies.main_job", "benchmarks.studies.live_learning"),
    "benchmarks.studies.live_things",
    *("benchmarks.studies.smart", "benchmarks.studies.streams", "benchmarks.studies.tdlft"),
    *("benchmarks.studies.things", "benchmarks.studies.hearing", "benchmarks.proofs", "benchmarks.speed"),
)
"""Rooms and modules: each imports nothing that stands after it. A module belongs to the longest name that fits."""

REGISTRIES = {
    ("sensors.core.modalities", "sensors.senses"),
    ("agent.algorithms", "agent.algorithms.smart"),
    ("agent.algorithms", "agent.algorithms.tdlft"),
    ("agent.algorithms", "agent.algorithms.contrastive"),
    ("runtime.command.entry", "runtime.command.entries"),
}
"""Registries that load their entries, which import the registry, inside a function."""

SUPERVISOR = "runtime.supervisor"
"""The one room that imports Ray, beside the modules named `actor`."""


@dataclass(frozen=True)
class Import:
    """One import: the module that imports, what it imports, and whether it does so when it is itself imported."""

    source: str
    target: str
    at_once: bool


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules() -> dict[str, Path]:
    """Name -> file of every module of the program and of the benchmarks."""
    rooms = ("sensors", "teacher", "replay", "agent", "page", "runtime", "benchmarks")
    files = [ROOT / "launch.py", *(path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))]
    return {name_of(path): path for path in files}


def imports_of(source: str, name: str, known: Mapping[str, Path], at_once: bool = True) -> Iterator[Import]:
    """The imports of a module: of modules that are known, and of Ray."""
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(source), at_once)]
    while waiting:
        node, now = waiting.pop()
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if typing or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            now = False
        targets = []
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{name}: a relative import"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [each if each in known else node.module for each in full]
        elif isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        for target in dict.fromkeys(targets):
            ray = target.partition(".")[0] == "ray"
            if ray or (target in known and target != name):
                yield Import(name, "ray" if ray else target, now)
        waiting += [(child, now) for child in ast.iter_child_nodes(node)]


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    known = modules()
    return [each for name, path in known.items() for each in imports_of(path.read_text(), name, known)]


def place(module: str) -> int | None:
    """Where a module stands in `ORDER`; none for the packages that hold rooms."""
    fitting = [room for room in ORDER if module == room or module.startswith(f"{room}.")]
    return ORDER.index(max(fitting, key=len)) if fitting else None


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Modules that reach each other, one list for each circle."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        found, waiting = set[str](), [start]
        while waiting:
            for target in graph.get(waiting.pop(), ()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        reached[start] = found
    rings = {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in graph if a in reached[a]}
    return [list(ring) for ring in sorted(rings)]


def test_every_module_has_its_place() -> None:
    packages = {"sensors", "teacher", "agent", "page", "runtime", "benchmarks", "benchmarks.studies"}
    assert {name for name in modules() if place(name) is None} == packages
    assert {room for room in ORDER if room not in modules() and room != "runtime.package"} == set()


def test_no_import_runs_back_up(imports: list[Import]) -> None:
    back = []
    for each in imports:
        source, target = place(each.source), place(each.target)
        if source is not None and target is not None and target > source:
            back.append((each.source, each.target))
    assert set(back) - REGISTRIES == set()


def test_no_imports_form_a_circle(imports: list[Import]) -> None:
    graph: dict[str, set[str]] = {}
    for each in imports:
        if (each.source, each.target) not in REGISTRIES:
            graph.setdefault(each.source, set()).add(each.target)
    assert circles(graph) == []


def test_registries_load_their_entries_when_they_are_asked(imports: list[Import]) -> None:
    found = {(each.source, each.target): each.at_once for each in imports}
    assert {pair: found[pair] for pair in REGISTRIES} == dict.fromkeys(REGISTRIES, False)


def test_ray_comes_with_actors_and_the_supervisor_alone(imports: list[Import]) -> None:
    def of_ray(module: str) -> bool:
        return module.endswith(".actor") or module == SUPERVISOR or module.startswith(f"{SUPERVISOR}.")

    product = [each for each in imports if not each.source.startswith("benchmarks")]
    assert {each.source for each in product if each.target == "ray" and not of_ray(each.source)} == set()
    # Nothing else imports those when it is itself imported, so nothing else brings Ray.
    bringing = {each.source for each in product if of_ray(each.target) and not of_ray(each.source)}
    assert bringing == {"runtime.session"}
    assert not [each for each in product if each.source in bringing and of_ray(each.target) and each.at_once]


def test_the_search_finds_what_it_looks_for() -> None:
    source = "import a.b\nfrom ray import get\ndef f():\n    from a import c\nif TYPE_CHECKING:\n    from d import e"
    known = dict.fromkeys(("a.b", "a.c", "d"), ROOT)
    found = {(each.target, each.at_once) for each in imports_of(source, "x", known)}
    assert found == {("a.b", True), ("ray", True), ("a.c", False), ("d", False)}
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
