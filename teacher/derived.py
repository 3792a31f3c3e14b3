"""Senses that are computed from others, such as what a second microphone, far from the speaker, hears.

What co-occurs then has the derived sense, too: 'audio+image+audio_far'. An event of the one sense that it is computed
from becomes an event of that one, of the derived one, or of both, by chance: each sense has events of its own, and some
events have two of the three.
"""

from collections.abc import Mapping

import numpy as np

from sensors.core.event import EventBatch
from sensors.senses import sense


def add_derived(batch: EventBatch, derived: Mapping[str, str], seed: int) -> EventBatch:
    """The batch with senses that are computed from its own.

    Args:
        batch: of a simulated teacher; senses that are computed from none of its own leave it as it is.
        derived: sense -> the sense that it is computed from.
        seed: of the teacher's machine.

    Returns:
        The same events, with the same ids, times and lessons: a function of only the arguments.
    """
    samples = dict(batch.samples)
    alone = len(samples) == 1
    for number, (name, of) in enumerate(derived.items()):
        if of not in batch.samples:
            continue
        rng = np.random.default_rng(np.random.SeedSequence([seed, batch.generation, int(batch.seq[0]), 2 + number]))
        rule = sense(name).derived
        assert rule is not None, f"{name} is derived"
        made = {name: rule.make(batch.samples[of], rng)}
        both = {**samples, **made}
        samples = (samples, made, both)[int(rng.integers(3))] if alone else both
    if samples.keys() == batch.samples.keys():
        return batch
    return EventBatch(batch.source, batch.generation, batch.seq, batch.start, batch.end, batch.lesson, samples)
