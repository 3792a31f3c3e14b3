"""Which files of a folder are recordings of a dataset, by their names; other sound files are left out and counted."""

import re
from collections.abc import Iterable

KINDS = (".wav", ".flac")
"""Endings of the files that are read, in any capitals."""
_SOUND = re.compile(r"\.(aac|aiff?|amr|au|caf|m4a|mp[34]|og[ag]|opus|raw|snd|sph|voc|w64|webm|wma)", re.IGNORECASE)


def sort_out(
    names: Iterable[str], pattern: re.Pattern[str], form: str
) -> tuple[list[re.Match[str]], list[tuple[str, str]]]:
    """Tell recordings from what is left out.

    Hidden files, and those that are neither sound nor named as recordings are, are neither: such as a README.

    Args:
        names: of files, sorted.
        pattern: of a recording's whole name.
        form: the same for people, such as '<digit>_<speaker>_<n>'.

    Returns:
        Matches of the recordings; name and reason of each that is left out. Both in the order of `names`.
    """
    taken: list[re.Match[str]] = []
    left: list[tuple[str, str]] = []
    for name in names:
        if name.startswith("."):
            continue
        if match := pattern.fullmatch(name):
            taken.append(match)
            continue
        stem, dot, ending = name.rpartition(".")
        if dot + ending.lower() in KINDS:
            left.append((name, f"not named {form}"))
        elif _SOUND.fullmatch(dot + ending) or pattern.fullmatch((stem or name) + KINDS[0]):
            left.append((name, f"not {' or '.join(KINDS)}"))
    return taken, left
