from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.config import MonitorConfig
from agent.events.held_out import held_out
from agent.exams.consistency import LEAST_PAIRS, Clusters, Probe, agreement, explained, interval, match, remoteness
from agent.inference import build_networks
from agent.monitors.monitor import Findings
from agent.monitors.self_monitor import SelfMonitor
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import EventBatch
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import clips, config, images

FREE = ReplayConfig(samples_per_insert=0.0, capacity=600, capacity_single=600, min_size=1)


def points(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))


def test_measures_tell_the_same_from_chance() -> None:
    z, other = points(200, 0), points(200, 1)
    assert remoteness(z, z) < 1e-3 and abs(remoteness(z, other) - 1) < 0.05
    assert match(z, z) == 1.0 and abs(match(other, z) - 0.5) < 0.05
    assert match(torch.zeros(200, 16), torch.zeros(200, 16)) == 0.5, "one answer to everything is chance"
    assert explained(z, z) == 1.0 and abs(explained(z, z.mean(0).expand_as(z))) < 1e-5


def test_match_of_ten_equal_concepts_ends_where_it_is_said_to() -> None:
    centres = points(10, 0)[torch.arange(200) % 10]
    # Within a concept, which of its truths is nearest is chance.
    assert abs(match(centres, centres + 1e-3 * points(200, 1)) - (1 - 1 / 20)) < 0.01


def test_agreement_is_over_the_events_of_both() -> None:
    keys = np.arange(40)
    labels = keys % 4
    before = Clusters(keys, labels)
    assert agreement(before, Clusters(keys[10:], (labels[10:] + 1) % 4)) == 1.0, "names of clusters mean nothing"
    assert agreement(before, Clusters(keys + 35, labels)) is None, "five events are too few"
    shuffled = np.random.default_rng(0).permutation(labels)
    assert abs(agreement(before, Clusters(keys, shuffled)) or 0.0) < 0.3


