"""A folder of things as datasets: scanned, matched, prepared, split, and told."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.senses import senses
from teacher.config import MOST_CONCEPTS
from teacher.datasets.core.report import printable
from teacher.datasets.core.samples import Samples, make_samples
from teacher.folder.content import hashes
from teacher.folder.divide import TEST, Division, divide, lacking
from teacher.folder.layout import CONCEPT, FILE, FOLDER, PARTS, SPOKEN, Left, left_lines, refused, some
from teacher.folder.names import Names, match
from teacher.folder.prepare import Rows, prepare
from teacher.folder.scan import File, scan
from teacher.folder.split import split

SMALL = 10_000
"""A dataset with fewer training samples gains from small moves."""


@dataclass(frozen=True)
class Things:
    """What a folder teaches.

    Attributes:
        concepts: names by label.
        datasets: sense -> its samples.
        lines: for people: concepts and senses, each sense's samples and split, and what was left out.
        fingerprint: hash of concepts and samples, 32 hex digits.
    """

    concepts: tuple[str, ...]
    datasets: Mapping[str, Samples]
    lines: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class _Listed:
    """The files of one sense: concept, file and, once they are read, hash of the content of each."""

    concepts: list[str]
    files: list[File]
    contents: list[str] = field(default_factory=list)


def find_senses(root: Path, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The senses that a folder teaches, in the order in which they were registered, by the names of files only.

    Raises:
        DataError: as in `load_things`, as far as names tell.
    """
    return tuple(_look(root, wanted)[1])


