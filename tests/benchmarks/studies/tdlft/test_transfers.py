from agent.tdlft.config import EMBEDDINGS
from benchmarks.studies.tdlft.transfers import LAYERS, measure


def test_every_embedding_is_measured_at_every_layer() -> None:
    rows = list(measure(pairs=24, vectors=50))
    assert [(r["embedding"], r["i"]) for r in rows] == [
        *((name, layer) for layer in LAYERS for name in EMBEDDINGS),
        ("frames", 0),
    ]
    assert all(r["vectors_per_s"] > 0 and r["fit_s"] > 0 for r in rows)