def fill(directory: Path, count: int = 320) -> Buffer:
    """Pairs of four concepts, lessons of two, and pictures alone."""
    rng = np.random.default_rng(0)
    buffer = Buffer(directory, FREE)
    seq = np.arange(count)
    labels = seq // 2 % 4
    moment = seq.astype(np.float64)
    pairs = {"audio": clips(labels, rng), "image": images(labels, rng)}
    buffer.insert(EventBatch("rig", 0, seq, moment, moment, seq // 2, pairs))
    alone = {"image": images(labels[:40], rng)}
    buffer.insert(EventBatch("rig", 1, seq[:40], moment[:40], moment[:40], np.full(len(labels[:40]), -1), alone))
    return buffer


def test_a_probe_takes_the_newest_held_out_events(tmp_path: Path) -> None:
    with closing(fill(tmp_path)), closing(Reader(tmp_path)) as reader:
        probe = Probe.take(reader, ("audio", "image"), 1000, 0.2)
        out = held_out(np.arange(1, 321), np.arange(320) // 2, 0.2)
        lone = held_out(np.arange(1, 41), np.full(40, -1), 0.2)
        assert len(probe.pairs["audio"]) == out.sum()
        assert (probe.pairs["image"] == probe.single["image"][: out.sum()]).all()
        assert len(probe.single["image"]) == out.sum() + lone.sum()
        assert len(set(probe.keys["image"].tolist())) == len(probe.single["image"])
        everything = Probe.take(reader, ("audio", "image"), 100, 0.0)
        assert len(everything.pairs["audio"]) == 100 and len(everything.single["image"]) == 140
        _, newest = reader.newest("audio+image", 2).samples["image"]
        assert (everything.pairs["image"][-1] == newest).all()


def test_a_learner_becomes_consistent_with_itself_without_a_label(tmp_path: Path) -> None:
    with closing(fill(tmp_path)), closing(Reader(tmp_path)) as reader, closing(Reader(tmp_path)) as probe:
        it = SmartLearner(config(guides="pair", turn_steps=8), reader, 0)
        exam = SelfMonitor(MonitorConfig(every=600.0, probe_clusters=4), probe, 0.2)
        assert exam.ready and exam.due and not exam.train(1.0).figures
        it.step()
        first = exam.examine(build_networks(published(it)))
        assert not exam.due
        for _ in range(160):
            it.step()
        networks = build_networks(published(it))
        second, third = exam.examine(networks), exam.examine(networks, whole=True)
    assert "self/stability_image" not in first.figures, "there was no exam before"
    assert third.figures["self/stability_image"] == third.figures["self/stability_audio"] == 1.0, "nothing has changed"
    before, after = numbers(first), numbers(second)
    for name in ("image_to_audio", "audio_to_image"):
        assert after[f"self/match_{name}"] > max(0.75, before[f"self/match_{name}"])
    for m in ("image", "audio"):
        assert after[f"self/cycle_{m}"] < min(0.9, before[f"self/cycle_{m}"])
        assert after[f"self/reconstruction_{m}"] > max(0.1, before[f"self/reconstruction_{m}"])
    assert third.note.startswith("final self-exam at step 161 of smart on ") and "held-out events: match " in third.note


def numbers(findings: Findings) -> dict[str, float]:
    return {key: float(value) for key, value in findings.figures.items() if not isinstance(value, str)}


def test_an_interval_of_a_share_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert interval(hits / count, count) == pytest.approx((low, high), abs=5e-5)
    low, high = interval(1.0, 1)
    assert low < 0.25 and high == 1.0


def test_the_interval_of_a_match_holds_the_true_one_however_few_events_there_are() -> None:
    def draw(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        # Of three events in ten, what is evoked is of another concept.
        rng = torch.Generator().manual_seed(seed)
        concepts = torch.randint(10, (count,), generator=rng)
        wrong = torch.randint(10, (count,), generator=rng)
        evoked = torch.where(torch.rand(count, generator=rng) < 0.3, wrong, concepts)
        noise = 0.3 * torch.randn(2, count, 16, generator=rng)
        return points(10, 0)[evoked] + noise[0], points(10, 0)[concepts] + noise[1]

    true = float(np.mean([match(*draw(400, seed)) for seed in range(20)]))
    for count, widest in ((LEAST_PAIRS, 0.7), (20, 0.4)):
        ends = [interval(match(*draw(count, 1000 + seed)), count) for seed in range(400)]
        assert np.mean([low <= true <= high for low, high in ends]) >= 0.95
        assert max(high - low for low, high in ends) < widest


@pytest.mark.parametrize(
    ("pairs", "share", "measured", "wanted"),
    [
        (4, 0.01, False, "match and cycle want 4 held-out pairs, there are 2; stability and explained want 8"),
        (14, 0.2, True, "stability and explained want 8 held-out events, there are 4 audio"),
        (320, 0.2, True, ""),
        (4, 0.0, True, "stability and explained want 8 known events, there are 4 audio"),
    ],
)
def test_from_the_first_exam_on_what_can_be_told_is_told_and_what_more_is_needed(
    tmp_path: Path, pairs: int, share: float, measured: bool, wanted: str
) -> None:
    with closing(fill(tmp_path, pairs)) as buffer, closing(Reader(tmp_path)) as reader:
        assert buffer.stats()
        it = SmartLearner(config(min_events=2), reader, 0)
        it.step()
        exam = SelfMonitor(MonitorConfig(), reader, share)
        found, again = (exam.examine(build_networks(published(it))) for _ in range(2))
    figures = numbers(found)
    waiting = str(found.figures["self/waiting"])
    assert waiting.startswith(wanted) and bool(waiting) == bool(wanted)
    assert waiting in found.note and found.note.startswith("self-exam at step 1 of smart on ")
    # What does not change is not said again and again.
    assert bool(again.note) == measured and again.figures["self/waiting"] == waiting
    count = figures["self/pairs"]
    assert figures["self/lessons"] == count / 2 and figures["self/events_audio"] == count
    for name in ("match_image_to_audio", "match_audio_to_image", "cycle_image", "cycle_audio"):
        assert (f"self/{name}" in figures) == measured
        if measured and name.startswith("match"):
            low, high = figures[f"self/low_{name}"], figures[f"self/high_{name}"]
            assert (low, high) == interval(figures[f"self/{name}"], int(count / 2))
    assert ("self/reconstruction_audio" in figures) == ("self/stability_audio" in numbers(again)) == (not wanted)
