"""The random generators of the libraries themselves, which nothing here draws from on purpose.

What is random has a generator of its own that is saved with it. A library that draws from a global one all the same
would make a resumed run another one, unnoticed: so these are saved, too.
"""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sensors.core.errors import StateError
from sensors.core.state import StateDict, check_state


def seed_random(seed: int) -> None:
    """Begin alike in every process of one seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state() -> StateDict:
    """Python's, NumPy's and torch's generators, and each GPU's: JSON values and uint8 tensors."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state(legacy=False)
    devices = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    return {
        "version": 1,
        "python": [version, list(words), gauss],
        "numpy": {**legacy, "state": {**legacy["state"], "key": legacy["state"]["key"].tolist()}},
        "torch": torch.get_rng_state(),
        "cuda": {str(i): torch.cuda.get_rng_state(i) for i in devices},
    }


def load_random(state: Mapping[str, Any]) -> None:
    """Draw on as before; GPUs that are not there any more are left out.

    Raises:
        StateError: a generator is missing or unknown, or of another kind.
    """
    check_state(state, {"python", "numpy", "torch", "cuda"}, 1, "random generators")
    try:
        version, words, gauss = state["python"]
        random.setstate((version, tuple(words), gauss))
        legacy = state["numpy"]
        key = np.array(legacy["state"]["key"], np.uint32)
        np.random.set_state({**legacy, "state": {**legacy["state"], "key": key}})
        torch.set_rng_state(state["torch"].cpu())
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for i, saved in state["cuda"].items():
            if int(i) < present:
                torch.cuda.set_rng_state(saved.cpu(), int(i))
    except (TypeError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise StateError(f"random generators: {' '.join(str(error).split())[:200]}") from error
