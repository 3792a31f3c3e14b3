"""How the files of one sense are told into training and test: by person where their names tell one, else by file.

A name tells a person as `<person>_nohash_<n>` does, or by its first word where more follow: `anna_03`, and
`mug_anna_03` in the folder mug, as words that all names of a concept begin with tell nobody apart. Such words count as
people only where all names have one, they have letters, and each is met with half of the concepts or more: makes and
kinds are not, people who speak all words are.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2
"""Share of a concept's files that tests, at least one."""
MOST_TEST_SHARE = 0.4
"""Where keeping people apart would take more than this of the files for the test, they are not kept apart."""
_WORDS = re.compile(r"[_\-\s.]+")
_NOHASH = re.compile(r"(.+)_nohash_\d+")


@dataclass(frozen=True)
class Split:
    """Which files test.

    Attributes:
        test: (N,) mask.
        sentence: how training and test were told apart.
    """

    test: NDArray[np.bool_]
    sentence: str


def split(concepts: Sequence[str], names: Sequence[str], contents: Sequence[str]) -> Split:
    """Tell test files from training ones; the same for the same names, in whatever order they come.

    Args:
        concepts: of each file.
        names: path of each from its concept's folder; unlike within a concept.
        contents: hash of each file's content: copies of one file go into the same part.

    Returns:
        A split with each concept in both parts, where it has two different files or more; others train.
    """
    people = speakers(concepts, names)
    if people is not None:
        test = _by_group(concepts, people)
        if test is not None:
            told = len(set(people)), len({p for p, t in zip(people, test, strict=True) if t})
            return Split(
                test, f"split by speaker, as the names tell them: {told[1]:,} of {told[0]:,} test, none in both"
            )
    why = "too few speakers to keep them apart" if people is not None else "the names tell no speakers"
    return Split(_by_file(concepts, names, contents), f"split by file, a fifth of each concept tests ({why})")


def speakers(concepts: Sequence[str], names: Sequence[str]) -> list[str] | None:
    """Who speaks in each file, where the names tell it by the rule above; else None."""
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in names]
    matches = [_NOHASH.fullmatch(stem) for stem in stems]
    if stems and all(matches):
        return [match[1] for match in matches if match]
    words = [_WORDS.split(stem) for stem in stems]
    by_concept: dict[str, list[int]] = defaultdict(list)
    for at, concept in enumerate(concepts):
        by_concept[concept].append(at)
    found = [""] * len(names)
    for concept, rows in by_concept.items():
        skipped = _shared(concept, [words[at] for at in rows])
        for at in rows:
            own = words[at][skipped:]
            if len(own) < 2 or not re.search(r"[^\W\d]", own[0]):
                return None
            found[at] = own[0].casefold()
    met: dict[str, set[str]] = defaultdict(set)
    for concept, person in zip(concepts, found, strict=True):
        met[person].add(concept)
    everywhere = all(len(their) >= max(2, len(by_concept) / 2) for their in met.values())
    return found if len(met) > 1 and everywhere else None


def _shared(concept: str, words: list[list[str]]) -> int:
    """How many words all names of a concept begin with, or its own name."""
    own = len(_WORDS.split(concept))
    if all([w.casefold() for w in name[:own]] == _WORDS.split(concept.casefold()) for name in words):
        return own
    if len(words) < 2:
        return 0
    shared = 0
    while all(len(name) > shared + 1 and name[shared] == words[0][shared] for name in words):
        shared += 1
    return shared


def _by_group(concepts: Sequence[str], people: Sequence[str]) -> NDArray[np.bool_] | None:
    """Whole people test, until each concept has a fifth of its files there; None where that takes too many."""
    rows: dict[str, list[int]] = defaultdict(list)
    wanted: dict[str, int] = defaultdict(int)
    for at, (concept, person) in enumerate(zip(concepts, people, strict=True)):
        rows[person].append(at)
        wanted[concept] += 1
    total = dict(wanted)
    wanted = defaultdict(int, {concept: max(1, round(TEST_SHARE * size)) for concept, size in wanted.items()})
    test = np.zeros(len(concepts), np.bool_)
    tested: dict[str, int] = defaultdict(int)
    for person in sorted(rows, key=_order):
        if all(tested[concept] >= size for concept, size in wanted.items()):
            break
        # Somebody who says only what is tested enough already trains.
        if any(tested[concepts[at]] < wanted[concepts[at]] for at in rows[person]):
            test[rows[person]] = True
            for at in rows[person]:
                tested[concepts[at]] += 1
    both = all(0 < tested[concept] < size for concept, size in total.items())
    return test if both and test.mean() <= MOST_TEST_SHARE else None


def _by_file(concepts: Sequence[str], names: Sequence[str], contents: Sequence[str]) -> NDArray[np.bool_]:
    rows: Mapping[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, (concept, content) in enumerate(zip(concepts, contents, strict=True)):
        rows[concept][content].append(at)
    test = np.zeros(len(concepts), np.bool_)
    for concept, alike in rows.items():
        size = sum(map(len, alike.values()))
        wanted = min(max(1, round(TEST_SHARE * size)), size)
        taken = 0
        first = {content: min(names[at] for at in copies) for content, copies in alike.items()}
        order = sorted(alike, key=lambda content: _order(f"{concept}/{first[content]}"))
        for content in order[: len(order) - 1]:
            if taken >= wanted:
                break
            test[alike[content]] = True
            taken += len(alike[content])
    return test


def _order(name: str) -> bytes:
    """A place in an order that has nothing to do with the name's own."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
