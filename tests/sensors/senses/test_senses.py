"""What every registered sense must keep, the program's own and those of plugins."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from sensors.core.config import Config
from sensors.core.errors import ConfigError, EventError, SampleError
from sensors.core.modalities import Modality, kind_of, modality
from sensors.senses import Flaws, Sense, configure, configured, register_sense, sense, senses, senses_config
from sensors.senses.settings import form_changes, forms

OTHERS: dict[str, dict[str, Any]] = {"image": {"size": 96, "color": True}, "audio": {"frames": 64, "bands": 128}}
"""Settings under which the program's own senses have another form than by default."""
NAMES = list(senses())


@pytest.fixture(params=["default", "others"], autouse=True)
def settings(request: pytest.FixtureRequest, forms: Callable[..., None]) -> None:
    """Every sense is tried under its default settings, and under others."""
    forms(**(OTHERS if request.param == "others" else {}))


def random_samples(form: Modality, count: int, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if form.dtype.kind == "f":
        low, high = max(form.low, -100.0), min(form.high, 100.0)
        return rng.uniform(low, high, (count, *form.shape)).astype(form.dtype)
    return rng.integers(0, np.iinfo(form.dtype.name).max, (count, *form.shape), form.dtype, endpoint=True)


def sound_file(ending: str) -> bytes:
    kinds = {".oga": "OGG", ".opus": "OGG", ".wave": "WAV", ".aif": "AIFF", ".aifc": "AIFF", ".snd": "AU"}
    kind = kinds.get(ending, ending[1:].upper())
    memory = io.BytesIO()
    wave = np.sin(np.arange(16_000) / 8).astype(np.float32)
    soundfile.write(memory, wave, 16_000, format=kind, subtype="OPUS" if ending == ".opus" else None)
    return memory.getvalue()


def picture_file(ending: str) -> bytes:
    Image.init()
    memory = io.BytesIO()
    kind = {".apng": "PNG", ".jpx": "JPEG2000"}.get(ending) or Image.EXTENSION[ending]
    picture = Image.new("RGB", (64, 48), (200, 120, 40))
    picture.paste((20, 20, 90), (0, 0, 30, 48))
    (picture.convert("1") if ending == ".pbm" else picture).save(memory, kind)
    return memory.getvalue()


FILES: dict[str, Callable[[str], bytes]] = {"audio": sound_file, "image": picture_file}


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_form_and_words_for_people(name: str) -> None:
    each, form = sense(name), modality(name)
    assert each.name == form.name == name and each.about and form.unit
    assert (form.layout, form.dtype) == (each.modality.layout, each.modality.dtype)
    assert form.nbytes > 0 and form.scale > 0 and form.low < form.high
    assert kind_of([name]) == name


@pytest.mark.parametrize("name", NAMES)
def test_any_sample_can_be_looked_at(name: str) -> None:
    form = modality(name)
    blank = form.stored(np.zeros(form.shape))
    for sample in (blank, *random_samples(form, 3)):
        picture = sense(name).view(sample)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_heard_gives_a_waveform(name: str) -> None:
    hear, form = sense(name).hear, modality(name)
    if hear is None:
        pytest.skip("it cannot be heard")
    wave = hear(random_samples(form, 1)[0])
    assert wave.dtype == np.float32 and wave.ndim == 1 and len(wave) and np.abs(wave).max() <= 1
    assert hear(np.zeros(form.shape, form.dtype)).shape == (0,), "silence"


@pytest.mark.parametrize("name", NAMES)
def test_flaws_keep_shape_and_dtype_and_leave_the_input_alone(name: str) -> None:
    flaws, form = sense(name).flaws, modality(name)
    if flaws is None:
        pytest.skip("it has no flaws")
    samples = random_samples(form, 5)
    before = samples.copy()
    each = np.linspace(0.0, 0.2, 5)
    rng = np.random.default_rng
    made = {"noise": flaws.noise(samples, 0.1, rng(0)), "noise of each": flaws.noise(samples, each, rng(0))}
    if flaws.vary is not None:
        made["vary"] = flaws.vary(samples, rng(0))
        assert np.array_equal(made["vary"], flaws.vary(samples, rng(0))), "the same random numbers, the same moves"
    if flaws.wear is not None:
        made["wear"] = flaws.wear(samples, each, 1 - each, rng(0))
    for what, disturbed in made.items():
        assert disturbed.shape == samples.shape and disturbed.dtype == samples.dtype, what
        assert not np.shares_memory(disturbed, samples) and not np.array_equal(disturbed, samples), what
        assert disturbed.min() >= form.low and disturbed.max() <= form.high, what
    assert np.array_equal(samples, before)
    assert np.array_equal(made["noise of each"][0], samples[0]), "no noise changes nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_each_ending_becomes_a_sample(name: str, tmp_path: Path) -> None:
    each, form = sense(name), modality(name)
    if each.load is None:
        pytest.skip("it is not read from files")
    for ending in each.endings:
        assert ending == ending.lower() and ending.startswith(".")
        path = tmp_path / f"one{ending}"
        path.write_bytes(FILES[name](ending))
        sample = each.load(path)
        assert sample.shape == form.shape and sample.dtype == form.dtype, ending
        assert sample.std() > 0, ending
    broken = tmp_path / f"broken{each.endings[0]}"
    broken.write_bytes(b"")
    with pytest.raises(SampleError, match="broken") as caught:
        each.load(broken)
    assert 0 < len(caught.value.reason) < 40


@pytest.mark.parametrize("name", NAMES)
def test_a_derived_sense_is_made_of_samples_of_another(name: str) -> None:
    derived = sense(name).derived
    if derived is None:
        pytest.skip("it is of its own")
    made = derived.make(random_samples(modality(derived.of), 4), np.random.default_rng(0))
    assert made.shape == (4, *modality(name).shape) and made.dtype == modality(name).dtype


def test_kinds_keep_their_order() -> None:
    assert NAMES[:6] == ["audio", "image", "speech", "lips", "audio_far", "letter"]
    assert kind_of(["letter", "audio_far", "lips", "image", "audio"]) == "audio+image+lips+audio_far+letter"


def test_settings_give_forms_and_the_far_microphone_follows_the_near_one() -> None:
    configure(OTHERS)
    assert modality("image").shape == (3, 96, 96)
    assert modality("audio").shape == modality("audio_far").shape == (1, 128, 64)
    assert configured()["image"] == {"size": 96, "color": True}
    configure({"image": {"color": True}})
    assert modality("image").shape == (3, 32, 32) and modality("audio").shape == (1, 96, 96)
    for values, told in (
        ({"image": {"size": 33}}, "image.size=33: choose one of 32"),
        ({"smell": {}}, "unknown setting smell"),
        ({"speech": {}}, "unknown setting speech"),
    ):
        with pytest.raises(ConfigError, match=told):
            configure(values)
    assert modality("image").shape == (3, 32, 32), "what is refused changes nothing"


def test_only_settings_that_change_a_form_are_changes_of_the_form() -> None:
    kind = senses_config()
    assert form_changes(kind(), kind()) == []
    other = kind.from_dict(OTHERS)
    told = form_changes(kind(), other)
    assert sorted(told) == [
        "audio.bands: 96 -> 128",
        "audio.frames: 96 -> 64",
        "image.color: False -> True",
        "image.size: 32 -> 96",
    ]


def test_a_picture_is_scaled_and_its_middle_taken(tmp_path: Path) -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = (250, 120, 10)
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    configure({"image": {"size": 64, "color": True}})
    load = sense("image").load
    assert load is not None
    sample = load(path)
    assert (sample[:, 8:-8, 8:-8].reshape(3, -1).T == (250, 120, 10)).all(), "red, green, blue"
    configure({"image": {"size": 64}})
    grey = load(path)
    assert grey.shape == (1, 64, 64) and abs(int(grey[0, 32, 32]) - 146) <= 1


def test_a_sound_that_would_be_cut_is_refused(tmp_path: Path) -> None:
    load = sense("audio").load
    assert load is not None
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 5 * 16_000), 16_000)
    configure({})
    assert load(path).any()
    configure({"audio": {"frames": 32}})
    with pytest.raises(SampleError, match=r"5\.00 s of sound; cut it, or give more audio\.frames") as caught:
        load(path)
    assert caught.value.reason == "too long"


