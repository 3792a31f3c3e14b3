"""Tiny actors with the real ones' contracts, and a main program that runs the supervisor on them.

`STANDIN_FAULTS` lists what goes wrong: `teacher-dies`, `learner-dies`, `monitor-hangs`, `no-data`, ….
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from launch import main
from runtime.command.signals import leave
from sensors.core.errors import ConfigError, DataError, StateError

FAULTS = os.environ.get("STANDIN_FAULTS", "").split(",")


def happens_once(run_dir: str, name: str) -> bool:
    """Whether fault `name` was ordered and has not happened yet; it has now."""
    mark = Path(run_dir) / "samples" / name
    if name not in FAULTS or mark.exists():
        return False
    mark.write_text(str(os.getpid()))
    return True


def dies(name: str) -> None:
    """End this process if it was ordered that `name` never lives long."""
    if f"always-dies:{name}" in FAULTS:
        os._exit(1)


def begins(run_dir: str, name: str) -> None:
    """At every start but the first: stop, sleep or die, once or always, if that was ordered."""
    if not any(fault.endswith("-at-restart") or "-always-sleeps" in fault for fault in FAULTS):
        return
    first = Path(run_dir) / "samples" / f"{name}-began"
    if not first.exists():
        first.touch()
        return
    if happens_once(run_dir, f"{name}-stops-at-restart"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if happens_once(run_dir, f"{name}-sleeps-at-restart") or f"{name}-always-sleeps" in FAULTS:
        time.sleep(600)
    if f"{name}-dies-at-restart" in FAULTS:
        os._exit(1)


class ReplayActor:
    def __init__(
        self, directory: str, config: dict[str, Any], seed: int, reserve: list[str], free: tuple[str, ...]
    ) -> None:
        self._run = str(Path(directory).parent)
        begins(self._run, "replay")
        self._file = Path(directory) / "count"
        self._inserted = int(self._file.read_text()) if self._file.exists() else 0
        self._capacity = config["capacity"]

    def insert(self, count: int) -> dict[str, int]:
        self._inserted += count
        self._file.write_text(str(self._inserted))
        if self._inserted > 300 and happens_once(self._run, "replay-dies"):
            os._exit(1)
        return {"accepted": count, "duplicate": 0, "throttled_ms": 0}

    def stats(self) -> dict[str, dict[str, float]]:
        dies("replay")
        size = min(self._inserted, self._capacity)
        names = ("evicted", "duplicates", "throttled", "corrupt", "torn", "sampled")
        return {
            "audio+image": {"inserted": self._inserted, "size": size, "capacity": self._capacity}
            | dict.fromkeys(names, 0)
        }

    def save(self) -> None:
        if "save-fails" in FAULTS:
            raise OSError(28, "No space left on device")

    def ping(self) -> dict[str, int]:
        return {"refused": 0}

    def close(self) -> None:
        if self._inserted:
            (self._file.parent / "closed").touch()


class TeacherActor:
    def __init__(
        self,
        name: str,
        data: dict[str, Any],
        teacher: dict[str, Any],
        seed: int,
        generation: int,
        replay: Any,
        subject: str,
        resend: bool,
    ) -> None:
        assert (subject == "letters") == (name == "teacher-letters") == ("unseen_share" in teacher)
        self._subject = subject
        if "no-data" in FAULTS and name == "teacher-0":  # the first to speak is the same on every machine
            raise DataError(f"{name}: nothing to teach\nuse --data")
        self._name, self._replay, self._at, self._generation = name, replay, 0, generation

    def run(self, seconds: float) -> dict[str, Any]:
        if self._at == 40 and "teacher-dies" in FAULTS and self._name == "teacher-0":
            self._at += 1
            os._exit(1)
        if self._at == 40 and "letters-die" in FAULTS and self._subject == "letters":
            self._at += 1
            os._exit(1)
        dies(self._name)
        if "teacher-always-dies" in FAULTS:
            os._exit(1)
        import ray

        time.sleep(seconds / 2)
        if "no-data" in FAULTS:
            return {"offered": 0}
        try:
            answer = ray.get(self._replay.insert.remote(20))
        except ray.exceptions.RayActorError:
            return {"offered": 20, "accepted": 0, "lost": 20}
        self._at += 20
        return {"offered": 20, "accepted": answer["accepted"], "batches": 1}

    def summary(self) -> list[str]:
        return [f"teaches by {self._name}"]

    def datasets(self) -> dict[str, str]:
        if self._subject == "letters":
            return {"letters": "synthetic:2"}
        return {"images": f"digits:{os.environ.get('STANDIN_DIGITS', '0')}", "speech": "synthetic:1"}

    def exam(self) -> dict[str, Any]:
        assert self._subject == "digits"
        return {"images": [1, 2, 3]}

    def state_dict(self) -> dict[str, Any]:
        # One past what crashed a dead teacher, so that it does not crash there again.
        dies = "teacher-dies" in FAULTS or "letters-die" in FAULTS
        return {"at": self._at + dies, "generation": self._generation}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._at, self._generation = state["at"], state["generation"]

    def ping(self) -> None: ...

    def close(self) -> None: ...


class LearnerActor:
    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        seed: int,
        replay: Any,
        learn: list[str],
        sections: dict[str, dict[str, Any]],
    ) -> None:
        assert sections["tdlft"]["min_pairs"] > 0
        begins(run_dir, "learner")
        self._learn, self._run_dir, self._step, self._remaining = learn, run_dir, 0, 1.0
        self._held = -1

    def describe(self) -> list[str]:
        return ["learner: stand-in on cpu"]

    def run(self, seconds: float, steps: int | None = None) -> dict[str, Any]:
        dies("learner")
        slow = "slow-steps" in FAULTS and self._step > 0
        if slow:  # computes: who sleeps would pass for hung
            end = time.monotonic() + 12
            while time.monotonic() < end:
                sum(range(1000))
        time.sleep(seconds)
        if "learner-raises" in FAULTS:
            raise ValueError("no such thing")
        if "no-data" not in FAULTS:
            self._step += 10 if steps is None else min(10, steps)
        if self._step >= 60 and "not-finite" in FAULTS:
            raise StateError(f"loss image is not finite at step {self._step}: lower learner.learning_rate")
        if "slow-steps" in FAULTS:
            self._held = self._step
        if self._step == 70:
            if happens_once(self._run_dir, "learner-dies"):
                os._exit(1)
            if happens_once(self._run_dir, "learner-hangs"):
                time.sleep(600)
        return {
            "step": self._step,
            "turn": "image",
            "steps_per_s": 10 / seconds,
            "duty": 0.9,
            "waiting": "",
            "losses": {"image/reconstruction": 1 / (self._step + 1)},
            "figures": {"learner/remaining": self._remaining} | self._letters(),
        }

    def _letters(self) -> dict[str, float]:
        return {} if "tdlft" not in self._learn else {"tdlft/turns": self._step // 20, "tdlft/pairs": 300.0}

    def publish(self, name: str, version: int) -> tuple[int, dict[str, Any]]:
        return self._step, {}

    def snapshot(self, order: int) -> dict[str, float]:
        if "slow-checkpoint" in FAULTS:
            time.sleep(60)
        if self._step >= 60 and "not-finite" in FAULTS:
            raise StateError("weights are not finite")
        if self._step >= 70 and "late-save-fails" in FAULTS:
            raise RuntimeError("no such weights")
        self._held = self._step
        return {"step": self._step, "stall_ms": 1.0}

    def checkpoint(self, directory: str, step: int | None = None) -> int:
        if step is None and self._held != self._step:
            raise RuntimeError("no snapshot")
        (Path(directory) / "learner.json").write_text(json.dumps({"step": self._held}))
        return self._held

    def give_up(self, order: int) -> None: ...

    def restore(self, directory: str) -> None:
        try:
            self._step = json.loads((Path(directory) / "learner.json").read_text())["step"]
        except FileNotFoundError:
            raise StateError(f"{directory}: learner.json is missing") from None

    def set_remaining(self, fraction: float | None) -> None:
        self._remaining = 1.0 if fraction is None else fraction

    def ping(self) -> None: ...

    def close(self) -> None:
        if self._step:
            (Path(self._run_dir) / "samples" / "learner-closed").touch()


class MonitorActor:
    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        data: dict[str, Any],
        learner: Any,
        teach: str,
        learn: list[str],
        sections: dict[str, dict[str, Any]],
        held_out: float,
        examined: list[str],
        *exams: dict[str, Any],
    ) -> None:
        assert examined == [name for name in teach.split("+") if name != "letters"] and len(exams) == len(examined)
        assert all(exam["images"] == [1, 2, 3] for exam in exams)
        assert learn == [name for name in ("smart", "tdlft") if {"smart": "digits", "tdlft": "letters"}[name] in teach]
        assert sections["tdlft"]["min_pairs"] > 0
        self._teach = teach
        self._run_dir, self._learner, self._version = run_dir, learner, -1

    def run(self, seconds: float) -> dict[str, Any]:
        import ray

        dies("monitor")
        time.sleep(seconds)
        if self._version > 150 and happens_once(self._run_dir, "monitor-hangs"):
            time.sleep(600)
        try:
            version, _ = ray.get(self._learner.publish.remote("smart", self._version))
        except ray.exceptions.RayActorError:
            self._learner = ray.get_actor("learner")
            return {"figures": {}, "note": "learner away"}
        if version == self._version:
            return {"figures": {}, "note": ""}
        self._version = version
        grades = {
            "exam/image_to_audio": 0.5,
            "exam/audio_to_image": 0.6,
            "judge/audio": 0.98,
            "judge/image": 0.99,
        }
        lips = {"exam/lips_all": 0.3, "exam/lips_unseen": 0.1, "judge/lips": 0.5}
        return {
            "figures": {"digits": grades, "letters": lips, "digits+letters": grades | lips}[self._teach],
            "note": "",
        }

    def final(self, seconds: float) -> dict[str, Any]:
        if "final-fails" in FAULTS:
            raise ValueError("no such sheet")
        self._examined = getattr(self, "_examined", 0) + 1
        if self._examined < 3:
            judged = {"progress": f"judged {self._examined} of 3", "stage": "judging", "share": self._examined / 3}
            return {"figures": {}, "note": "", **judged}
        done = {"progress": "", "stage": "", "share": None}
        return {"figures": {"exam/image_to_audio": 0.75}, "note": "final exam done", **done}

    def ping(self) -> None: ...

    def close(self) -> None: ...


class PageActor:
    """Serves nothing; gives the commands of the environment, once each, at their steps ('pause:20,resume:40')."""

    def __init__(
        self, run_dir: str, config: dict[str, Any], facts: dict[str, Any], learned_by: str, token: str
    ) -> None:
        assert facts["name"] == Path(run_dir).name and facts["settings"] and len(token) >= 24
        self._run_dir = Path(run_dir)
        self._told = 0
        if "page-refuses" in FAULTS and (self._run_dir / "samples" / "page-refuses").exists():
            raise ConfigError("no free port")

    def describe(self) -> list[str]:
        return ["page http://127.0.0.1:1/"]

    def entrance(self) -> str:
        return ""

    def run(self, seconds: float, overview: dict[str, Any]) -> dict[str, Any]:
        dies("page")
        if overview.get("step", 0) > 20 and happens_once(str(self._run_dir), "page-refuses"):
            os._exit(1)
        if "STANDIN_COMMANDS" in os.environ:
            (self._run_dir / "samples" / "overview.json").write_text(json.dumps(overview))
        time.sleep(min(seconds, 0.1))
        commands = []
        for number, text in enumerate(filter(None, os.environ.get("STANDIN_COMMANDS", "").split(",")), 1):
            name, _, step = text.partition(":")
            if number == self._told + 1 and overview.get("step", 0) >= int(step):
                self._told = number
                commands = [(number, name)]
                break
        return {"commands": commands, "figures": {"page/viewers": 0.0}}

    def ping(self) -> None: ...

    def close(self) -> None: ...


ACTOR_CLASSES = {
    "replay": ReplayActor,
    "teacher": TeacherActor,
    "learner": LearnerActor,
    "monitor": MonitorActor,
    "page": PageActor,
}

if __name__ == "__main__":
    leave(main(sys.argv[1:], ACTOR_CLASSES))
