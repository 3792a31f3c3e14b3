"""Runs on a disk for the tests of run directories."""

from pathlib import Path

from runtime.run_folder.rundir import RunDirectory


def a_run(path: Path) -> Path:
    run = RunDirectory.create(path, {"run": {"seed": 3}}, "1.0")
    (run.checkpoints / "step-1").mkdir()
    run.close()
    return path


def everything(path: Path) -> set[str]:
    return {str(p.relative_to(path)) for p in path.rglob("*")}
