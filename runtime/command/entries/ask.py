"""`ask RUN --image three.png --out three.wav`: what a picture, a sound, or a sample of any sense evokes."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.command.entry import Subcommand
from sensors.core.errors import ConfigError
from sensors.given import PREPARATIONS
from sensors.system.address import redact
from sensors.system.paths import place

if TYPE_CHECKING:
    from agent.learned.contract import Agent, EvokedSamples

SHOWN = 3
"""Known samples that are told where nothing is to be written."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="directory of a run, or the address of a live run's page")
    parser.add_argument(
        "--out", metavar="FILE", help="where what is evoked is written: .wav (heard), .png (seen) or .npy (stored)"
    )
    parser.add_argument("--target", metavar="SENSE", help="sense that is evoked [the one that suits FILE]")
    parser.add_argument("--prepare", choices=PREPARATIONS, help="how a picture becomes a sample [as suits the run]")
    parser.add_argument("--step", type=int, metavar="N", help="step of an earlier checkpoint that is there [newest]")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE.py", help="a plugin that has been moved")
    parser.epilog = "Give one sense and a file of it: --image three.png, --audio three.wav, --SENSE FILE."


def _run(given: argparse.Namespace, others: Sequence[str]) -> Iterator[str]:
    sense, file = _asked(others)
    out = None if given.out is None else place(given.out, "--out")
    if out is not None:
        from agent.learned.sample import form_of

        form_of(out)
        if not out.parent.is_dir():
            raise ConfigError(f"--out {out}: there is no folder {out.parent}; make it first")
    agent = _agent(given)
    if sense not in agent.senses:
        raise ConfigError(f"--{sense}: the agent knows {', '.join(agent.senses)}")
    if not Path(file).is_file():
        raise ConfigError(f"--{sense} {file}: no such file; check the path")
    target = given.target or (_target(agent, sense, out) if out is not None else None)
    evoked = agent.evoke(target or (), prepare=given.prepare, **{sense: file})
    part = "" if evoked.part is None else f" ({evoked.part[0]:.2f}…{evoked.part[1]:.2f} s of it)"
    if out is None:
        yield f"{file}{part} evokes {' and '.join(evoked)} at step {evoked.step:,}; --out FILE keeps it"
        yield from _near(agent, sense, file, given.prepare)
        return
    name = _only(evoked)
    evoked[name].save(out)
    yield f"{file}{part} evokes {name} at step {evoked.step:,}: {out}"


def _asked(others: Sequence[str]) -> tuple[str, str]:
    """The sense and the file that are named as '--SENSE FILE' or '--SENSE=FILE'."""
    parts = [part for word in others for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(parts) != 2 or not parts[0].startswith("--") or not parts[0][2:].isidentifier() or not parts[1]:
        told = f"got {' '.join(others)}" if others else "none is given"
        raise ConfigError(f"ask: give one sense and a file, as in --image three.png; {told}")
    return parts[0][2:], parts[1]


def _agent(given: argparse.Namespace) -> "Agent":
    if given.run.startswith(("http://", "https://")):
        if given.step is not None or given.plugin:
            raise ConfigError(f"{redact(given.run)}: --step and --plugin are for a run's directory; leave them out")
        from agent.learned.connected import connect

        return connect(given.run)
    from agent.learned.loaded import load

    return load(place(given.run, "RUN"), step=given.step, plugins=given.plugin)


def _target(agent: "Agent", sense: str, out: Path) -> str:
    """The sense that suits the ending of a file: for .wav one that is heard, for .png rather one that is not."""
    from agent.learned.sample import form_of

    others = [name for name in agent.senses if name != sense]
    heard = [name for name in others if agent.heard(name)]
    form = form_of(out)
    if form == "wav" and not heard:
        raise ConfigError(f"--out {out}: of {', '.join(others)} none can be heard; end it in .png or .npy")
    able = heard if form == "wav" else [name for name in others if name not in heard] or others
    able = others if form == "npy" else able
    if len(able) != 1:
        raise ConfigError(f"--out {out}: may hold {' or '.join(able)}; say which with --target")
    return able[0]


def _only(evoked: "EvokedSamples") -> str:
    (name,) = evoked
    return name


def _near(agent: "Agent", sense: str, file: str, prepare: str | None) -> Iterator[str]:
    near = agent.nearest(None, SHOWN, prepare=prepare, **{sense: file})
    told = ", ".join(f"{one.name or one.id} ({one.distance:.2f})" for one in near)
    yield f"nearest known {sense}: {told}"


ENTRY = Subcommand(
    name="ask",
    usage="ask RUN --image a.png --out a.wav",
    about="what a picture or a sound evokes",
    arguments=_arguments,
    run=_run,
    extras=True,
)
