"""Settings that earlier versions of the program saved: this module converts all of them to today's.

What a robot's settings may hold, too, is in `sensors/core/retired.py`.

A run of an earlier version resumes: its settings are converted to today's. If there was no setting yet for something
that the run did, the run continues to do it. Learned weights and stored events are not changed.
"""

import math
from collections.abc import Mapping
from typing import Any

from sensors.core.errors import ConfigError
from sensors.core.retired import without_retired

ABSENT: Mapping[str, Mapping[str, Any]] = {
    "run": {"teach": "digits"},
    "learner": {"paired_turns": 0.0},
    "perception": {"segmentation": {"reach": 80.0, "after": 0.0, "faint": 3.0}},
    "sensors": {"view": "card"},
}
"""What a run did that was saved before there was such a setting, where today's default does something else."""
MONITOR = {
    "images": (2000, "exam_samples"),
    "clips": (500, "exam_samples"),
    "judge_steps_image": (1400, "judge_steps"),
    "judge_steps_audio": (900, "judge_steps"),
}
"""Removed settings of the monitor: the default that they had, and the settings that replace them."""
RETIRED = {
    "teacher.missing_audio": "teacher.missing, as in teacher.missing=audio:three,nine",
    "teacher.missing_image": "teacher.missing, as in teacher.missing=image:three,nine",
    "teacher.far_microphone": "teacher.derived, as in teacher.derived=audio_far",
    **{f"monitor.{name}": f"monitor.{now}" for name, (_, now) in MONITOR.items()},
}
"""Removed settings, and the settings that replace them."""


def migrate(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Saved settings by section, as today's program spells them; settings of today are left as they are.

    Raises:
        ConfigError: a section is no group of settings.
    """
    for name in {*ABSENT, "teacher", "monitor", "sensors"} & set(saved):
        if not isinstance(saved[name], Mapping):
            raise ConfigError(f"{name}={saved[name]!r}: expected a group of settings")
    now = _filled(ABSENT, without_retired(saved))
    now["run"]["teach"] = teach(now["run"]["teach"])
    if now["run"].get("minutes") == math.inf:
        # Before it had a bound, this was another way to say: until Ctrl-C.
        now["run"]["minutes"] = None
    if "teacher" in saved:
        now["teacher"] = _teacher(saved["teacher"])
    if "monitor" in saved:
        now["monitor"] = {name: value for name, value in saved["monitor"].items() if name not in MONITOR}
    return now


def _filled(absent: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """What was saved, with `absent` in it where nothing was saved; groups in groups likewise."""
    filled = dict(saved)
    for name, old in absent.items():
        if isinstance(old, Mapping):
            filled[name] = _filled(old, own) if isinstance(own := saved.get(name, {}), Mapping) else own
        else:
            filled.setdefault(name, old)
    return filled


def teach(told: Any) -> Any:
    """`run.teach` as it is spelt today."""
    return "digits+letters" if told == "both" else told


def typed(changes: Mapping[str, str]) -> dict[str, str]:
    """Settings as a person typed them, as they are spelt today.

    Raises:
        ConfigError: a setting that is no more; the message says what takes its place.
    """
    for key in changes:
        if key in RETIRED:
            raise ConfigError(f"{key}: is now {RETIRED[key]}")
    return {key: teach(text) if key == "run.teach" else text for key, text in changes.items()}


def replaced(saved: Mapping[str, Any]) -> list[str]:
    """Settings that an older run was saved with and that take their defaults now, each as `section.field: old -> new`.

    Those that had their default are passed over: what takes their place does as they did.
    """
    monitor = saved.get("monitor")
    return [
        f"monitor.{name}: {monitor[name]} -> the default of monitor.{now}"
        for name, (default, now) in MONITOR.items()
        if isinstance(monitor, Mapping) and name in monitor and monitor[name] != default
    ]


def _teacher(saved: Mapping[str, Any]) -> dict[str, Any]:
    old = {name: saved[name] for name in ("missing_audio", "missing_image", "far_microphone") if name in saved}
    now = {name: value for name, value in saved.items() if name not in old}
    missing = {sense: str(old.get(f"missing_{sense}") or "").strip() for sense in ("audio", "image")}
    if any(missing.values()):
        now["missing"] = " ".join(f"{sense}:{names}" for sense, names in missing.items() if names)
    if old.get("far_microphone"):
        now["derived"] = "audio_far"
    return now
