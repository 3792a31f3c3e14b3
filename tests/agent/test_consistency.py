from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from agent.config import MonitorConfig
from agent.consistency import Clusters, Probe, agreement, examine_self, explained, match, remoteness
from agent.held_out import held_out
from agent.inference import Networks
from agent.learner import Learner
from agent.self_monitor import SelfMonitor
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.event import EventBatch
from tests.agent.rigs import clips, config, images
from tests.agent.test_exam import published

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


def test_a_probe_is_what_is_held_out_and_newest(tmp_path: Path) -> None:
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
        it = Learner(config(guides="pair", turn_steps=8), reader, 0)
        exam = SelfMonitor(MonitorConfig(every=1.0, probe_clusters=4), probe, 0.2)
        assert exam.ready and exam.due and not exam.train(1.0).figures
        it.step()
        first = exam.examine(Networks.build(published(it)))
        assert not exam.due
        for _ in range(160):
            it.step()
        networks = Networks.build(published(it))
        second, third = exam.examine(networks), exam.examine(networks, whole=True)
    assert "self/stability_image" not in first.figures, "there was no exam before"
    assert third.figures["self/stability_image"] == third.figures["self/stability_audio"] == 1.0, "nothing has changed"
    before = {k: float(v) for k, v in first.figures.items()}
    after = {k: float(v) for k, v in second.figures.items()}
    for name in ("image_to_audio", "audio_to_image"):
        assert after[f"self/match_{name}"] > max(0.75, before[f"self/match_{name}"])
    for m in ("image", "audio"):
        assert after[f"self/cycle_{m}"] < min(0.9, before[f"self/cycle_{m}"])
        assert after[f"self/reconstruction_{m}"] > max(0.1, before[f"self/reconstruction_{m}"])
    assert third.note.startswith("final self-exam at step 161 on ") and "held-out events: match " in third.note


def test_with_hardly_any_event_nothing_is_said(tmp_path: Path) -> None:
    with closing(fill(tmp_path, 4)) as buffer, closing(Reader(tmp_path)) as reader:
        assert buffer.stats()
        it = Learner(config(min_events=2), reader, 0)
        it.step()
        networks = Networks.build(published(it))
        assert examine_self(networks, Probe.take(reader, ("audio", "image"), 100, 0.01), {}, 4) == {}
        found = SelfMonitor(MonitorConfig(), reader, 0.01).examine(networks)
        assert not found.figures and not found.note
