"""A second microphone, far from the speaker: a third modality that hears every sound in its own, poorer way.

What co-occurs is then seen and heard twice, 'audio+image+audio_far'. A sound without a picture is heard by the near
microphone, by the far one or by both, by chance: each modality has events of its own, and some events have two of the
three.
"""

import numpy as np

from sensors.event import EventBatch
from sensors.far_microphone import hear_from_afar

NEAR, FAR = "audio", "audio_far"
"""What the two microphones' samples are called."""


def add_far_microphone(batch: EventBatch, seed: int) -> EventBatch:
    """The batch as it comes from a room with a second microphone.

    Args:
        batch: of a simulated teacher; a batch without sound comes back as it is.
        seed: of the teacher's machine.

    Returns:
        The same events, with the same ids, times and lessons: a function of the batch and the seed alone.
    """
    if NEAR not in batch.samples:
        return batch
    rng = np.random.default_rng(np.random.SeedSequence([seed, batch.generation, int(batch.seq[0]), 2]))
    far = {FAR: hear_from_afar(batch.samples[NEAR], rng)}
    near, both = dict(batch.samples), {**batch.samples, **far}
    samples = both if len(near) > 1 else (near, far, both)[int(rng.integers(3))]
    return EventBatch(batch.source, batch.generation, batch.seq, batch.start, batch.end, batch.lesson, samples)
