"""The corpus of spelled letters that the teacher of letters teaches and the monitor examines on."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from sensors.core.errors import DataError
from teacher.config import DataConfig
from teacher.datasets.choose import choose_letters, data_root, instead
from teacher.datasets.core.folds import Rows, five_folds, stratified_folds
from teacher.datasets.core.utterances import LETTERS, SEEN, UNSEEN, Utterances
from teacher.datasets.readers import avletters
from teacher.datasets.synthesis import spelled, synthetic

TEST_FOLD, VALIDATION_FOLD = 0, 0
"""Which of `five_folds` tests, and which fold of the training part is its validation part."""
VALIDATION_SPEAKER = 5
"""Every so many training speakers of a corpus without shared speakers validate."""
FOLD_SEED, VALIDATION_SEED = 0, 1
"""Constants: test and validation parts are the same in every run."""


@dataclass(frozen=True)
class LetterData:
    """Utterances of letters, split into training and test.

    Attributes:
        utterances: speech, lips, letters and speakers by row.
        train: (n,) int64, sorted row numbers.
        test: (m,) int64, sorted row numbers; shares none with `train`.
        split: how the two were told apart, one sentence.
        seen: labels of letters of which training may use lips.
        unseen: labels of letters of which training may use only speech.
        names: of letters, by label.
        instead: a line of its own, where these are embedded data in place of what a named directory lacks.
    """

    utterances: Utterances
    train: Rows
    test: Rows
    split: str
    seen: tuple[int, ...] = tuple(SEEN.tolist())
    unseen: tuple[int, ...] = tuple(UNSEEN.tolist())
    names: tuple[str, ...] = LETTERS
    instead: str = ""

    @property
    def summary(self) -> str:
        """One printable line: what it is, how much of it and how it was split."""
        return f"{self.utterances.summary}; {len(self.train):,} train, {len(self.test):,} test: {self.split}"


def load_letters(config: DataConfig) -> LetterData:
    """Load the corpus of letters that `config.letters` asks for.

    Args:
        config: which, where and which part to test on.

    Raises:
        DataError: the choice cannot be satisfied; the message names what was looked for and the fix.
    """
    choice = choose_letters(config)
    if choice.name == "avletters":
        data = _split_by_fold(avletters.load(data_root(config)))
    elif choice.lacks and not synthetic.available():
        raise DataError(
            f"no letters (auto: {choice.lacks});\n{synthetic.missing()}, give a --data DIR with avletters/, or leave "
            "letters away with --teach digits"
        )
    else:
        letters = spelled.load()
        data = _split_by_speaker(letters.noted(f"auto: {choice.lacks}") if choice.lacks else letters)
        data = dataclasses.replace(data, instead=instead(config, "letters", choice))
    return data if config.part == "test" else _validation(data)


def _split_by_fold(utterances: Utterances) -> LetterData:
    fold = five_folds(utterances, FOLD_SEED)[TEST_FOLD]
    return _frozen(LetterData(utterances, fold.train, fold.test, "a fifth of every letter tests; speakers are shared"))


def _split_by_speaker(utterances: Utterances) -> LetterData:
    tests = np.isin(utterances.speakers, [utterances.speaker_names.index(s) for s in spelled.TEST_SPEAKERS])
    people = f"{len(spelled.TRAIN_SPEAKERS)} voices and mouths train, {len(spelled.TEST_SPEAKERS)} others test"
    return _frozen(LetterData(utterances, np.flatnonzero(~tests), np.flatnonzero(tests), people))


def _validation(data: LetterData) -> LetterData:
    """Held out of training as the test part is: by speaker where it shares none with training, else by fold."""
    letters, speakers = data.utterances.letters[data.train], data.utterances.speakers[data.train]
    if np.isin(data.utterances.speakers[data.test], speakers).any():
        fold = stratified_folds(letters, speakers, VALIDATION_SEED)[VALIDATION_FOLD]
        rows, what = (data.train[fold.train], data.train[fold.test]), "of the training part"
    else:
        apart = np.isin(speakers, np.unique(speakers)[::VALIDATION_SPEAKER])
        rows, what = (data.train[~apart], data.train[apart]), "of the training voices and mouths"
    split = f"a fifth {what} validates, and the test part is left alone"
    return _frozen(dataclasses.replace(data, train=rows[0], test=rows[1], split=split))


def _frozen(data: LetterData) -> LetterData:
    for rows in (data.train, data.test):
        rows.setflags(write=False)
    return data
