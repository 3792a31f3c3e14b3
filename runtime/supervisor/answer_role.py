"""What the one that answers is asked for, and what its answers mean."""

from collections.abc import Callable
from typing import Any

from runtime.board import Board
from runtime.settings import RunSection
from runtime.supervisor.crew import Member
from runtime.supervisor.roles import Ask, Role


class AnswerRole(Role):
    """Keeps its weights new and responds, in chunks; those who ask it something reach it beside that.

    Args:
        remark: shows a note.
    """

    def __init__(self, member: Member, board: Board, section: RunSection, remark: Callable[[str], None]) -> None:
        self._remark = remark
        super().__init__(member, board, section)

    def opening(self) -> list[Ask]:
        """Tell where responses go."""
        return [Ask("describe", patience=self.section.start_deadline)]

    def routine(self, now: float) -> Ask | None:
        """Answer."""
        return self._ask("run", self.section.chunk, expected=self.section.chunk)

    def hear(self, method: str, value: Any, now: float) -> None:
        """Figures, and what there is to say."""
        if method == "describe":
            self.board.facts[self.member.name] = list(value)
        if method != "run":
            return
        self.board.values |= value["figures"]
        if value["note"]:
            self._remark(value["note"])
