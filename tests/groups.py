"""Which tests one process runs, where several share the tests."""

import functools
from pathlib import Path

ROOT = Path(__file__).parents[1]


def group_of(test: str) -> str:
    """The group of a test, which one process runs: `ray` for all files with tests that start Ray, else its file.

    Only one Ray runs at a time. What the tests of a file share is made once, not in each process.

    Args:
        test: pytest's id of it, as `tests/test_launch.py::test_clock`.
    """
    file = test.partition("::")[0]
    return "ray" if _starts_ray(file) else file


@functools.cache
def _starts_ray(file: str) -> bool:
    return "pytest.mark.ray" in (ROOT / file).read_text("utf-8")
