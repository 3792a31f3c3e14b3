"""Write the generated parts of the reference pages from the program's own declarations.

    .venv/bin/python docs/site/reference.py            # rewrite the pages
    .venv/bin/python docs/site/reference.py --check    # only name the stale pages; exit code 1 if there are any

A page has its prose written by hand and marks where a generated part begins and ends:

    <!-- generated: settings -->
    …
    <!-- end -->

The text between the two marks is replaced. `BLOCKS` says which parts there are. `tests/test_site.py` fails when a page
is stale.
"""

import argparse
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agent.algorithms import contract as algorithm_contract
from runtime.command.cli import OPTIONS
from runtime.config.settings import LIVE_DEFAULTS, RunConfig
from runtime.config.settings_list import Setting, settings
from runtime.supervisor.reports.metrics import metrics
from sensors.core import event, modalities, wire
from sensors.files import contract as file_contract
from sensors.robots import link
from sensors.robots.remote_config import PublisherConfig
from sensors.senses import contract as sense_contract
from teacher.subjects import contract as subject_contract

DOCS = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def plain(text: str) -> str:
    """Text as Markdown shows it: `<`, `|` and `*` stand for themselves, but `code` stays as it is."""
    parts = re.split(r"(`[^`]*`)", text)
    shown = [p if p.startswith("`") else p.replace("<", "&lt;").replace("*", r"\*") for p in parts]
    return "".join(shown).replace("|", r"\|")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table of plain text and `code`."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([plain(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def described(setting: Setting, live: Iterable[str] = ()) -> tuple[str, ...]:
    """The row of one setting: key, default, its `live` default if there is such a column, what it may be, meaning."""
    default = "none" if setting.default is None else str(setting.default)
    if setting.kind == "bool":
        default = default.lower()
    limits = ", ".join(filter(None, (setting.kind, setting.allowed, setting.unit)))
    return f"`{setting.key}`", f"`{default}`" if default else "empty", *live, limits, setting.help


def sections(known: Iterable[Setting], level: str = "##", live: Mapping[str, str] = MappingProxyType({})) -> str:
    """One heading and table for each section of settings, with a column where `live` has other defaults of some."""
    grouped: dict[str, list[Setting]] = {}
    for setting in known:
        grouped.setdefault(setting.key.rpartition(".")[0], []).append(setting)
    parts = []
    for name, rows in grouped.items():
        differ = any(row.key in live for row in rows)
        head = ("setting", "default", *["live default"] * differ, "values", "meaning")
        cells = ([f"`{live[row.key]}`" if row.key in live else ""] * differ for row in rows)
        parts.append(f"{level} {name}\n\n{table(head, map(described, rows, cells))}")
    return "\n\n".join(parts)


def run_settings() -> str:
    """Every setting of a run."""
    return sections(settings(RunConfig), live=LIVE_DEFAULTS)


def robot_settings() -> str:
    """The settings that a robot has and a run has not."""
    return sections(settings(PublisherConfig, "publisher."), "###")


def options() -> str:
    """The options that stand for one setting each."""
    known = {setting.key: setting for setting in settings(RunConfig)}
    rows = [(f"`{flag}`", f"`{key}`", known[key].help) for group in OPTIONS.values() for flag, key in group.items()]
    return table(("option", "setting", "meaning"), rows)


def ray_metrics() -> str:
    """Every Ray metric, with the figure of `metrics.jsonl` that feeds it."""
    rows = [
        (
            f"`ray_{metric.name}`",
            f"`{metric.tag}`" if metric.tag else "",
            f"`{metric.prefix}…`" if metric.tag else f"`{metric.prefix}`",
            metric.help,
        )
        for metric in metrics()
    ]
    return table(("metric", "label", "figure", "meaning"), rows)


