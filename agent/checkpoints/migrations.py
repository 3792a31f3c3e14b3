"""Checkpoints of earlier versions of the program, read as this one writes them: all of it is here, and nowhere else.

* Until format 2 of the part `learner`, SMART's state was in it, and that of TDLFT turns was the part `letters`.
* Until format 2 of SMART's state, guided steps were not told from others.
* Until format 2 of the turns' state, co-occurring events were owed nothing.

The component that a part belongs to refuses later versions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from agent.checkpoints.checkpoint import load_state
from sensors.core.errors import StateError
from sensors.core.state import StateDict, check_state

OLD_LEARNER = {"preset", "latent", "steps", "turn", "turns", "augment", "smart", "replay"}
"""Keys of the part `learner` of format 2."""


def read_parts(checkpoint: Path, devices: Mapping[str, torch.device]) -> dict[str, StateDict]:
    """All parts of a checkpoint that hold tensors, by name, as this version of the program writes them.

    Args:
        checkpoint: its directory, or a stage directory.
        devices: part -> where its tensors go; the CPU for others.

    Raises:
        StateError: a part is missing or damaged, or is of a version that cannot be read.
    """
    # A manifest names every part, so a file that is not there was not lost.
    names = {path.stem for end in ("json", "safetensors") for path in checkpoint.glob(f"*.{end}")}
    names -= {"manifest", "run"}
    if "learner" not in names:
        raise StateError(f"{checkpoint}: learner cannot be read (there is no such part)")
    old = {"learner": devices.get("smart", torch.device("cpu"))}
    parts = {name: load_state(checkpoint, name, (old | dict(devices)).get(name, "cpu")) for name in sorted(names)}
    if parts["learner"].get("version") == 2:
        if "letters" in parts:
            parts["tdlft"] = parts.pop("letters")
        whole = migrate_learner(parts.pop("learner"))
        parts |= whole.pop("algorithms")
        parts["learner"] = whole
    if "smart" in parts:
        parts["smart"] = _migrate_smart(parts["smart"])
    return parts


def migrate_learner(state: Mapping[str, Any]) -> StateDict:
    """`Learner.state_dict` of format 2 as one of format 3; others as they are.

    Raises:
        StateError: a part is missing or unknown.
    """
    if not isinstance(state, Mapping) or state.get("version") != 2:
        return dict(state)
    check_state(state, OLD_LEARNER, 2, "learner")
    own = {name: state[name] for name in ("preset", "latent", "turn", "turns", "augment", "smart")}
    # Pieces of TDLFT turns counted as steps, too, while letters alone were taught.
    steps = sum(int(count) for count in state["smart"]["steps"].values())
    smart = _migrate_smart({"version": 1, "steps": steps, **own})
    return {
        "version": 3,
        "steps": state["steps"],
        "next": "smart",
        "replay": state["replay"],
        # Networks that never took a step are made again as they were.
        "algorithms": {"smart": smart} if steps else {},
    }


def _migrate_smart(state: StateDict) -> StateDict:
    smart, turns = state.get("smart"), state.get("turns")
    if isinstance(smart, Mapping) and smart.get("version") == 1 and "steps" in smart:
        names = list(smart["steps"])
        guided = {m: {o: smart["steps"][m] for o in names if o != m} for m in names}
        state = {**state, "smart": {**smart, "version": 2, "guided": guided}}
    if isinstance(turns, Mapping) and turns.get("version") == 1:
        state = {**state, "turns": {**turns, "version": 2, "taken": 0, "at": {}, "owed": 0.0}}
    return state
