from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from teacher.folder.split import speakers, split

THINGS = ("cup", "mug", "pan")


def flat(names: list[str], things: tuple[str, ...] = THINGS) -> tuple[list[str], list[str], list[str]]:
    concepts = [thing for thing in things for _ in names]
    files = [name.replace("{thing}", thing) for thing in things for name in names]
    return concepts, files, [f"{concept}/{name}" for concept, name in zip(concepts, files, strict=True)]


@pytest.mark.parametrize(
    "name", ["{person}_{n}.wav", "{person}-{n}.wav", "{thing}_{person}_{n}.wav", "{n}/0_{person}_{n}.flac"]
)
def test_people_whom_names_tell_are_kept_apart(name: str) -> None:
    people = ("anna", "bob", "Cleo", "dan", "eve", "finn")
    names = [name.replace("{person}", person).replace("{n}", str(n)) for person in people for n in range(4)]
    concepts, files, contents = flat(names)
    told = split(concepts, files, contents)
    found = speakers(concepts, files)
    assert found is not None and set(found) == {person.casefold() for person in people}
    testers = {p for p, test in zip(found, told.test, strict=True) if test}
    assert testers.isdisjoint(p for p, test in zip(found, told.test, strict=True) if not test)
    assert told.sentence == "split by speaker, as the names tell them: 2 of 6 test, none in both"
    assert {c for c, test in zip(concepts, told.test, strict=True) if test} == set(THINGS)


def test_speech_commands_names_tell_speakers_whoever_says_what() -> None:
    concepts = [thing for thing in THINGS for _ in range(40)]
    names = [f"{(7 * n + 3 * len(thing)) % 61:08x}_nohash_{n % 3}.flac" for thing in THINGS for n in range(40)]
    told = split(concepts, names, names)
    speaker = [name.partition("_")[0] for name in names]
    apart = {s for s, t in zip(speaker, told.test, strict=True) if t}
    assert apart.isdisjoint(s for s, t in zip(speaker, told.test, strict=True) if not t)
    assert "by speaker" in told.sentence and 0.15 < told.test.mean() <= 0.4


@pytest.mark.parametrize(
    "names",
    [
        [f"{n:04}.jpg" for n in range(20)],
        [f"IMG_{n:04}.jpg" for n in range(20)],
        [f"IMG_20260101_{n:06}.jpg" for n in range(20)],
        [f"{{thing}}_{n}.jpg" for n in range(20)],
        [f"{{thing}} ({n}).jpg" for n in range(20)],
        ["a.jpg", "b.jpg", *(f"{n}.jpg" for n in range(18))],
    ],
)
def test_names_that_tell_nobody_are_split_by_file(names: list[str]) -> None:
    concepts, files, contents = flat(names)
    assert speakers(concepts, files) is None
    told = split(concepts, files, contents)
    assert told.sentence == "split by file, a fifth of each concept tests (the names tell no speakers)"
    assert Counter(c for c, test in zip(concepts, told.test, strict=True) if test) == dict.fromkeys(THINGS, 4)


def parts_of(people: list[str], test: Sequence[bool]) -> tuple[set[str], set[str]]:
    """Who tests, and who trains."""
    return tuple({p for p, t in zip(people, test, strict=True) if p and t == part} for part in (True, False))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["{p}_{n}.wav", "{thing}_{p}_{n}.wav", "7_{p}_{n}.wav", "{p}_nohash_{n}.wav"])
@pytest.mark.parametrize("odd", ["extra.wav", "extra_1.wav", "20260101_120000.wav"])
def test_a_file_of_another_name_does_not_mix_the_speakers(name: str, odd: str) -> None:
    names = [name.replace("{p}", f"p{p}").replace("{n}", str(n)) for p in "abcdefghij" for n in range(4)]
    concepts, files, contents = flat(names)
    told = split([*concepts, "cup"], [*files, odd], [*contents, "odd"])
    people = [f"p{p}" for _ in THINGS for p in "abcdefghij" for _ in range(4)]
    testers, trainers = parts_of([*people, ""], told.test.tolist())
    assert testers and testers.isdisjoint(trainers)
    assert "by speaker" in told.sentence
    if odd != "extra_1.wav":
        assert told.sentence.endswith(" test, none in both; 1 whose names tell no speaker train") and not told.test[-1]


