"""`show RUN`: what a run knows, as a contact sheet."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.command.entry import Subcommand
from sensors.core.errors import ConfigError, UserError
from sensors.system.paths import place

if TYPE_CHECKING:
    from agent.learned.loaded import LoadedAgent
    from teacher.datasets import ExamSet


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", metavar="FILE.png", help="the contact sheet [NAME-OF-THE-RUN.png]")
    parser.add_argument("--rrd", metavar="FILE.rrd", help="a file for the viewer rerun instead (extra: rerun)")
    parser.add_argument("--step", type=int, metavar="N", help="step of an earlier checkpoint that is there [newest]")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE.py", help="a plugin that has been moved")


def _run(given: argparse.Namespace, others: Sequence[str]) -> Iterator[str]:
    path = place(given.run, "RUN")
    if given.rrd is not None:
        yield from _rrd(given, path)
        return
    out = place(given.out or f"{path.name}.png", "--out")
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: a contact sheet is a picture; end it in .png")
    if not out.parent.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {out.parent}; make it first")
    from agent.learned.loaded import load

    agent = load(path, step=given.step, plugins=given.plugin)
    yield from draw(agent, out)


def _rrd(given: argparse.Namespace, path: Path) -> Iterator[str]:
    from runtime.viewers.rerun_log import FILE_SUFFIX, rerun

    file = place(given.rrd, "--rrd")
    if file.suffix != FILE_SUFFIX or given.out is not None:
        raise ConfigError(f"--rrd {file}: end it in {FILE_SUFFIX}, and leave out --out")
    if not file.parent.is_dir():
        raise ConfigError(f"--rrd {file}: there is no folder {file.parent}; make it first")
    rerun()
    from agent.learned.loaded import load
    from runtime.viewers.saved import write_saved

    yield from write_saved(load(path, step=given.step, plugins=given.plugin), file)


def draw(agent: "LoadedAgent", out: Any) -> Iterator[str]:
    """Draw the sheet and write it; yields what is on it."""
    import cv2

    from agent.exams.sheet import draw_sheet, pages
    from agent.learned.sample import write_whole

    with agent.run.forms.applied():
        exam, told = _material(agent)
        yield from told
        title = f"{agent.run.path.name}   step {agent.step:,} of {agent.learned_by}"
        shown = pages(len(exam.concepts))[0]
        picture = draw_sheet(agent.networks, {}, exam, title, shown)
    write_whole(out, bytes(cv2.imencode(".png", picture)[1].tobytes()))
    yield f"{len(shown)} of {len(exam.concepts)} at step {agent.step:,}: {out}"


def _material(agent: "LoadedAgent") -> tuple["ExamSet", list[str]]:
    """What is shown: test samples of what was taught or, where they are not here, events that differ most."""
    try:
        exam = _taught(agent)
        if exam is not None:
            return exam, [
                f"test samples of {', '.join(dict.fromkeys(p.name for p in exam.parts.values()))}, by concept"
            ]
        why = "nothing with names was taught"
    except UserError as error:
        why = str(error).replace("\n", " ")
    from agent.learned.spread import spread_events

    return spread_events(agent), [f"events of its replay, as unlike as they are: {why}"]


def _taught(agent: "LoadedAgent") -> "ExamSet | None":
    from runtime.config.settings import RunConfig
    from teacher.datasets import ExamSet
    from teacher.subjects.contract import unlabelled

    config = RunConfig.from_saved(agent.run.saved["config"])
    if config.run.sensors is not None:
        return None
    chosen = {
        f"data.{kind}": told.rpartition(":")[0]
        for kind, told in agent.run.saved.get("datasets", {}).items()
        if "/" not in kind
    }
    config = config.override(chosen)
    for subject in unlabelled(config.run.subjects):
        loaded = subject.load(config.data)
        return ExamSet.of(loaded.datasets, loaded.concepts)
    return None


ENTRY = Subcommand(
    name="show",
    usage="show RUN --out known.png",
    about="what a run knows, as a contact sheet",
    arguments=_arguments,
    run=_run,
)
