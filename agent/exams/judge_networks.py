"""Networks of the judges: two of different make for each layout, and a reference of the learner's own size.

* `first`: the judge that grades.
* `second`: an independent check that what is generated is not to one judge's taste alone.
* `reference`: the learner's own encoder with one linear layer behind its latent. Trained with labels, it tells how
  much of the concepts this encoder can find at all.
"""

from torch import Tensor, nn

from agent.config import LATENT
from agent.networks.build import build_autoencoder
from agent.networks.layouts import layout_of
from sensors.core.errors import ConfigError
from sensors.core.modalities import modality as registered

NETWORKS = ("first", "second", "reference")


def build_judge(modality: str, network: str, preset: str = "small", concepts: int = 10) -> nn.Module:
    """An untrained classifier, its weights drawn from torch's global generator.

    Args:
        modality: whose samples it judges; the layout decides the network.
        network: 'first', 'second' or 'reference'.
        preset: of the reference's encoder.
        concepts: classes.

    Returns:
        A module from (B, *shape) float 0…1 to (B, concepts) logits.

    Raises:
        ConfigError: no such network or preset, or none for this modality.
    """
    if network == "reference":
        return Reference(modality, preset, concepts)
    if network not in NETWORKS:
        raise ConfigError(f"judge of {modality!r}, network {network!r}: choose one of {', '.join(NETWORKS)}")
    kind = registered(modality)
    layout = layout_of(kind.layout, kind.shape, modality)
    if network not in layout.judges:
        known = ", ".join(layout.judges) or "none"
        raise ConfigError(f"judge of {modality!r}: layout {layout.name!r} has no judge {network!r}; it has {known}")
    return layout.judges[network](kind.shape, concepts)


class Reference(nn.Module):
    """The learner's encoder E, as far as the normalised latent z, and one linear layer."""

    def __init__(self, modality: str, preset: str, concepts: int) -> None:
        super().__init__()
        autoencoder = build_autoencoder(registered(modality), preset, LATENT)
        self.encoder, self.norm = autoencoder.encoder, autoencoder.norm
        self.verdict = nn.Linear(LATENT, concepts)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, *shape) to (B, concepts)."""
        out: Tensor = self.verdict(self.norm(self.encoder(x)))
        return out