def test_datasets_with_names_of_two_kinds_may_lie_in_one_folder() -> None:
    concepts, files, people = [], [], []
    for digit, thing in enumerate(THINGS):
        for n in range(20):
            for p in range(5):
                concepts += [thing, thing]
                files += [f"{digit}_p{p}_{n}.wav", f"{p:08x}_nohash_{n}.wav"]
                people += [f"p{p}", f"{p:08x}"]
    told = split(concepts, files, files)
    testers, trainers = parts_of(people, told.test.tolist())
    assert len(testers | trainers) == 10 and testers.isdisjoint(trainers) and "by speaker" in told.sentence


def test_folders_of_people_keep_them_apart() -> None:
    names = [f"{p}/{n}.wav" for p in ("anna", "bob", "cleo", "dan", "eve") for n in range(4)]
    concepts, files, contents = flat(names)
    told = split(concepts, files, contents)
    testers, trainers = parts_of([f.partition("/")[0] for f in files], told.test.tolist())
    assert testers and testers.isdisjoint(trainers)
    assert told.sentence == "split by speaker, as the names tell them: 1 of 5 test, none in both"


def test_it_is_told_how_many_names_tell_a_speaker() -> None:
    names = [f"{p}_{n}.wav" for p in ("anna", "bob", "cleo", "dan") for n in range(3)] + ["1.wav", "2.wav"]
    told = split(*flat(names))
    assert told.sentence.endswith("(only 36 of 42 names tell a speaker)")


def test_a_share_may_be_given() -> None:
    told = split(*flat([f"{n}.jpg" for n in range(20)]), share=0.1)
    assert told.test.sum() == 6 and "a tenth of each concept" in told.sentence


def test_makes_and_kinds_are_nobody() -> None:
    concepts = ["apple"] * 6 + ["milk"] * 6 + ["yoghurt"] * 6
    names = [f"{kind}_{n}.jpg" for kind in ("Gala", "Smith") for n in range(3)]
    names += [f"{make}-{kind}_{n}.jpg" for kind in ("x", "y") for make in ("Arla", "Garant") for n in range(3)]
    assert speakers(concepts, names) is None


def test_two_people_are_too_few_to_be_kept_apart() -> None:
    concepts, files, contents = flat([f"{person}_{n}.wav" for person in ("anna", "bob") for n in range(10)])
    told = split(concepts, files, contents)
    assert told.sentence.endswith("(too few speakers to keep them apart)")
    assert told.test.sum() == 12


def test_a_split_does_not_depend_on_the_order_of_the_files() -> None:
    concepts, files, contents = flat([f"{n}.png" for n in range(11)])
    told = split(concepts, files, contents)
    order = np.random.default_rng(0).permutation(len(files))
    again = split([concepts[i] for i in order], [files[i] for i in order], [contents[i] for i in order])
    assert (again.test == told.test[order]).all()


def test_copies_of_a_file_are_in_one_part() -> None:
    concepts = ["cup"] * 20
    contents = [str(n // 2) for n in range(20)]
    told = split(concepts, [f"{n}.png" for n in range(20)], contents)
    parts = {
        content: {bool(t) for c, t in zip(contents, told.test, strict=True) if c == content} for content in contents
    }
    assert all(len(part) == 1 for part in parts.values()) and told.test.sum() == 4


def test_a_concept_of_one_file_trains_alone() -> None:
    told = split(["cup", "cup", "mug"], ["1.png", "2.png", "1.png"], ["a", "b", "c"])
    assert told.test.tolist().count(True) == 1 and not told.test[2]