class Wild(Config):
    """Settings of a sense that would be another one under them."""


def test_what_contradicts_itself_is_refused(plugins_undone: None) -> None:
    form = Modality("smell", (8,), np.dtype(np.uint8), "", 1.0, "label")
    plain = Sense(form, "smells", sense("letter").view)
    for wrong, told in (
        (dataclasses.replace(plain, endings=(".smell",)), "both `endings` and `load`"),
        (dataclasses.replace(plain, modality=modality("image")), "'image' is registered already"),
        (dataclasses.replace(plain, modality=dataclasses.replace(form, name="A smell")), "lower-case identifier"),
        (dataclasses.replace(plain, form=lambda modality, config: form), "give `settings`, too"),
        (dataclasses.replace(plain, modality=dataclasses.replace(form, name="pairing")), "figures have this name"),
        (dataclasses.replace(plain, stream="ears"), "its stream is no sensors.senses.Stream"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match=told):
            register_sense(wrong)
    assert "smell" not in senses()
    with pytest.raises(EventError, match="unknown sense 'smell'; registered: audio"):
        sense("smell")
    other = dataclasses.replace(form, dtype=np.dtype(np.uint16))
    register_sense(dataclasses.replace(plain, settings=Wild, form=lambda modality, config: other))
    with pytest.raises(ConfigError, match="'smell': its settings may change only the shape, range and unit"):
        forms(senses_config()())


def test_noise_of_measurements_is_a_share_of_their_range() -> None:
    flaws = sense("speech").flaws
    assert isinstance(flaws, Flaws)
    rng = np.random.default_rng(0)
    samples = (rng.standard_normal((400, *modality("speech").shape)) * np.linspace(1, 50, 26)).astype(np.float32)
    noise = flaws.noise(samples, 0.1, rng) - samples
    assert noise.std(axis=(0, 1)) == pytest.approx(0.6 * np.linspace(1, 50, 26), rel=0.1)
