import numpy as np
import pytest

from sensors.core.event import EventBatch
from sensors.signals.far_microphone import hear_from_afar
from teacher.derived import add_derived
from tests.agent.rigs import clips, images

FAR = {"audio_far": "audio"}


def heard(seed: int = 0, first: int = 0, pictures: bool = True) -> EventBatch:
    rng = np.random.default_rng(seed)
    labels = np.arange(8) % 3
    seq = np.arange(first, first + 8)
    moment = seq.astype(np.float64)
    samples = {"audio": clips(labels, rng)} | ({"image": images(labels, rng)} if pictures else {})
    return EventBatch("teacher", 0, seq, moment, moment, np.arange(8) // 4, samples)


def test_the_far_sound_is_later_duller_and_noisier() -> None:
    quiet = np.zeros((64, 1, 96, 96), np.uint8)
    click = quiet.copy()
    click[..., :80, 20] = 200
    far = hear_from_afar(click, np.random.default_rng(0)).astype(float)
    room = hear_from_afar(quiet, np.random.default_rng(0)).astype(float)
    delays = (far - room)[:, 0, :10].mean(1).argmax(1) - 20
    assert delays.min() >= 1 and delays.max() <= 6 and len(np.unique(delays)) > 3
    low, high = far[:, 0, :10].max(2).mean(), far[:, 0, 70:80].max(2).mean()
    assert low - high > 40
    assert room.std() > 5 and room[..., -5:].mean() > 5


def test_events_keep_their_ids_and_gain_a_modality() -> None:
    near = heard()
    far = add_derived(near, FAR, 3)
    assert far.kind == "audio+image+audio_far"
    assert all(np.array_equal(getattr(far, name), getattr(near, name)) for name in ("seq", "start", "end", "lesson"))
    assert np.array_equal(far.samples["audio"], near.samples["audio"])
    again = add_derived(heard(), FAR, 3)
    assert np.array_equal(far.samples["audio_far"], again.samples["audio_far"])
    assert not np.array_equal(far.samples["audio_far"], add_derived(near, FAR, 4).samples["audio_far"])


def test_sounds_alone_are_heard_by_one_microphone_or_the_other_or_both() -> None:
    kinds = [add_derived(heard(first=8 * k, pictures=False), FAR, 0).kind for k in range(60)]
    assert set(kinds) == {"audio", "audio_far", "audio+audio_far"}
    assert all(10 <= kinds.count(kind) <= 30 for kind in kinds)


def test_pictures_alone_stay_as_they_are() -> None:
    batch = heard()
    alone = EventBatch("t", 0, batch.seq, batch.start, batch.end, batch.lesson, {"image": batch.samples["image"]})
    assert add_derived(alone, FAR, 0) is alone


@pytest.mark.parametrize("delay", [1, 3])
def test_a_delay_cuts_the_end_and_leaves_the_beginning_to_the_room(delay: int) -> None:
    clip = np.zeros((1, 1, 96, 96), np.uint8)
    clip[..., -1] = 255
    far = hear_from_afar(clip, np.random.default_rng(0), latest=1, noise=0.0)
    assert not far.any()
    clip = np.roll(clip, -delay, axis=3)
    assert hear_from_afar(clip, np.random.default_rng(0), latest=1, noise=0.0)[0, 0, 0].argmax() == 96 - delay
