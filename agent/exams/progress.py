"""How far long work on an exam is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExamProgress:
    """How far one stage of an exam is.

    Attributes:
        text: for people, such as 'judged 500 of 3,000'.
        stage: name of the stage, by which its beginning is known.
        share: part of the stage that is done, 0…1; None where that is not known.
    """

    text: str
    stage: str = ""
    share: float | None = None
