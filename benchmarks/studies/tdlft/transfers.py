"""How many vectors a second each embedding transfers, at the sizes of AV-Letters' networks.

    python benchmarks/studies/tdlft/transfers.py
    python benchmarks/studies/tdlft/transfers.py --pairs 480 --vectors 4000 --threads 1 --json

Rows are drawn at random: a transfer's time depends on their number and width alone. Layer 0 is 624 values of speech to
the 480 dimensions that 480 clips of lips span, layers 1…3 are hidden units. `frames` goes from 24 frames of speech to
12 frames of 15 x 20 blocks. Hyper-parameters are fixed, as a search in random rows finds nothing.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import torch

from agent.hardware import cpu_name
from agent.tdlft.config import EMBEDDINGS, EmbeddingConfig
from agent.tdlft.embeddings import build_embedding
from benchmarks.harness.cells import run_program

LAYERS = {0: (624, 480), 1: (1000, 1000), 2: (500, 500), 3: (250, 250)}
"""Widths of source and target by layer."""
FRAMES = (624, 3600)
FIXED = EmbeddingConfig(neighbours=5, correlations=40, regularisation=0.1, svr_cost=1.0, svr_width=1.0)
REPEATS = 3


def measure(pairs: int, vectors: int) -> Iterator[dict[str, Any]]:
    """A row for every embedding at every layer: seconds to fit, vectors a second, the best of a few repeats."""
    ways = [(name, layer, *sizes) for layer, sizes in LAYERS.items() for name in EMBEDDINGS]
    for name, layer, source, target in (*ways, ("frames", 0, *FRAMES)):
        rng = np.random.default_rng(0)
        a, v = (rng.normal(size=(pairs, width)).astype(np.float32) for width in (source, target))
        begun = time.perf_counter()
        embedding = build_embedding(name, FIXED).fit(a, v, rng)
        fitted = time.perf_counter() - begun
        rows = rng.normal(size=(vectors, source)).astype(np.float32)
        took = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            embedding.transfer(rows)
            took.append(time.perf_counter() - begun)
        yield {"embedding": name, "i": layer, "fit_s": fitted, "vectors_per_s": vectors / min(took)}


def main() -> None:
    """Print a table; with --json rows, one object a line."""
    parser = argparse.ArgumentParser(description="transfer rates of embeddings", allow_abbrev=False)
    parser.add_argument("--pairs", type=int, default=480, help="pairs that embeddings are fitted on (default 480)")
    parser.add_argument("--vectors", type=int, default=4000, help="vectors transferred at once (default 4000)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--json", action="store_true", help="print the rows, one JSON object a line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| embedding | i | fit, s | vectors/s |\n|---|---:|---:|---:|")
    rows = []
    for row in measure(options.pairs, options.vectors):
        print(f"| {row['embedding']} | {row['i']} | {row['fit_s']:.2f} | {row['vectors_per_s']:,.0f} |", flush=True)
        rows.append(row)
    print(f"\n{cpu_name()}, {options.threads} thread(s) of torch, {options.pairs} pairs, {date.today().isoformat()}")
    if options.json:
        for row in rows:
            print(json.dumps(row))


if __name__ == "__main__":
    run_program(main)
