"""The inference model: a learner's published networks, without optimisers, replay or Ray.

    encode     z_S = E_S(x)            translate  z_T = T_S->T(z_S)
    decode     y   = D_T(z_T)          evoke      D_T(T_S->T(E_S(x)))
    nearest    the samples of another sense whose latents lie closest to z_T

The monitor, the agent that answers questions, benchmarks and exports share this one object.
"""

from collections.abc import Mapping
from typing import Any

from agent.algorithms import algorithm
from agent.networks.published import Networks
from sensors.core.errors import StateError


def build_networks(published: Mapping[str, Any]) -> Networks:
    """Rebuild the inference model from what `Algorithm.publish` handed out, which names the algorithm.

    Raises:
        StateError: arrays are missing, unknown or of another shape, or the algorithm has no such networks.
    """
    declared = algorithm(published["algorithm"])
    if declared.networks is None:
        raise StateError(f"{declared.name}: has no encoders of the learner's modalities")
    return declared.networks(published)
