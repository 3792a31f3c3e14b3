"""Pictures of both latent spaces before and after, for `guides.py`."""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.manifold import TSNE

from agent.config import GuideConfig
from benchmarks.harness.cells import cell_folder, read_rows
from benchmarks.studies.smart.guide_cells import load_questions

PLAIN = {"guides", "clusters", "lesson", "wrong", "seed", "steps", "data"}
"""Settings of a cell on undisturbed plain pairs."""


def draw_latents(out: Path) -> Path | None:
    """Draw the first finished cell with the default guides: t-SNE of both spaces before and after learning.

    Returns:
        The picture, `latents.png` in `out`; None when no such cell is finished, or matplotlib is not installed.
    """
    cells = [json.loads(row["cell"]) for row in read_rows(out)]
    plain = [
        cell
        for cell in cells
        if set(cell) == PLAIN and cell["guides"] == GuideConfig().guides and cell["lesson"] == 1 and not cell["wrong"]
    ]
    if not plain:
        return None
    cell = max(plain, key=lambda c: c["steps"])
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("no pictures: they need matplotlib (pip install -e '.[bench]')", file=sys.stderr)
        return None
    folder, concepts = cell_folder(out, cell), load_questions(cell)
    figure, axes = plt.subplots(2, 2, figsize=(9, 9), layout="constrained")
    for row, name in enumerate(("image", "audio")):
        for column, (when, file) in enumerate((("before", "latents-0.npz"), ("after", "latents-1.npz"))):
            # A clip that is the partner of several images is drawn once.
            z, first = np.unique(np.load(folder / file)[name], axis=0, return_index=True)
            place = TSNE(2, init="pca", random_state=0, perplexity=30).fit_transform(z)
            axis = axes[row, column]
            axis.scatter(*place.T, c=concepts[first], cmap="tab10", s=5)
            axis.set_title(f"{name}, {when}")
            axis.set_xticks([])
            axis.set_yticks([])
    figure.suptitle("Latents of held-out samples, coloured by digit (labels colour only)")
    path = out / "latents.png"
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path
