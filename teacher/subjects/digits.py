"""Digits: handwriting that is shown, speech that is played, ten concepts, without labels."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teacher.config import CONCEPTS, DataConfig, TeacherConfig, missing_concepts
from teacher.subjects.contract import Subject, Taught, TeachingMachine, register_subject
from teacher.subjects.kinds import kinds_of, senses_of

if TYPE_CHECKING:
    from teacher.datasets.choose import Choice
    from teacher.datasets.core.samples import Samples

HEARD, SEEN = SENSES = ("audio", "image")


class Digits(Subject):
    """The ten digits: seen as handwriting, heard as spoken words."""

    name = "digits"
    about = "digits (heard and seen, without labels)"

    def senses(self, data: DataConfig, settings: TeacherConfig) -> tuple[str, ...]:
        """Sounds and images, and what the teacher derives from them."""
        return senses_of(SENSES, settings)

    def kinds(self, data: DataConfig, settings: TeacherConfig) -> list[str]:
        """Each single sense, all senses together, and sounds that are heard by two microphones."""
        return kinds_of(SENSES, settings)

    def load(self, data: DataConfig) -> Taught:
        """The images and the speech that `data` asks for."""
        from teacher.datasets.choose import load_images, load_speech

        return taught_digits(load_images(data), load_speech(data))

    def machine(self, taught: Taught, settings: Any, name: str, seed: int, generation: int) -> TeachingMachine:
        """A `Machine` of both senses."""
        from teacher.machine import Machine

        return Machine(settings, taught.datasets, taught.concepts, name, seed, generation)

    def choose(self, data: DataConfig) -> "Mapping[str, Choice]":
        """The images and the speech."""
        from teacher.datasets.choose import choose_images, choose_speech

        return {"images": choose_images(data), "speech": choose_speech(data)}

    def check(self, data: DataConfig, settings: Any, source: str = "") -> None:
        """The files are there and can be opened, and the concepts that the settings name exist."""
        from teacher.datasets.check import check_files

        missing_concepts(settings.missing, SENSES, CONCEPTS)
        check_files(data, self.choose(data), source)

    def fetch(self, data: DataConfig, source: str = "") -> None:
        """MNIST and speech, as `data` chooses."""
        from teacher.datasets.choose import fetch_missing

        fetch_missing(data, source)

    def prepare(self, data: DataConfig) -> None:
        """Speak the embedded digits, where this machine has never done so."""
        from teacher.datasets.choose import choose_speech, load_speech
        from teacher.subjects.first_time import first_time

        if choose_speech(data).embedded:
            first_time("synthetic", "speaking digits", lambda: load_speech(data))

    def teachers(self, count: int) -> list[str]:
        """Only numbers: digits' teachers were once the only ones, and events of earlier runs have such names."""
        return [f"teacher-{n}" for n in range(count)]


def taught_digits(images: "Samples", speech: "Samples") -> Taught:
    """The taught data, with these images and this speech."""
    used = {"images": images, "speech": speech}
    lines = [f"{kind}: {samples.summary}" for kind, samples in used.items()]
    lines += [samples.instead for samples in used.values() if samples.instead]
    return Taught(
        name=Digits.name,
        concepts=CONCEPTS,
        datasets={SEEN: images, HEARD: speech},
        lines=tuple(lines),
        choices={kind: f"{samples.name}:{samples.fingerprint}" for kind, samples in used.items()},
    )


DIGITS = register_subject(Digits())
