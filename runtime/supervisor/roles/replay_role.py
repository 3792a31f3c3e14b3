"""The role of replay: which calls the supervisor makes, and what the answers mean."""

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role
from sensors.core.modalities import labelled

TOTALS = ("inserted", "sampled", "evicted", "duplicates", "throttled", "corrupt", "torn")
"""Figures of a replay table that are totals."""


class ReplayRole(Role):
    """Reads replay's figures once a tick, and detects that Ray restarted its process.

    Args:
        remark: shows a note.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_events_total", "events accepted by replay, by kind", "events/", "kind", counter=True),
        Metric("reciprocal_replay_inserted_total", "events inserted into replay", "replay/inserted", counter=True),
        Metric("reciprocal_replay_sampled_total", "events drawn from replay", "replay/sampled", counter=True),
        # Not a Ray counter: those are invisible while they are zero, and zero is what one wants to see here.
        Metric("reciprocal_dropped_events", "events lost or turned away so far, by reason", "dropped/", "reason"),
        Metric("reciprocal_replay_events", "events in replay, by kind", "size/", "kind"),
        Metric("reciprocal_replay_fill", "fullest table's fill, 0 to 1", "replay/fill"),
        Metric("reciprocal_events_per_second", "events accepted each second", "replay/events_per_s"),
    )

    def __init__(
        self, actor: SupervisedActor, status: RunStatus, section: RunSection, remark: Callable[[str], None]
    ) -> None:
        self._remark = remark
        self._due = 0.0
        self._process: int | None = None
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Ping the actor."""
        return [PlannedCall("ping", patience=self.section.start_deadline)]

    def regular_call(self, now: float) -> PlannedCall | None:
        """Read the figures when a tick has passed."""
        if now < self._due:
            return None
        self._due = now + self.section.tick / 2
        self.todo.extend((self._plan("stats"), self._plan("ping")))
        # A restart between two calls shows in the process number alone.
        return self._plan("__ray_call__", _process)

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in totals and fill by kind."""
        if method == "__ray_call__":
            if self._process not in (None, value):
                self._remark(f"{self.actor.name}: its process died; Ray brought it back")
                self.status.counters.add(f"restarts/{self.actor.name}", 1)
                self.status.counters.begin_anew("replay/refused")
            self._process = value
        if method == "ping":
            self.status.counters.observe("replay/refused", value["refused"])
        if method != "stats":
            return
        tables: Mapping[str, Mapping[str, float]] = value
        status = self.status
        for kind, table in tables.items():
            status.values[f"size/{kind}"] = int(table["size"])
            for name in TOTALS:
                # Replay's files keep these totals over restarts.
                status.counters.follow(f"table/{kind}/{name}", table.get(name, 0))
        totals = status.counters.totals
        for kind in tables:
            status.values[f"events/{kind}"] = totals[f"table/{kind}/inserted"]
        sums = {name: sum(totals.get(f"table/{kind}/{name}", 0) for kind in tables) for name in TOTALS}
        # Of the dropped events, only `corrupt` ones were accepted before; events lost on their way are resent.
        status.values["replay/dropped"] = status.values["dropped/corrupt"] = sums.pop("corrupt")
        status.values["dropped/malformed"] = totals.get("replay/refused", 0)
        status.values["dropped/lost"] = totals.get("teacher/lost", 0)
        status.values |= {f"replay/{name}": total for name, total in sums.items()}
        fills = {kind: table["size"] / table["capacity"] for kind, table in tables.items() if table["capacity"]}
        # Tables of labelled events are small and soon full by design, so they do not count.
        others = [fill for kind, fill in fills.items() if not labelled(kind)]
        status.values["replay/fill"] = max(others or fills.values(), default=0.0)


def _process(actor: Any) -> int:
    return os.getpid()
