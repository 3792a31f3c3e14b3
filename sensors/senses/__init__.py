"""The senses: what the program knows about each kind of sample. Importing this package registers its own senses."""

from sensors.senses import audio, audio_far, image, letter, lips, speech
from sensors.senses.contract import Derived, Flaws, Sense, Stream, register_sense, sense, senses
from sensors.senses.settings import SensesConfig, configure, configured, forms, senses_config

__all__ = [
    "Derived",
    "Flaws",
    "Sense",
    "SensesConfig",
    "Stream",
    "configure",
    "configured",
    "forms",
    "register_sense",
    "sense",
    "senses",
    "senses_config",
]

# Kinds of event, the names of tables and saved weights depend on this order: a new sense comes last.
for _own in (audio, image, speech, lips, audio_far, letter):
    register_sense(_own.SENSE)
