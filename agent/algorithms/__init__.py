"""The learning algorithms: each registers itself by name, and is imported when it is built."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.algorithms.contract import (
    CONSISTENCY,
    EXAMS,
    GENERATION,
    LIP_READING,
    RETRIEVAL,
    Algorithm,
    Declaration,
    Setup,
    algorithm,
    algorithms,
    named,
    register_algorithm,
)
from agent.config import ContrastiveConfig
from agent.tdlft.config import TdlftTurnsConfig
from sensors.core.modalities import kind_of

if TYPE_CHECKING:
    from agent.networks.published import Networks

__all__ = [
    "CONSISTENCY",
    "CONTRASTIVE",
    "EXAMS",
    "GENERATION",
    "LIP_READING",
    "RETRIEVAL",
    "SMART",
    "TDLFT",
    "Algorithm",
    "Declaration",
    "Setup",
    "algorithm",
    "algorithms",
    "named",
    "register_algorithm",
]


LETTERS = (kind_of(("speech", "lips", "letter")), kind_of(("speech", "letter")))
"""The tables that TDLFT learns from, as `agent.tdlft.labelled_rows` takes them."""


def _some(kind: str, modalities: Sequence[str]) -> bool:
    """Events of one modality train its autoencoder; those of several guide each other."""
    return bool(set(kind.split("+")) & set(modalities))


def _letters(kind: str, modalities: Sequence[str]) -> bool:
    """Labelled speech, with lips and without."""
    return kind in LETTERS


def _build_smart(setup: Setup) -> Algorithm:
    from agent.algorithms.smart import SmartTurns

    return SmartTurns(setup.config, setup.replay, setup.seed, setup.hardware)


def _smart_networks(published: Mapping[str, Any]) -> "Networks":
    from agent.smart.networks import SmartNetworks

    return SmartNetworks.build(published)


def _saved_smart(state: Mapping[str, Any]) -> dict[str, Any]:
    from agent.algorithms.smart import published

    averages = {m: state["smart"]["averages"][m] for m in state["smart"]["modalities"]}
    return published(state["steps"], state["preset"], state["latent"], averages)


def _build_tdlft(setup: Setup) -> Algorithm:
    from agent.algorithms.tdlft import LipReading
    from agent.tdlft.turns import TdlftTurns

    config = TdlftTurnsConfig.from_dict(setup.sections.get("tdlft", {}))
    return LipReading(TdlftTurns(config, setup.tables, setup.seed))


def _together(kind: str, modalities: Sequence[str]) -> bool:
    """Events in which two modalities or more co-occur."""
    return len(set(kind.split("+")) & set(modalities)) > 1


def _build_contrastive(setup: Setup) -> Algorithm:
    from agent.algorithms.contrastive import Contrastive

    return Contrastive(setup)


def _joint_networks(published: Mapping[str, Any]) -> "Networks":
    from agent.algorithms.contrastive import JointNetworks

    return JointNetworks.build(published)


def _saved_contrastive(state: Mapping[str, Any]) -> dict[str, Any]:
    from agent.algorithms.contrastive import published

    return published(state)


SMART = register_algorithm(
    Declaration(
        name="smart",
        about="autoencoders whose latent spaces guide each other in turns",
        build=_build_smart,
        usable=_some,
        exams=(GENERATION, RETRIEVAL, CONSISTENCY),
        networks=_smart_networks,
        saved=_saved_smart,
    )
)
TDLFT = register_algorithm(
    Declaration(
        name="tdlft",
        about="lip reading of letters that were only heard, from labelled speech",
        build=_build_tdlft,
        usable=_letters,
        exams=(LIP_READING,),
        labels=True,
        settings=TdlftTurnsConfig,
        gauges={
            "turns": "TDLFT turns so far",
            "pairs": "pairs of speech and lips that the last TDLFT turn learned from",
            "heard": "labelled speech without lips that the last TDLFT turn had",
            "letters": "letters in the label space of the last TDLFT turn",
        },
    )
)
CONTRASTIVE = register_algorithm(
    Declaration(
        name="contrastive",
        about="one space for all senses, without decoders",
        build=_build_contrastive,
        usable=_together,
        exams=(RETRIEVAL,),
        networks=_joint_networks,
        saved=_saved_contrastive,
        settings=ContrastiveConfig,
        gauges={"temperature": "temperature of the comparison of events"},
    )
)
