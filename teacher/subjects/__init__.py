"""Subjects: what simulated teachers teach. Importing this registers digits and letters."""

from teacher.subjects import digits, letters
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

__all__ = [
    "Cursor",
    "Subject",
    "Taught",
    "TeachingMachine",
    "digits",
    "letters",
    "read_subjects",
    "register_subject",
    "settings_of",
    "subject",
    "subjects",
    "unlabelled",
]
