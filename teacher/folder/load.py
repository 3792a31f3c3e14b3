"""A folder of things as datasets: scanned, matched, prepared, split, and told."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError
from sensors.senses import senses
from teacher.config import MOST_CONCEPTS
from teacher.datasets.report import printable
from teacher.datasets.samples import Samples, hold_out, make_samples
from teacher.folder.layout import CONCEPT, FILE, FOLDER, PARTS, Left, left_lines, refused, some
from teacher.folder.names import Names, match
from teacher.folder.prepare import Rows, hashes, prepare
from teacher.folder.scan import File, scan
from teacher.folder.split import split

VALIDATION_SEED = 1
"""A constant: the validation part is the same in every run."""
SMALL = 10_000
"""A dataset with fewer training samples gains from small moves."""
TEST, VALIDATION = "test", "validation"


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
    """The senses that a folder teaches, in the order in which they were registered, from names alone.

    Raises:
        DataError: as in `load_things`, as far as names tell.
    """
    return tuple(_look(root, wanted)[1])


def find_concepts(root: Path, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The concepts that two senses or more meet, likewise."""
    names, listed, _ = _look(root, wanted)
    met = {concept for own in listed.values() for concept in own.concepts}
    return tuple(name for name in names.concepts if name in met)


def load_things(root: Path, part: str = TEST, wanted: Sequence[str] = (), show: bool = False) -> Things:
    """Read and prepare a folder.

    Args:
        root: the folder.
        part: what exams test on: 'test', or 'validation', which is val/ or a tenth of the training part.
        wanted: senses to take; none: all that are there.
        show: whether to show how far it is.

    Raises:
        DataError: there is no such folder, it has no known layout, names.csv is wrong, fewer than two concepts are met
            by two senses, or a concept has nothing to train or to test on.
    """
    names, looked, left = _look(root, wanted)
    listed = {sense: _arranged(sense, own, show) for sense, own in looked.items()}
    rows = {s: prepare(s, [file.path for file in own.files], own.contents, show) for s, own in listed.items()}
    for sense, own in listed.items():
        untaken = [file for file, taken in zip(own.files, rows[sense].taken, strict=True) if not taken]
        left += [
            Left(FILE, _told(root, file), reason) for file, reason in zip(untaken, rows[sense].reasons, strict=True)
        ]
    trained = {
        sense: {
            concept
            for concept, file, taken in zip(own.concepts, own.files, rows[sense].taken, strict=True)
            if taken and file.part == "train"
        }
        for sense, own in listed.items()
    }
    concepts = _met(root, names.concepts, trained, left, _count(rows))
    datasets = {
        sense: _samples(root, sense, own, rows[sense], concepts, trained[sense], part)
        for sense, own in listed.items()
        if trained[sense] & set(concepts)
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
        told = split(*([values[i] for i in rows] for values in (own.concepts, [f.name for f in own.files], contents)))
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
        raise refused(root, told)
    return met


def _samples(
    root: Path,
    sense: str,
    own: _Listed,
    rows: Rows,
    concepts: tuple[str, ...],
    trained: set[str],
    part: str,
) -> Samples:
    """One sense's dataset."""
    labels_of = {concept: label for label, concept in enumerate(concepts) if concept in trained}
    at = np.flatnonzero(rows.taken)
    keep = np.array([own.concepts[i] in labels_of for i in at], np.bool_)
    at, samples = at[keep], rows.samples if keep.all() else rows.samples[keep]
    labels = np.array([labels_of[own.concepts[i]] for i in at], np.int64)
    parts = np.array([own.files[i].part for i in at])
    is_train, is_test = parts == "train", parts == "test"
    notes: list[str] = []
    if is_test.any():
        sentence = "train/ and test/ as given"
    else:
        chosen = np.flatnonzero(is_train)
        told = split(
            [own.concepts[at[i]] for i in chosen],
            [own.files[at[i]].name for i in chosen],
            [own.contents[at[i]] for i in chosen],
        )
        is_train[chosen[told.test]], is_test[chosen[told.test]] = False, True
        sentence = told.sentence
    given = parts == "val"
    if part == VALIDATION and given.any():
        is_test, sentence = given, "train/ and val/ as given"
    elif given.any():
        notes.append(f"{int(given.sum()):,} of val/ are kept for data.part=validation")
    copies = {own.contents[at[i]] for i in np.flatnonzero(is_train)} & {
        own.contents[at[i]] for i in np.flatnonzero(is_test)
    }
    if copies:
        notes.append(f"{len(copies):,} test files are copies of training files")
    for mask, what in ((is_train, "train"), (is_test, "val" if part == VALIDATION and given.any() else "test")):
        absent = sorted(set(labels_of.values()) - set(labels[mask].tolist()))
        if absent:
            raise _lacking(root, sense, what, [concepts[label] for label in absent], (parts == what).any())
    made = make_samples(
        printable(root.name),
        (_piece(samples, is_train), labels[is_train]),
        (_piece(samples, is_test), labels[is_test]),
        sentence,
        jitter=int(is_train.sum()) < SMALL,
        notes=tuple(notes),
    )
    if part == VALIDATION and not given.any():
        made = hold_out(made, max(1, len(made.train) // 10), VALIDATION_SEED, "speakers, or the like")
    return made


def _piece(samples: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """The samples of a mask, as a view where they lie in one piece: it then shares its memory with other processes."""
    at = np.flatnonzero(mask)
    if len(at) and at[-1] - at[0] + 1 == len(at):
        return samples[at[0] : at[-1] + 1]
    return samples[mask]


def _lacking(root: Path, sense: str, part: str, concepts: list[str], given: bool) -> DataError:
    what = {"train": "train on", "test": "test on", "val": "validate on"}[part]
    fix = f"put a file into {part}/{sense}/{concepts[0]}, or take its folder away"
    if not given:
        fix = f"each sense needs two files or more of a concept, as a fifth tests: add one to {sense}/{concepts[0]}"
    return refused(root, f"there is nothing to {what} for {sense} of {some(concepts)}", fix)


def _count(rows: Mapping[str, Rows]) -> int:
    return sum(int(own.taken.sum()) for own in rows.values())


def _told(root: Path, file: File) -> str:
    return str(file.path.relative_to(root))
