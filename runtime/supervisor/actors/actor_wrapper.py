"""The wrapper of every actor class: what an actor's process does for the supervisor, apart from its own work.

Ray makes the wrapper, and the wrapper makes the actor. The wrapper first notes that the process has started, then
imports the actor's class, which takes seconds where that imports torch, and answers heartbeats.
"""

import importlib
import inspect
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from runtime.supervisor.actors.starts import note_start

HEARTBEAT = "heartbeat"
"""Concurrency group of the heartbeat."""
BACKGROUND = "background"
"""Concurrency group of calls that are answered beside the work."""
BACKGROUND_METHODS = ("checkpoint", "give_up", "material", "share")
"""Methods of actors in that group."""


@dataclass(frozen=True)
class StartNote:
    """Where a process notes its start; see `runtime.supervisor.actors.starts`.

    Attributes:
        path: of the file.
        actor: name to note.
        node: of the supervisor; processes on other nodes note nothing.
    """

    path: Path
    actor: str
    node: str


def actor_class(target: Any) -> Any:
    """Import `module:Class`; a class is returned as it is."""
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def wrap_actor(target: Any, setup: Mapping[str, Any] | None = None, note: StartNote | None = None) -> Any:
    """Make the class that Ray is to make instead of an actor class.

    It has the public methods of that class and `heartbeat`. Neither `heartbeat` nor the `BACKGROUND_METHODS` wait for
    the actor's work.

    Args:
        target: the class, or `module:Class`.
        setup: plugins and the senses' settings, which the process applies before the actor's own constructor (see
            `sensors.plugins.process_setup`). Without it, the actor knows the program's own senses with their defaults.
        note: where the process notes its start; None: nowhere.
    """
    kind = actor_class(target)

    class Wrapper:
        def __init__(self, *arguments: Any, **named: Any) -> None:
            if note is not None and ray.get_runtime_context().get_node_id() == note.node:
                note_start(note.path, note.actor)
            if setup is not None:
                # Imported here: the process notes its start before it loads anything large.
                from sensors.plugins import apply_setup

                apply_setup(setup)
            self._actor = actor_class(target)(*arguments, **named)

        def __repr__(self) -> str:
            # Ray names the actor by it in its dashboard and logs, and asks for it when the constructor fails, too.
            return repr(self._actor) if hasattr(self, "_actor") else str(kind.__name__)

        @ray.method(concurrency_group=HEARTBEAT)
        def heartbeat(self) -> tuple[int, str, float]:
            """Process number, node, and seconds of processor time so far."""
            return os.getpid(), str(ray.get_runtime_context().get_node_id()), time.process_time()

    for name, method in inspect.getmembers(kind, callable):
        if not name.startswith("_"):
            passed = _passed_on(name, method)
            marked = ray.method(concurrency_group=BACKGROUND)(passed) if name in BACKGROUND_METHODS else passed
            setattr(Wrapper, name, marked)
    # Ray names the process and its errors by them.
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Wrapper, name, getattr(kind, name))
    return Wrapper


def _passed_on(name: str, method: Any) -> Any:
    """A method of the wrapper that calls the actor's."""

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(self._actor, name)(*arguments, **named)

    # No `functools.wraps`: Ray looks for its mark on what is wrapped, and annotations would import the actor's module.
    call.__name__, call.__doc__ = name, method.__doc__
    return call
