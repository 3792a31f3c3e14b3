"""What the sensors are asked for, and what their answers mean."""

from collections.abc import Callable
from typing import Any, Self

from runtime.board import Board
from runtime.settings import RunSection
from runtime.supervisor.crew import Member
from runtime.supervisor.roles import Ask, TeacherRole, settle
from sensors.core.state import State

PARTING = 1.0
"""Seconds in which sensors that stop send what they have under way."""


class SensorRole(TeacherRole):
    """Perceives; its cursor is kept as a teacher's is, its states and drops are told.

    Args:
        remark: shows a note.
    """

    def __init__(
        self, member: Member, board: Board, section: RunSection, cursor: State | None, remark: Callable[[str], None]
    ) -> None:
        self._remark = remark
        super().__init__(member, board, section, cursor)

    def opening(self) -> list[Ask]:
        """Take up the cursor, tell what is listened to and looked at."""
        return [ask for ask in super().opening() if ask.method != "datasets"]

    def restarted(self) -> None:
        """Its totals begin anew; what it held is gone."""
        super().restarted()
        self.board.over = False
        settle(self.board.counters)

    def part(self) -> Self:
        """Have it send what it has under way and end, if it answers at all."""
        if self.member.call is None:
            self.member.ask("finish", PARTING, expected=PARTING, patience=PARTING)
        return self

    def hear(self, method: str, value: Any, now: float) -> None:
        """Totals, states, drops by reason, latencies; and what there is to say."""
        if method not in ("run", "finish"):
            super().hear(method, value, now)
            return
        board = self.board
        board.over = value.get("over", False) and not value["waiting"]
        for note in value["notes"]:
            self._remark(note)
        for name, total in value["totals"].items():
            board.counters.observe(f"sensed/{name}", total)
        for name, total in value["dropped"].items():
            board.counters.observe(f"sensed/dropped/{name}", total)
        totals = board.counters.totals
        for key, total in totals.items():
            room, _, rest = key.removeprefix("sensed/").partition("/")
            if not key.startswith("sensed/"):
                continue
            if room == "perceived":
                # `sensors/audio/utterances`, `sensors/image/views`, `sensors/pairing/audio.broken`, …
                board.values[f"sensors/{rest.replace('.', '/', 1)}"] = total
            elif room == "events":
                # By kind, robots' events among them. Each event goes to the table of its kind, so these figures add up
                # to the events that are stored, dropped (by reason), repeated (replay had them already) and waiting.
                board.values[f"sensors/events/{rest}"] = total
            elif room == "dropped":
                board.values[f"dropped/{rest}"] = total
            elif room == "read":
                board.values[f"sensor_read/{rest}"] = total
            elif room == "stalls":
                board.values[f"sensor_stalls/{rest}"] = total
            elif room in ("lost", "unrecorded", "refused"):
                board.values[f"sensor_lost/{rest if room == 'lost' else room + '/' + rest}"] = total
        board.values["sensors/notes_lost"] = totals.get("sensed/notes/lost", 0.0) + totals.get(
            "sensed/notes/unwritten", 0.0
        )
        for name in ("stored", "repeated"):
            board.values[f"sensors/{name}"] = totals.get(f"sensed/outbox/{name}", 0.0)
        board.values["sensors/waiting"] = value["waiting"]
        board.values |= {f"sensors/{name}": seconds for name, seconds in value["latencies"].items()}
        board.values |= {f"sensor/{name}": state for name, state in value["states"].items()}
        board.values |= {f"sensor_live/{name}": float(state == "live") for name, state in value["states"].items()}
