"""Which kinds of event a teacher of several senses sends."""

from collections.abc import Sequence

from sensors.core.modalities import kind_of
from teacher.config import TeacherConfig


def senses_of(senses: Sequence[str], settings: TeacherConfig) -> tuple[str, ...]:
    """These senses, and those that the teacher derives from them, in registry order."""
    return tuple(kind_of({*senses, *settings.derives(senses)}).split("+"))


def kinds_of(senses: Sequence[str], settings: TeacherConfig) -> list[str]:
    """Each single sense, all senses together, and each sense together with the senses derived from it.

    Concepts that are met in some of three senses or more make kinds beside these; replay makes their tables when the
    first such event comes.
    """
    derived = settings.derives(senses)
    alone = [*senses, *derived]
    together = kind_of(alone)
    twice = [kind_of((of, name)) for name, of in derived.items()]
    return list(dict.fromkeys([*alone, together, *twice]))
