import argparse

import numpy as np
import pytest
import torch

from agent.config import GuideConfig, NetworkConfig, SmartConfig
from agent.smart.update import Smart
from benchmarks.studies.smart.guide_cells import purity
from benchmarks.studies.smart.guide_variants import VARIANTS, Together, replace_guides
from benchmarks.studies.smart.guides import STUDIES, cells, report
from sensors.core.errors import ConfigError


def make(guides: str = "cluster") -> Smart:
    config = GuideConfig(guides=guides, clusters=4, bank=64)
    network = NetworkConfig(latent=16)
    return Smart(("audio", "image"), network, SmartConfig(), config, torch.device("cpu"), "float32", 0)


def latents(seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    corners = torch.randn(4, 16, generator=g) * 5
    rows = torch.arange(48) % 4
    return {m: corners[rows] + 0.1 * torch.randn(48, 16, generator=g) for m in ("audio", "image")}


def options(**changes: object) -> argparse.Namespace:
    return argparse.Namespace(**{"only": "", "seeds": "0", "steps": 60, "data": None, "part": "validation", **changes})


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_guide_every_event(name: str) -> None:
    smart = make()
    replace_guides(smart, name)
    z = latents(0)
    for _ in range(3):
        smart.guides.observe(z)
        smart.guides.refresh()
    targets = smart.guides.targets(z, torch.zeros(48, dtype=torch.int64))
    assert {m: t.shape for m, t in targets.items()} == {m: (48, 16) for m in z}
    groups = smart.guides.assign(z)  # type: ignore[attr-defined]  # all variants are clusters
    assert purity(groups.numpy(), np.arange(48) % 4) == 1.0


def test_only_clusters_have_variants() -> None:
    with pytest.raises(ConfigError, match="refit"):
        replace_guides(make(), "renew")
    with pytest.raises(ConfigError, match="cluster"):
        replace_guides(make("pair"), "refit")


def test_together_trains_both_sides_on_one_batch() -> None:
    smart = make("pair")
    smart.__class__ = Together
    x = {"audio": torch.rand(6, 1, 96, 96), "image": torch.rand(6, 1, 32, 32)}
    losses = smart.step("image", x, torch.arange(6))
    assert set(losses) == {"image/reconstruction", "image/audio", "audio/reconstruction", "audio/image"}
    assert smart.steps == {"audio": 1, "image": 1}
    assert set(smart.step("image", {"image": x["image"]}, torch.arange(6))) == {"image/reconstruction"}


def test_purity_counts_the_most_frequent_concept_of_each_cluster() -> None:
    assert purity(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 2, 3, 3])) == pytest.approx(0.8)


def test_cells_are_named_once_and_studies_by_name() -> None:
    found = list(cells(options(seeds="0,1")))
    assert len({str(sorted(c.items(), key=str)) for c in found}) == len(found)
    assert {c["seed"] for c in found} == {0, 1}
    with pytest.raises(ConfigError, match="strategies"):
        list(cells(options(only="clever")))


def test_a_report_has_a_line_for_each_setting() -> None:
    rows = [{**cell, "image_to_audio": 0.5 + 0.01 * k} for k, cell in enumerate(cells(options(only="wrong")))]
    text = report(rows, ["wrong", "turns"])
    tables = dict(part.split("\n", 1) for part in text.split("## ")[1:])
    # Every line of a table but its head and the one below it is a setting; turns alone were not run otherwise.
    assert [tables["wrong"].count("\n| "), tables["turns"].count("\n| ")] == [len(STUDIES["wrong"]) + 2, 1 + 2]
