"""How the files of one sense are told into training and test: by person where their names tell one, else by file.

A name tells a person as `<person>_nohash_<n>` does, or by its first word where more follow: `anna_03`, and
`mug_anna_03` in the folder mug, as words that all names of a concept begin with tell nobody apart. Where such words
tell nobody, the folder in the concept's folder is taken: `anna/03`. A word counts as a person only if it has letters.
Most files of the sense must bear words that are met with half of the concepts or more: makes and kinds are not, people
who speak all words are. Few files of other names do not matter; they train.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2
"""Share of a concept's files that tests, at least one."""
TOLD_SHARE = 0.9
"""Share of the files that must tell a person, for people to be kept apart."""
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


def split(concepts: Sequence[str], names: Sequence[str], contents: Sequence[str], share: float = TEST_SHARE) -> Split:
    """Tell test files from training ones; the same for the same names, in whatever order they come.

    Args:
        concepts: of each file.
        names: path of each from its concept's folder; unlike within a concept.
        contents: hash of each file's content: copies of one file go into the same part.
        share: of a concept's files that tests.

    Returns:
        A split with each concept in both parts, where it has two different files or more; others train.
    """
    candidates = _candidates(concepts, names)
    found = [people for people, known in candidates if known >= TOLD_SHARE * len(people)]
    for people in found:
        test = _by_group(concepts, people, share)
        if test is not None:
            known = {p for p in people if p}, {p for p, t in zip(people, test, strict=True) if t}
            untold = people.count("")
            others = f"; {untold:,} whose names tell no speaker train" if untold else ""
            told = f"{len(known[1]):,} of {len(known[0]):,} test, none in both{others}"
            return Split(test, f"split by speaker, as the names tell them: {told}")
    few = max((known for _, known in candidates), default=0)
    none = f"only {few:,} of {len(names):,} names tell a speaker" if few else "the names tell no speakers"
    why = "too few speakers to keep them apart" if found else none
    part = {0.2: "a fifth", 0.1: "a tenth"}.get(share, f"{share:.0%}")
    return Split(_by_file(concepts, names, contents, share), f"split by file, {part} of each concept tests ({why})")


def speakers(concepts: Sequence[str], names: Sequence[str]) -> list[str] | None:
    """Who speaks in each file, where the names tell it by the rule above, and nothing for files of other names."""
    found = (people for people, known in _candidates(concepts, names) if known >= TOLD_SHARE * len(people))
    return next(found, None)


def _candidates(concepts: Sequence[str], names: Sequence[str]) -> list[tuple[list[str], int]]:
    """Who may speak in each file, by the words of the names and by folders, and how many files tell a person so."""
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in names]
    marked = [match[1] if (match := _NOHASH.fullmatch(stem)) else "" for stem in stems]
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    found = (_words(concepts, stems, marked), [_person(folder) for folder in folders])
    people = ([m or other for m, other in zip(marked, others, strict=True)] for others in found)
    candidates = [(each, _known(concepts, each, marked)) for each in people]
    return [(each, known) for each, known in candidates if known]


def _words(concepts: Sequence[str], stems: Sequence[str], marked: Sequence[str]) -> list[str]:
    """The first word of each name, after those that its concept's names share."""
    words = [_WORDS.split(stem) for stem in stems]
    by_concept: dict[str, list[int]] = defaultdict(list)
    for at, concept in enumerate(concepts):
        if not marked[at]:
            by_concept[concept].append(at)
    found = [""] * len(stems)
    for concept, rows in by_concept.items():
        several = [at for at in rows if len(words[at]) > 1]
        skipped = _shared(concept, [words[at] for at in several])
        for at, skip in zip(several, skipped, strict=True):
            own = words[at][skip:]
            found[at] = _person(own[0]) if len(own) > 1 else ""
    return found


def _person(word: str) -> str:
    return word.casefold() if re.search(r"[^\W\d]", word) else ""


def _known(concepts: Sequence[str], people: Sequence[str], marked: Sequence[str]) -> int:
    """How many files tell a person, by the concepts that each word is met with; None where there is one person."""
    met: dict[str, set[str]] = defaultdict(set)
    for concept, person in zip(concepts, people, strict=True):
        met[person].add(concept)
    enough = max(2, len(set(concepts)) / 2)
    known = [bool(m) or (bool(p) and len(met[p]) >= enough) for p, m in zip(people, marked, strict=True)]
    return sum(known) if len({p for p, k in zip(people, known, strict=True) if k}) > 1 else 0


def _shared(concept: str, words: list[list[str]]) -> list[int]:
    """How many words of each name tell nobody apart: its concept's own name, or those that all names begin with.

    For the concept's name and for numbers it is enough that most names begin with them.
    """
    own = _WORDS.split(concept.casefold())
    named = [[word.casefold() for word in name[: len(own)]] == own for name in words]
    if sum(named) >= TOLD_SHARE * len(words):
        return [len(own) if each else 0 for each in named]
    if len(words) < 2:
        return [0] * len(words)
    shared: list[str] = []
    while True:
        longer = [name[len(shared)] for name in words if name[: len(shared)] == shared and len(name) > len(shared) + 1]
        word, count = Counter(longer).most_common(1)[0] if longer else ("", 0)
        if not count or count < len(words) * (1 if _person(word) else TOLD_SHARE):
            return [len(shared) if name[: len(shared)] == shared else 0 for name in words]
        shared.append(word)


def _by_group(concepts: Sequence[str], people: Sequence[str], share: float) -> NDArray[np.bool_] | None:
    """Whole people test, until each concept has its share of files there; None where that takes too many."""
    rows: dict[str, list[int]] = defaultdict(list)
    wanted: dict[str, int] = defaultdict(int)
    for at, (concept, person) in enumerate(zip(concepts, people, strict=True)):
        if person:
            rows[person].append(at)
        wanted[concept] += 1
    total = dict(wanted)
    wanted = defaultdict(int, {concept: max(1, round(share * size)) for concept, size in wanted.items()})
    test = np.zeros(len(concepts), np.bool_)
    tested: dict[str, int] = defaultdict(int)
    for person in sorted(rows, key=_order):
        if all(tested[concept] >= size for concept, size in wanted.items()):
            break
        # A speaker of nothing but concepts that are tested enough already trains.
        if any(tested[concepts[at]] < wanted[concepts[at]] for at in rows[person]):
            test[rows[person]] = True
            for at in rows[person]:
                tested[concepts[at]] += 1
    both = all(0 < tested[concept] < size for concept, size in total.items())
    return test if both and test.mean() <= MOST_TEST_SHARE else None


def _by_file(concepts: Sequence[str], names: Sequence[str], contents: Sequence[str], share: float) -> NDArray[np.bool_]:
    rows: Mapping[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, (concept, content) in enumerate(zip(concepts, contents, strict=True)):
        rows[concept][content].append(at)
    test = np.zeros(len(concepts), np.bool_)
    for concept, alike in rows.items():
        size = sum(map(len, alike.values()))
        wanted = min(max(1, round(share * size)), size)
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
