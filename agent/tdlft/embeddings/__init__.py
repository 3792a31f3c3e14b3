"""Embeddings T_A->V: maps from one network's layer into the other's, learnt from parallel rows (section 3.1)."""

from agent.tdlft.config import EMBEDDINGS, EmbeddingConfig
from agent.tdlft.embeddings.contract import Embedding
from agent.tdlft.embeddings.frames import FrameEmbedding
from agent.tdlft.embeddings.identity import IdentityEmbedding
from agent.tdlft.embeddings.knn import KnnEmbedding
from agent.tdlft.embeddings.ncca import NccaEmbedding
from agent.tdlft.embeddings.svr import SvrEmbedding
from agent.tdlft.embeddings.transcoder import TranscoderEmbedding
from sensors.core.errors import TransferError

__all__ = [
    "Embedding",
    "FrameEmbedding",
    "IdentityEmbedding",
    "KnnEmbedding",
    "NccaEmbedding",
    "SvrEmbedding",
    "TranscoderEmbedding",
    "build_embedding",
]

_KINDS: dict[str, type[Embedding]] = {
    "knn": KnnEmbedding,
    "svr": SvrEmbedding,
    "ncca": NccaEmbedding,
    "transcoder": TranscoderEmbedding,
    "frames": FrameEmbedding,
    "identity": IdentityEmbedding,
}


def build_embedding(name: str, config: EmbeddingConfig) -> Embedding:
    """An unfitted embedding: 'knn', 'svr', 'ncca', 'transcoder', 'frames', or the oracle's 'identity'.

    Raises:
        TransferError: no such embedding.
    """
    if name not in _KINDS:
        raise TransferError(f"embedding {name!r}: choose one of {', '.join(EMBEDDINGS)}")
    return _KINDS[name](config)
