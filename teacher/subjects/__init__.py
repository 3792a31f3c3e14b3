"""Subjects: what simulated teachers teach. Importing this registers digits, letters and folder."""

from teacher.subjects.contract import (
    Cursor,
    Subject,
    Taught,
    TeachingMachine,
    read_subjects,
    register_subject,
    settings_kind,
    settings_of,
    subject,
    subjects,
    unlabelled,
)
from teacher.subjects.digits import DIGITS
from teacher.subjects.folder import FOLDER
from teacher.subjects.letters import LETTERS

__all__ = [
    "DIGITS",
    "FOLDER",
    "LETTERS",
    "Cursor",
    "Subject",
    "Taught",
    "TeachingMachine",
    "read_subjects",
    "register_subject",
    "settings_kind",
    "settings_of",
    "subject",
    "subjects",
    "unlabelled",
]
