import pytest
import torch
from torch import Tensor

from agent.config import GuideConfig
from agent.smart.guides import ClusterGuides, LessonGuides, PairGuides, build_guides
from sensors.core.errors import StateError
from sensors.core.event import NO_LESSON

NAMES = ("audio", "image")


def planted(count: int, concepts: int, seed: int, noise: float = 0.3) -> tuple[dict[str, Tensor], Tensor]:
    """Latents around one centre a concept in each space."""
    g = torch.Generator().manual_seed(99)
    centres = {m: torch.randn(concepts, 16, generator=g) for m in NAMES}
    g = torch.Generator().manual_seed(seed)
    concept = torch.randint(concepts, (count,), generator=g)
    return {m: c[concept] + noise * torch.randn(count, 16, generator=g) for m, c in centres.items()}, concept


def clusters(k: int = 5, bank: int = 512) -> ClusterGuides:
    return ClusterGuides(GuideConfig(clusters=k, bank=bank), NAMES, 16, 0)


def test_pair_gives_each_event_its_partner() -> None:
    z, _ = planted(8, 2, 0)
    targets = PairGuides().targets(z, torch.arange(8))
    assert all(torch.equal(targets[m], z[m]) for m in NAMES)


def test_lesson_gives_the_medoid_of_the_lesson() -> None:
    z = {"audio": torch.tensor([[0.0], [1.0], [9.0], [5.0]]), "image": torch.tensor([[4.0], [4.5], [0.0], [7.0]])}
    targets = LessonGuides().targets(z, torch.tensor([3, 3, 3, NO_LESSON]))
    assert targets["audio"].flatten().tolist() == [1.0, 1.0, 1.0, 5.0]
    assert targets["image"].flatten().tolist() == [4.0, 4.0, 4.0, 7.0]


def test_clusters_find_planted_concepts() -> None:
    guides = clusters()
    z, _ = planted(512, 5, 1)
    guides.observe(z)
    for _ in range(4):
        guides.refresh()
    fresh, concept = planted(256, 5, 2)
    found = guides.assign(fresh)
    pure = sum(int(torch.bincount(concept[found == c]).max()) for c in set(found.tolist()))
    assert pure / 256 > 0.95


def test_cluster_guides_are_real_latents_nearest_their_centre() -> None:
    guides = clusters()
    z, _ = planted(300, 5, 1)
    guides.observe(z)
    guides.refresh()
    for m in NAMES:
        assert all((z[m] == g).all(1).any().item() for g in guides.guides[m])
    nearest = guides.assign(z)
    part = z["audio"][nearest == 0]
    far = (part - part.mean(0)).square().sum(1)
    assert torch.equal(guides.guides["audio"][0], part[far.argmin()])


def test_guides_stay_within_a_turn_and_follow_after_it() -> None:
    guides = clusters()
    guides.observe(planted(128, 5, 1)[0])
    assert guides.targets(planted(8, 5, 3)[0], torch.arange(8)) == {}
    guides.refresh()
    before = {m: g.clone() for m, g in guides.guides.items()}
    guides.observe({m: z + 5 for m, z in planted(512, 5, 4)[0].items()})
    assert all(torch.equal(before[m], guides.guides[m]) for m in NAMES)
    guides.refresh()
    assert not torch.equal(before["audio"], guides.guides["audio"])


def test_the_bank_forgets_the_oldest() -> None:
    guides = clusters(bank=64)
    guides.observe({m: torch.zeros(48, 16) for m in NAMES})
    guides.observe({m: torch.ones(40, 16) for m in NAMES})
    assert guides.filled == 64
    assert int((guides.bank.sum(1) == 0).sum()) == 24


def test_cluster_state_goes_on_bitwise() -> None:
    whole, saved = clusters(bank=96), clusters(bank=96)
    for seed in range(3):
        for g in (whole, saved):
            g.observe(planted(40, 5, seed)[0])
            g.refresh()
    again = clusters(bank=96)
    again.load_state_dict(saved.state_dict())
    for g in (whole, again):
        g.observe(planted(40, 5, 7)[0])
        g.refresh()
    assert all(torch.equal(whole.guides[m], again.guides[m]) for m in NAMES)
    assert torch.equal(whole.centres, again.centres)


@pytest.mark.parametrize(("name", "kind"), [("pair", PairGuides), ("lesson", LessonGuides), ("cluster", ClusterGuides)])
def test_strategies_by_name(name: str, kind: type) -> None:
    assert isinstance(build_guides(GuideConfig(guides=name), NAMES, 16, 0), kind)


@pytest.mark.parametrize(("name", "k", "bank"), [("clusters", 4, 96), ("bank", 5, 64)])
def test_a_state_of_other_sizes_is_refused_with_the_remedy(name: str, k: int, bank: int) -> None:
    saved = clusters(5, 96)
    saved.observe(planted(40, 5, 0)[0])
    with pytest.raises(StateError, match=f"--set learner.{name}="):
        clusters(k, bank).load_state_dict(saved.state_dict())
