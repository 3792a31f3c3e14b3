"""Autoencoders of one modality, chosen by the modality's layout.

Three presets share one idea: convolutions down to a latent z of 512 numbers, and back.

* `paper`: 21 convolution layers and 2 fully connected layers, max pooling and upsampling, batch normalisation and
  leaky ReLU, transcoders of 5 fully connected layers (SMART, section 3).
* `medium`: sized for one GPU; the decoder is lighter than the encoder, and z is whitened
  (`agent/networks/whitening.py`).
* `small`: sized for two CPU cores; strided stems keep full resolution cheap.

A layout has networks for all of them or for some.
"""

from agent.config import LATENT, PRESETS
from agent.networks.autoencoder import Autoencoder
from agent.networks.layouts import layout_of
from sensors.core.errors import ConfigError
from sensors.core.modalities import Modality


def build_autoencoder(modality: Modality, preset: str, latent: int = LATENT) -> Autoencoder:
    """The autoencoder of a modality.

    Args:
        modality: its layout decides the network.
        preset: one of `PRESETS`.
        latent: size of z.

    Raises:
        ConfigError: the preset is unknown, or there is no network for this layout, shape or preset.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
    layout = layout_of(modality.layout, modality.shape, modality.name)
    if preset not in layout.autoencoders:
        raise ConfigError(
            f"modality {modality.name!r}: layout {layout.name!r} has no network of preset {preset!r}; "
            f"set learner.preset to {' or '.join(layout.autoencoders)}"
        )
    return layout.autoencoders[preset](modality.shape, latent)
