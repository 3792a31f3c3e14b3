"""Letters: speech, lips and the letter that is said, with labels; some letters are never seen on lips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensors.core.errors import ConfigError
from sensors.core.modalities import kind_of
from teacher.config import DataConfig, LettersConfig
from teacher.subjects.contract import Subject, Taught, TeachingMachine, register_subject

if TYPE_CHECKING:
    from teacher.datasets.choose import Choice
    from teacher.datasets.letters import LetterData


HEARD, SEEN, SAID = "speech", "lips", "letter"


@dataclass(frozen=True)
class TaughtLetters(Taught):
    """Letters have a corpus of whole utterances, whose rows hold all senses; their examiners take it from here.

    Attributes:
        corpus: the utterances, and which of them train and test.
    """

    corpus: "LetterData"


class Letters(Subject):
    """Spelled letters: heard, lip-read, and labelled."""

    name = "letters"
    about = "letters (heard, lip-read, labelled)"
    settings = "letters"
    labelled = True

    def senses(self, data: DataConfig, settings: LettersConfig) -> tuple[str, ...]:
        """Speech and lips."""
        return (HEARD, SEEN)

    def kinds(self, data: DataConfig, settings: LettersConfig) -> list[str]:
        """Pairs with their letter, and speech alone with its letter."""
        return [kind_of((HEARD, SEEN, SAID)), kind_of((HEARD, SAID))]

    def load(self, data: DataConfig) -> TaughtLetters:
        """The corpus that `data` asks for."""
        from teacher.datasets.letters import load_letters

        corpus = load_letters(data)
        # The corpus that is made here says so in its name: 'synthetic-letters' is what data.letters=synthetic chooses.
        choice = corpus.utterances.name.removesuffix("-letters")
        return TaughtLetters(
            name=self.name,
            concepts=corpus.names,
            datasets={},
            lines=(f"letters: {corpus.summary}", *filter(None, [corpus.instead])),
            choices={"letters": f"{choice}:{corpus.utterances.fingerprint}"},
            corpus=corpus,
        )

    def machine(self, taught: Taught, settings: Any, name: str, seed: int, generation: int) -> TeachingMachine:
        """A `LettersMachine` of the corpus."""
        from teacher.letters import LettersMachine

        if not isinstance(taught, TaughtLetters):
            raise ConfigError(f"letters: there is no corpus of letters in what {taught.name} loaded")
        return LettersMachine(settings, taught.corpus, name, seed, generation)

    def choose(self, data: DataConfig) -> "Mapping[str, Choice]":
        """The corpus."""
        from teacher.datasets.choose import choose_letters

        return {"letters": choose_letters(data)}

    def check(self, data: DataConfig, settings: Any, source: str = "") -> None:
        """The corpus' files are there and can be opened."""
        from teacher.datasets.check import check_files

        check_files(data, self.choose(data), source)

    def prepare(self, data: DataConfig) -> None:
        """Spell and draw the embedded letters, where this machine has never done so."""
        from teacher.datasets.choose import choose_letters
        from teacher.subjects.first_time import first_time

        if choose_letters(data).embedded:
            first_time("synthetic-letters", "spelling letters and drawing lips", lambda: self.load(data))


LETTERS = register_subject(Letters())