def constants(module: Any, names: Iterable[str]) -> str:
    """Module constants with their values and the docstrings that stand below them."""
    source = inspect.getsource(module)
    rows = []
    for name in names:
        found = re.search(rf'^{name}\b.*?=.*?\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL)
        meaning = " ".join(found[1].split()) if found else ""
        rows.append((f"`{module.__name__}.{name}`", f"{getattr(module, name)}", meaning))
    return table(("constant", "value", "meaning"), rows)


def quoted(module: Any) -> str:
    """A module's docstring below its first line, as it stands."""
    return f"```text\n{textwrap.dedent(inspect.cleandoc(module.__doc__)).partition(chr(10))[2].strip()}\n```"


def wire_batches() -> str:
    """The form of a batch: its frames, the columns that every batch has, and its limits."""
    times = table(("column", "type"), ((f"`{name}`", f"`{dtype}`") for name, dtype in wire._TIMES.items()))
    limits = constants(wire, ("VERSION", "MAX_BYTES", "MAX_HEADER", "MAX_COLUMNS"))
    names = constants(event, ("MAX_EVENTS", "MAX_NAME", "NO_LESSON"))
    return "\n\n".join((quoted(wire), times, limits, names))


def wire_senses() -> str:
    """The columns that samples have, under default settings."""
    rows = [
        (f"`{m.name}`", f"`{m.dtype.name}`", f"`{list(m.shape)}`", m.unit, m.layout)
        for m in (each.modality for each in sense_contract.senses().values())
    ]
    return table(("column", "type", "shape of one sample", "unit", "layout"), rows)


def wire_messages() -> str:
    """The messages between a robot and its host."""
    limits = constants(link, ("PROTOCOL", "UNDERSTOOD", "MAX_REASON", "MAX_TAKEN"))
    hello, welcome = (
        table(("field", "type"), ((f"`{name}`", kind.__name__) for name, kind in keys.items()))
        for keys in (link._HELLO_KEYS, link._WELCOME_KEYS)
    )
    parts = (quoted(link), limits, "`hello` is a msgpack map:", hello, "`welcome` is a msgpack map:", welcome)
    return "\n\n".join(parts)


def attributes(kind: type) -> list[tuple[str, str]]:
    """Names and meanings in the `Attributes:` part of a class's docstring."""
    text = inspect.cleandoc(kind.__doc__ or "")
    part = re.search(r"^Attributes:\n((?:[ ]+.*\n?|\n)*)", text, re.MULTILINE)
    found = re.findall(r"^(\w+): (.*(?:\n[ ]+.*)*)", textwrap.dedent(part[1]) if part else "", re.MULTILINE)
    return [(name, " ".join(meaning.split())) for name, meaning in found]


def methods(kind: type) -> list[tuple[str, str, str]]:
    """A class's own public methods and properties: how to call each, whether it must be there, the first sentence."""
    rows = []
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else member
        if (name.startswith("_") and name != "__init__") or not inspect.isfunction(function) or not function.__doc__:
            continue
        arguments = [each for each in inspect.signature(function).parameters if each != "self"]
        call = name if isinstance(member, property) else f"{name}({', '.join(arguments)})"
        abstract = getattr(member, "__isabstractmethod__", False) or getattr(kind, "_is_protocol", False)
        needed = "yes" if abstract else ""
        rows.append((call, needed, " ".join(inspect.cleandoc(function.__doc__).split("\n\n")[0].split())))
    return rows


def contract(kinds: Iterable[type]) -> str:
    """What the classes of one contract consist of."""
    parts = []
    for kind in kinds:
        text = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
        parts.append(f"### {kind.__name__}\n\n`{kind.__module__}.{kind.__qualname__}`: {text}")
        if fields := attributes(kind):
            parts.append(table(("attribute", "meaning"), ((f"`{name}`", meaning) for name, meaning in fields)))
        if calls := methods(kind):
            rows = ((f"`{call}`", needed, text) for call, needed, text in calls)
            parts.append(table(("method or property", "must be written", "meaning"), rows))
    return "\n\n".join(parts)


def sense_parts() -> str:
    """The contract of a sense."""
    names = ("Sense", "Stream", "Flaws", "Derived")
    return contract([*(getattr(sense_contract, name) for name in names), modalities.Modality])


def file_parts() -> str:
    """The contract of a reader of files."""
    return contract(getattr(file_contract, name) for name in ("FileReader", "Part", "OpenFile", "FileStream", "Report"))


def subject_parts() -> str:
    """The contract of a subject."""
    return contract(getattr(subject_contract, name) for name in ("Subject", "Taught", "TeachingMachine", "Cursor"))


def algorithm_parts() -> str:
    """The contract of a learning algorithm."""
    return contract(getattr(algorithm_contract, name) for name in ("Declaration", "Algorithm", "Setup"))


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": run_settings,
    "robot-settings": robot_settings,
    "options": options,
    "ray-metrics": ray_metrics,
    "wire-batches": wire_batches,
    "wire-senses": wire_senses,
    "wire-messages": wire_messages,
    "senses": sense_parts,
    "files": file_parts,
    "subjects": subject_parts,
    "algorithms": algorithm_parts,
}


def filled(text: str) -> str:
    """A page with each generated part as the program's declarations are now."""
    return MARKED.sub(lambda mark: f"{mark[1]}\n{BLOCKS[mark[2]]()}\n\n{mark[3]}", text)


def stale(docs: Path = DOCS) -> dict[Path, str]:
    """Pages whose generated parts differ from the program, with the text that they should have."""
    found = {}
    for page in sorted(docs.rglob("*.md")):
        text = page.read_text("utf-8")
        if (new := filled(text)) != text:
            found[page] = new
    return found


def main() -> int:
    """Rewrite, or with `--check` name, the pages that are stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if a page is stale")
    check = parser.parse_args().check
    pages = stale()
    for page, text in pages.items():
        print(f"{'stale' if check else 'rewritten'}: {page.relative_to(DOCS.parent)}")
        if not check:
            page.write_text(text, "utf-8")
    return int(check and bool(pages))


if __name__ == "__main__":
    sys.exit(main())
