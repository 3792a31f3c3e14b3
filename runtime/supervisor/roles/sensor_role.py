"""The role of the sensors: which calls the supervisor makes, and what the answers mean."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from runtime.config.run_section import RunSection
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall
from runtime.supervisor.roles.teacher_role import TeacherRole, settle
from sensors.core.state import StateDict

SENSORS = "sensors"
"""Name of the actor."""
FINISH_WITHIN = 1.0
"""Seconds in which stopping sensors send the events that they have under way."""


class SensorRole(TeacherRole):
    """Perceives in chunks; its cursor is kept as a teacher's is, its states and drops become figures.

    Args:
        remark: shows a note.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_sensor_live", "whether a sensor gives, 1 or 0, by sensor", "sensor_live/", "sensor"),
        Metric("reciprocal_sensor_stalls", "times that a sensor stopped giving, by sensor", "sensor_stalls/", "sensor"),
        Metric(
            "reciprocal_sensor_reconnects", "times that a lost sensor was opened again", "sensor_reconnects/", "sensor"
        ),
        Metric(
            "reciprocal_sensor_samples",
            "readings of each source so far: pieces of sound, pictures and the like",
            "sensor_read/",
            "sensor",
        ),
        Metric("reciprocal_sensor_lost", "samples and messages lost, by source and reason", "sensor_lost/", "reason"),
        Metric("reciprocal_perceived", "percepts, events by kind, seconds to replay", "sensors/", "figure"),
    )

    def __init__(
        self,
        actor: SupervisedActor,
        status: RunStatus,
        section: RunSection,
        cursor: StateDict | None,
        remark: Callable[[str], None],
    ) -> None:
        self._remark = remark
        super().__init__(actor, status, section, cursor)

    def first_calls(self) -> list[PlannedCall]:
        """Restore the cursor, describe the sources."""
        return [call for call in super().first_calls() if call.method != "datasets"]

    def on_restart(self) -> None:
        """Begin the totals of the sensors again, and count the events that they held as dropped."""
        super().on_restart()
        self.status.over = False
        settle(self.status.counters)

    def finish(self) -> Self:
        """Ask the sensors to send the events under way and to end, unless another call is under way."""
        if self.actor.call is None:
            self.actor.ask("finish", FINISH_WITHIN, expected=FINISH_WITHIN, patience=FINISH_WITHIN)
        return self

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in totals, states, drops by reason and latencies, and show notes."""
        if method not in ("run", "finish"):
            super().on_answer(method, value, now)
            return
        status = self.status
        status.over = value.get("over", False) and not value["waiting"]
        for note in value["notes"]:
            self._remark(note)
        for name, total in value["totals"].items():
            status.counters.observe(f"sensed/{name}", total)
        for name, total in value["dropped"].items():
            status.counters.observe(f"sensed/dropped/{name}", total)
        totals = status.counters.totals
        for key, total in totals.items():
            group, _, rest = key.removeprefix("sensed/").partition("/")
            if not key.startswith("sensed/"):
                continue
            if group == "perceived":
                # `sensors/audio/utterances`, `sensors/image/views`, `sensors/pairing/audio.broken`, …
                status.values[f"sensors/{rest.replace('.', '/', 1)}"] = total
            elif group == "events":
                # By kind, events of robots included. Each event goes to the table of its kind, so these figures add up
                # to the events that are stored, dropped (by reason), repeated (replay had them already) and waiting.
                status.values[f"sensors/events/{rest}"] = total
            elif group == "dropped":
                status.values[f"dropped/{rest}"] = total
            elif group in ("read", "stalls", "reconnects"):
                status.values[f"sensor_{group}/{rest}"] = total
            elif group in ("lost", "unrecorded", "refused"):
                status.values[f"sensor_lost/{rest if group == 'lost' else group + '/' + rest}"] = total
        status.values["sensors/notes_lost"] = totals.get("sensed/notes/lost", 0.0) + totals.get(
            "sensed/notes/unwritten", 0.0
        )
        for name in ("stored", "repeated"):
            status.values[f"sensors/{name}"] = totals.get(f"sensed/outbox/{name}", 0.0)
        status.values["sensors/waiting"] = value["waiting"]
        status.values |= {f"sensors/{name}": seconds for name, seconds in value["latencies"].items()}
        status.values |= {f"sensor/{name}": state for name, state in value["states"].items()}
        status.values |= {f"sensor_live/{name}": float(state == "live") for name, state in value["states"].items()}
