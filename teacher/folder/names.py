"""Which folders of the senses are of one concept: by their own names, or by the rows of names.csv.

    concept,image,audio
    mug,cups,mug|cup
    pan,pans,

A column is a sense's. A cell names the folders of that sense, several with '|' between them. Where it is empty, that
sense does not meet the concept. A sense without a column has folders that are named as the concepts are.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sensors.system.files import read_regular
from teacher.folder.layout import FOLDER, NAMES, Left, refused, some
from teacher.folder.scan import composed

LARGEST = 16 << 20
"""Most bytes of names.csv."""
_FIX = (
    "its first line is concept,image,audio: a column of concepts, and one for each sense with the names of its folders"
)


@dataclass(frozen=True)
class Names:
    """Which folder belongs to which concept.

    Attributes:
        concepts: in the order in which they are numbered.
        folders: sense -> folder -> the concept that its files are of.
        left: the folders that are of none.
    """

    concepts: tuple[str, ...]
    folders: Mapping[str, Mapping[str, str]]
    left: tuple[Left, ...] = ()


def match(root: Path, there: Mapping[str, Iterable[str]]) -> Names:
    """Bring the folders of all senses together.

    Args:
        root: the folder of things; its names.csv is read if there is one.
        there: sense -> names of its folders, composed.

    Raises:
        DataError: names.csv cannot be read, has a column that is no sense's, a line with too many or too few cells, a
            concept or folder twice, or names a folder that is not there.
    """
    folders = {sense: sorted(names) for sense, names in there.items()}
    if (root / NAMES).exists() or (root / NAMES).is_symlink():
        return _by_rows(root, folders)
    return _by_folders(folders)


def _by_folders(there: Mapping[str, list[str]]) -> Names:
    """Folders of one name are of one concept.

    Capitals do not matter, unless one sense has folders that nothing but capitals tells apart.
    """
    distinct: set[str] = set()
    for names in there.values():
        folded = [name.casefold() for name in names]
        distinct |= {name for name in folded if folded.count(name) > 1} if len(set(folded)) < len(folded) else set()
    spelled: dict[str, str] = {}
    for names in there.values():
        for name in names:
            folded_name = name.casefold()
            spelled.setdefault(name if folded_name in distinct else folded_name, name)
    keys = {
        name: name if name.casefold() in distinct else name.casefold() for names in there.values() for name in names
    }
    concepts = sorted(spelled.values(), key=lambda name: (name.casefold(), name))
    return Names(tuple(concepts), {s: {name: spelled[keys[name]] for name in names} for s, names in there.items()})


def _by_rows(root: Path, there: Mapping[str, list[str]]) -> Names:
    path = root / NAMES
    rows = _read(root, path)
    header, *body = rows or [(1, [])]
    columns = [cell.casefold() for cell in header[1]]
    unknown = [cell for cell in header[1][1:] if cell.casefold() not in there]
    if not columns or columns[0] != "concept":
        shown = ",".join(header[1])[:60]
        raise refused(root, f"{NAMES} begins with {shown!r} in place of concept,…", _FIX)
    if unknown:
        raise refused(
            root, f"{NAMES} has columns of no sense that is there: {some(unknown)} (there: {some(list(there))})", _FIX
        )
    if len(set(columns)) < len(columns):
        raise refused(root, f"{NAMES} has two columns of one name", _FIX)
    concepts: list[str] = []
    folders: dict[str, dict[str, str]] = {sense: {} for sense in there}
    for line, cells in body:
        if len(cells) != len(columns):
            raise refused(root, f"{NAMES}, line {line}: {len(cells)} cells, its first line has {len(columns)}", _FIX)
        concept = cells[0]
        if not concept or "/" in concept or not concept.isprintable():
            raise refused(root, f"{NAMES}, line {line}: {concept!r} is no concept's name", "give a name without '/'")
        if concept in concepts:
            raise refused(
                root,
                f"{NAMES}, line {line}: {concept} is there twice",
                "put all its folders into one row, with '|' between them",
            )
        concepts.append(concept)
        row = dict(zip(columns[1:], cells[1:], strict=True))
        for sense, names in there.items():
            for name in _cell(row[sense]) if sense in row else [n for n in names if n == concept]:
                found = _spelled(name, names)
                if found is None:
                    raise refused(
                        root, f"{NAMES}, line {line}: there is no folder {sense}/{name}", f"there are {some(names)}"
                    )
                if found in folders[sense]:
                    raise refused(
                        root,
                        f"{NAMES}, line {line}: {sense}/{found} is of {folders[sense][found]} already",
                        "name a folder once",
                    )
                folders[sense][found] = concept
    left = [
        Left(FOLDER, f"{sense}/{name}", f"that {NAMES} does not name")
        for sense, names in there.items()
        for name in names
        if name not in folders[sense]
    ]
    return Names(tuple(concepts), folders, tuple(left))


def _read(root: Path, path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of each row that is not empty, stripped and composed."""
    data = read_regular(path, LARGEST, "no list of names")
    try:
        text = data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, [composed(cell.strip()) for cell in row]) for row in reader]
    except UnicodeDecodeError:
        raise refused(root, f"{NAMES} is not UTF-8", "save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise refused(root, f"{NAMES} cannot be read as CSV ({error})", _FIX) from None
    return [(line, cells) for line, cells in rows if any(cells)]


def _cell(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split("|")) if name]


def _spelled(name: str, names: list[str]) -> str | None:
    """The folder that is meant: as spelled, else the only one in other capitals."""
    if name in names:
        return name
    alike = [other for other in names if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None
