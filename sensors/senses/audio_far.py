"""The sense `audio_far`: what a second microphone, far from the speaker, hears of the same sound."""

import dataclasses

from sensors.senses import audio
from sensors.senses.contract import Derived, Flaws, Sense
from sensors.senses.drawing import spectrogram_view
from sensors.signals.far_microphone import hear_from_afar
from sensors.signals.flaws import add_noise

SENSE = Sense(
    modality=dataclasses.replace(audio.SENSE.modality, name="audio_far"),
    about="sound as a microphone far from the speaker hears it",
    view=spectrogram_view,
    hear=audio.hear,
    form=audio.form,
    flaws=Flaws(noise=add_noise, wear=audio.wear),
    derived=Derived("audio", hear_from_afar),
    log_mel=True,
)
