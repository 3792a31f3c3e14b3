"""The documentation: generated parts are fresh, a run's files are described, the site builds without a warning."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from runtime.config.settings import LIVE_DEFAULTS
from runtime.run_folder.own_files import FILES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIG = DOCS / "site" / "mkdocs.yml"


def _reference() -> ModuleType:
    """The program that writes the generated parts, whatever other package may be called `docs`."""
    spec = importlib.util.spec_from_file_location("reference", DOCS / "site" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()


def test_no_generated_part_is_stale() -> None:
    pages = [str(page.relative_to(ROOT)) for page in REFERENCE.stale()]
    assert not pages, f"run .venv/bin/python docs/site/reference.py: {pages}"


def test_a_changed_page_is_stale_and_is_written_as_it_should_be(tmp_path: Path) -> None:
    page = tmp_path / "options.md"
    page.write_text("# Options\n\n<!-- generated: options -->\nstale text\n<!-- end -->\n\nby hand\n")
    text = REFERENCE.stale(tmp_path)[page]
    assert "`run.teach`" in text and "stale text" not in text and text.endswith("<!-- end -->\n\nby hand\n")
    page.write_text(text)
    assert not REFERENCE.stale(tmp_path)


def test_a_default_that_differs_in_live_runs_is_named() -> None:
    page = REFERENCE.filled("<!-- generated: settings -->\n<!-- end -->")
    for key, value in LIVE_DEFAULTS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{key}` |"))
        assert row.split(" | ")[2] == f"`{value}`", row
    assert "live default" not in page.partition("## teacher")[2].partition("## replay")[0]


def test_every_generated_part_stands_on_a_page() -> None:
    marked = [mark[1] for page in DOCS.rglob("*.md") for mark in REFERENCE.MARKED.findall(page.read_text())]
    assert sorted(marked) == sorted(REFERENCE.BLOCKS)


def test_a_cell_shows_what_markdown_would_take_for_its_own() -> None:
    assert "\\|" in REFERENCE.filled("<!-- generated: settings -->\n<!-- end -->")
    assert "<sense>" not in REFERENCE.filled("<!-- generated: settings -->\n<!-- end -->")


def test_every_file_that_a_run_may_hold_is_described() -> None:
    page = (DOCS / "reference" / "run-directory.md").read_text()
    for pattern in FILES:
        first, _, rest = pattern.partition("/")
        told = first.rstrip("*") if not rest else f"{first}/"
        assert f"`{told}" in page, pattern


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", CONFIG.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_changelog_and_citation_are_of_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert re.search(rf"^## \[?{re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    if importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocs") is None:
        pytest.skip("the extra docs is not installed: .venv/bin/pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(CONFIG), "-d", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "start" / "digits.html").is_file()
