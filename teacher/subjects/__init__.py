"""Subjects: what simulated teachers teach. Importing this registers digits and letters."""

from teacher.subjects.contract import (
    Cursor,
    Subject,
    Taught,
    TeachingMachine,
    read_subjects,
    register_subject,
    settings_of,
    subject,
    subjects,
    unlabelled,
)
from teacher.subjects.digits import DIGITS
from teacher.subjects.letters import LETTERS

__all__ = [
    "DIGITS",
    "LETTERS",
    "Cursor",
    "Subject",
    "Taught",
    "TeachingMachine",
    "read_subjects",
    "register_subject",
    "settings_of",
    "subject",
    "subjects",
    "unlabelled",
]