def find_concepts(root: Path, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The concepts that two senses or more meet, likewise."""
    names, listed, _ = _look(root, wanted)
    met = {concept for own in listed.values() for concept in own.concepts}
    return tuple(name for name in names.concepts if name in met)


def load_things(
    root: Path, part: str = TEST, wanted: Sequence[str] = (), show: bool = False, again: bool = True
) -> Things:
    """Read and prepare a folder.

    Args:
        root: the folder.
        part: what exams test on: 'test', or 'validation', which is val/ or a tenth of the training part.
        wanted: senses to take; None: all that are there.
        show: whether to show how far it is.
        again: whether to read files again that were left out for a reason that may have passed.

    Raises:
        DataError: there is no such folder, it has no known layout, names.csv is wrong, fewer than two concepts are met
            by two senses, or nothing of a sense can be taught.
    """
    names, looked, left = _look(root, wanted)
    listed = {sense: _arranged(sense, own, show) for sense, own in looked.items()}
    rows = {s: prepare(s, [file.path for file in own.files], own.contents, show, again) for s, own in listed.items()}
    for sense, own in listed.items():
        untaken = [file for file, taken in zip(own.files, rows[sense].taken, strict=True) if not taken]
        left += [
            Left(FILE, _told(root, file), reason) for file, reason in zip(untaken, rows[sense].reasons, strict=True)
        ]
    taken = {sense: _taken(own, rows[sense]) for sense, own in listed.items()}
    concepts, divided = _divide(root, names.concepts, taken, left, part)
    if lost := [sense for sense in listed if sense not in divided]:
        # The rest of the program was told by the names of the files that there is this sense.
        why = "; ".join((f"nothing of {some(lost)} can be taught", *left_lines(_count(rows), left)))
        raise refused(root, why, f"repair these files, or move the folder {lost[0]} away")
    datasets = {
        sense: _samples(root, taken[sense], rows[sense], concepts, division) for sense, division in divided.items()
    }
    lines = [
        f"{printable(root.name)}: {len(concepts):,} concepts ({some(list(concepts), 10)}) by {', '.join(datasets)}"
    ]
    lines += [f"{sense}: {samples.summary}" for sense, samples in datasets.items()]
    lines += left_lines(_count(rows), left)
    told = "\n".join((*concepts, *(f"{sense} {samples.fingerprint}" for sense, samples in datasets.items())))
    return Things(concepts, datasets, tuple(lines), hashlib.blake2b(told.encode(), digest_size=16).hexdigest())


def _look(root: Path, wanted: Sequence[str]) -> tuple[Names, dict[str, _Listed], list[Left]]:
    """What names alone tell: which concepts there are, each sense's files of them, and what is left out."""
    endings = {name: each.endings for name, each in senses().items() if each.load is not None}
    if unread := [name for name in wanted if name not in endings]:
        raise refused(root, f"{some(unread)} is not read from files", f"senses that are: {', '.join(endings)}")
    found = scan(root, endings)
    names = match(root, {sense: found.files[sense] for sense in endings if sense in found.files})
    ordered = {sense: found.files[sense] for sense in names.folders if sense in wanted or not wanted}
    left = [*found.left, *names.left]
    listed = {sense: _list(sense, own, names) for sense, own in ordered.items()}
    there = {sense: set(own.concepts) for sense, own in listed.items()}
    concepts = set(_met(root, names.concepts, there, left, sum(len(own.files) for own in listed.values())))
    taken = {}
    for sense, own in listed.items():
        pairs = [(c, f) for c, f in zip(own.concepts, own.files, strict=True) if c in concepts]
        if pairs:
            taken[sense] = _Listed([c for c, _ in pairs], [f for _, f in pairs])
        else:
            left.append(Left(FOLDER, sense, "that shares no concept with another sense"))
    return names, taken, left


def _list(sense: str, folders: Mapping[str, list[File]], names: Names) -> _Listed:
    """A sense's files by concept and name."""
    concepts = names.folders[sense]
    own = [(concepts[folder], file) for folder, files in folders.items() if folder in concepts for file in files]
    place = {concept: at for at, concept in enumerate(names.concepts)}
    own.sort(key=lambda pair: (place[pair[0]], pair[1].name, str(pair[1].path)))
    return _Listed([concept for concept, _ in own], [file for _, file in own])


def _arranged(sense: str, own: _Listed, show: bool) -> _Listed:
    """Files with their contents, those that train, validate and test one after the other.

    So each part is one piece of the cached array, unless a file turns out not to be readable, and every process that
    takes it shares its memory.
    """
    contents = hashes(sense, [file.path for file in own.files], show)
    parts = np.array([PARTS.index(file.part) for file in own.files])
    if not (parts == PARTS.index(TEST)).any():
        rows = np.flatnonzero(parts == 0)
        names = [file.name for file in own.files]
        mine, named, hashed = ([values[i] for i in rows.tolist()] for values in (own.concepts, names, contents))
        told = split(mine, named, hashed)
        parts[rows[told.test]] = PARTS.index(TEST)
    order = np.argsort(parts, kind="stable")
    return _Listed([own.concepts[i] for i in order], [own.files[i] for i in order], [contents[i] for i in order])


def _met(
    root: Path, names: Sequence[str], there: Mapping[str, set[str]], left: list[Left], files: int
) -> tuple[str, ...]:
    """The concepts that two senses or more meet, in the order of `names`; the others are told."""
    by: dict[str, list[str]] = defaultdict(list)
    for sense, concepts in there.items():
        for concept in concepts:
            by[concept].append(sense)
    met = tuple(name for name in names if len(by[name]) > 1)
    known = {name for kind, name, _ in left if kind == CONCEPT}
    for name in names:
        if len(by[name]) < 2 and name not in known:
            left.append(Left(CONCEPT, name, f"with {by[name][0]} alone" if by[name] else "without a file"))
    if len(met) > MOST_CONCEPTS:
        raise refused(
            root, f"{len(met):,} concepts; at most {MOST_CONCEPTS:,} can be told apart", "name a smaller folder"
        )
    if len(met) < 2:
        why = "no concept is" if not met else f"only {printable(met[0])} is"
        among = ", ".join(there) or "none"
        told = "; ".join((f"{why} met by two senses (senses there: {among})", *left_lines(files, left)))
        # Only a sense that has files tells the names of things to say.
        silent = any(there.values()) and not there.get(SPOKEN)
        raise refused(root, told, f"no sounds? --speak {printable(str(root))} has each name said" if silent else "")
    return met


def _taken(own: _Listed, rows: Rows) -> _Listed:
    """The files of which there are samples."""
    at = np.flatnonzero(rows.taken)
    return _Listed([own.concepts[i] for i in at], [own.files[i] for i in at], [own.contents[i] for i in at])


def _divide(
    root: Path, names: Sequence[str], taken: Mapping[str, _Listed], left: list[Left], exam: str
) -> tuple[tuple[str, ...], dict[str, Division]]:
    """The concepts that two senses or more can teach and examine, and how each sense's files of them are divided.

    Where a sense has too little of a concept, it does not teach this concept, which is told.
    """
    there = {sense: set(own.concepts) for sense, own in taken.items()}
    while True:
        concepts = _met(root, names, there, left, sum(len(own.files) for own in taken.values()))
        divided = {}
        too_little: list[tuple[str, str, str]] = []
        for sense, own in taken.items():
            usable = there[sense] & set(concepts)
            rows = np.flatnonzero([c in usable for c in own.concepts])
            if not len(rows):
                continue
            mine = [own.concepts[i] for i in rows]
            files = [own.files[i] for i in rows]
            contents = [own.contents[i] for i in rows]
            division = divide(mine, [f.name for f in files], contents, [f.part for f in files], exam)
            too_little += [(sense, concept, why) for concept, why in lacking(mine, division, exam).items()]
            train, test = np.zeros((2, len(own.files)), np.bool_)
            train[rows], test[rows] = division.train, division.test
            divided[sense] = replace(division, train=train, test=test)
        if not too_little:
            return concepts, divided
        for sense, concept, why in too_little:
            there[sense].discard(concept)
            left.append(Left(FOLDER, f"{sense}/{concept}", why))


def _samples(root: Path, own: _Listed, rows: Rows, concepts: tuple[str, ...], division: Division) -> Samples:
    """One sense's dataset."""
    number = {concept: label for label, concept in enumerate(concepts)}
    train, test = (
        (_piece(rows.samples, mask), np.array([number[own.concepts[i]] for i in np.flatnonzero(mask)], np.int64))
        for mask in (division.train, division.test)
    )
    return make_samples(
        printable(root.name), train, test, division.sentence, jitter=len(train[0]) < SMALL, notes=division.notes
    )


def _piece(samples: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """The samples of a mask, as a view where they lie in one piece: it then shares its memory with other processes."""
    at = np.flatnonzero(mask)
    if len(at) and at[-1] - at[0] + 1 == len(at):
        return samples[at[0] : at[-1] + 1]
    return samples[mask]


def _count(rows: Mapping[str, Rows]) -> int:
    return sum(int(own.taken.sum()) for own in rows.values())


def _told(root: Path, file: File) -> str:
    return str(file.path.relative_to(root))
