import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import agent
from agent.algorithms import algorithm
from agent.inference import build_networks
from agent.learned.loaded import load
from agent.learner import Learner
from agent.networks.published import Networks, to_network
from sensors.core.errors import ConfigError, DamageError, DataError, EventError, StateError, UserError
from sensors.core.modalities import modality
from sensors.senses.audio import load as load_sound
from tests.agent.learned.saved import checkpoint, learner_of, pairs, save_run
from tests.page.fake import board, tone

ROOT = Path(__file__).parents[3]


def networks_of(learner: Learner, name: str = "smart") -> Networks:
    published = learner.algorithms[name].publish(0)
    assert published is not None
    return build_networks(published)


@pytest.mark.parametrize("learn", ["smart", "contrastive"])
def test_what_is_saved_is_what_was_published(learn: str) -> None:
    learner = learner_of(pairs(), 3, learn)
    own, declared = learner.algorithms[learn], algorithm(learn)
    published = own.publish(0)
    assert declared.saved is not None and published is not None
    again = declared.saved(own.state_dict())
    arrays, saved = published.pop("arrays"), again.pop("arrays")
    assert again == published and arrays.keys() == saved.keys()
    assert all((arrays[name] == saved[name]).all() and arrays[name].dtype == saved[name].dtype for name in arrays)


def test_it_answers_as_the_learner_s_networks_do(saved: Path, taught: Learner) -> None:
    loaded, networks = agent.load(saved), networks_of(taught)
    assert loaded.step == networks.step == 6 and loaded.senses == ("audio", "image")
    pictures = pairs()["image"][:3]
    evoked = loaded.evoke(image=pictures)
    assert list(evoked) == ["audio"] and evoked.step == 6 and (evoked.asked.array == pictures).all()
    expected = networks.evoke(to_network(pictures, "image"), "image", "audio").numpy() * 255
    assert np.abs(evoked["audio"].array - expected).max() <= 0.51
    x = to_network(pictures, "image")
    assert (loaded.latents(image=pictures) == networks.encode(x, "image").numpy()).all()
    there = networks.translate(networks.encode(x, "image"), "image", "audio").numpy()
    assert (loaded.latents("audio", image=pictures[0]) == there[:1]).all() or np.allclose(
        loaded.latents("audio", image=pictures[0]), there[:1], atol=1e-5
    )
    own = loaded.evoke("image", image=pictures[0])
    assert list(own) == ["image"] and own["image"].array.shape == (1, 32, 32)


def test_files_bytes_and_arrays_of_one_thing_are_one_sample(saved: Path, tmp_path: Path) -> None:
    loaded = load(saved)
    drawn, wave = board(), tone(0.5)
    for ending in ("png", "bmp"):
        cv2.imwrite(str(tmp_path / f"three.{ending}"), drawn)
    soundfile.write(tmp_path / "three.wav", wave, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "three.flac", wave, 16_000, subtype="PCM_24")
    png = (tmp_path / "three.png").read_bytes()
    seen = [loaded.evoke(image=one).asked.array for one in (png, tmp_path / "three.png", str(tmp_path / "three.bmp"))]
    seen += [loaded.evoke(image=one).asked.array for one in (drawn, drawn[..., 0])]
    assert all((one == seen[0]).all() for one in seen) and seen[0].max() > 200
    heard = [loaded.evoke(audio=one).asked.array for one in (tmp_path / "three.wav", wave, tmp_path / "three.flac")]
    assert (heard[0] == load_sound(tmp_path / "three.wav")).all() and (heard[1] == heard[0]).all()
    assert np.abs(heard[2].astype(int) - heard[0]).max() <= 1
    assert loaded.evoke(audio=tone(0.5, silence=0.5)).part is not None


def test_what_is_evoked_can_be_seen_heard_and_saved(saved: Path, tmp_path: Path) -> None:
    evoked = load(saved).evoke(("audio", "image"), image=pairs()["image"][0])
    assert evoked["image"].picture().shape == (256, 256, 3)
    sound = evoked["audio"].sound()
    assert sound.dtype == np.float32 and sound.ndim == 1
    assert (np.load(evoked["audio"].save(tmp_path / "a.npy")) == evoked["audio"].array).all()
    drawn = cv2.imread(str(evoked["image"].save(tmp_path / "a.png")))
    assert drawn is not None and drawn.shape == (256, 256, 3)
    if len(sound):
        assert soundfile.info(str(evoked["audio"].save(tmp_path / "a.wav"))).samplerate == 16_000
    with pytest.raises(ConfigError, match="cannot be heard"):
        evoked["image"].save(tmp_path / "b.wav")
    with pytest.raises(ConfigError, match=r"end it in \.png"):
        evoked["image"].save(tmp_path / "b.mp3")
    with pytest.raises(UserError, match="cannot be written"):
        evoked["image"].save(tmp_path / "none" / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".wav") == ["a.npy", "a.png"]


def test_known_samples_are_found(saved: Path) -> None:
    loaded, events = load(saved), pairs()
    near = loaded.nearest(image=events["image"][5], count=3)
    assert len(near) == 3 and near[0].distance < 0.01 and near[0].id == "event.audio+image.6.image"
    assert (near[0].sample.array == events["image"][5]).all() and near[0].name is None
    assert [one.distance for one in near] == sorted(one.distance for one in near)
    crossing = loaded.nearest("audio", image=events["image"][5])
    assert len(crossing) == 5 and {one.sample.sense for one in crossing} == {"audio"}
    with pytest.raises(ConfigError, match=r"expected 1…100"):
        loaded.nearest(image=events["image"][5], count=0)


def test_two_runs_of_other_forms_answer_in_one_process(saved: Path, tmp_path: Path, forms: Callable[..., None]) -> None:
    forms(image={"size": 64, "color": True})
    samples = pairs()
    run = save_run(tmp_path / "large", learner_of(samples, 2), samples, image__size="64", image__color="true")
    forms()
    large, small = load(run), load(saved)
    photograph = np.random.default_rng(0).integers(0, 255, (100, 150, 3)).astype(np.uint8)
    assert large.evoke(image=photograph).asked.array.shape == (3, 64, 64)
    assert small.evoke(image=pairs()["image"][0]).asked.array.shape == (1, 32, 32)
    assert large.evoke("image", image=photograph)["image"].picture().shape == (256, 256, 3)
    assert modality("image").shape == (1, 32, 32)
    # Red, green and blue are in this order, from an array and in a picture.
    red = np.zeros((64, 64, 3), np.uint8)
    red[8:56, 8:56, 0] = 200
    asked = large.evoke(image=red).asked
    assert asked.array[0].max() == 200 and asked.array[2].max() == 0 and asked.picture()[..., 0].max() == 200


def test_an_algorithm_without_decoders_has_latents(tmp_path: Path) -> None:
    loaded = load(save_run(tmp_path / "run", learner_of(pairs(), 2, "contrastive"), pairs()))
    assert loaded.learned_by == "contrastive"
    assert np.allclose(np.linalg.norm(loaded.latents(image=pairs()["image"][:2]), axis=1), 1, atol=1e-5)
    assert len(loaded.nearest("audio", image=pairs()["image"][0])) == 5
    with pytest.raises(StateError, match="no decoder"):
        loaded.evoke(image=pairs()["image"][0])


def test_an_earlier_checkpoint_can_be_asked(tmp_path: Path) -> None:
    learner = learner_of(pairs(), 2)
    run = save_run(tmp_path / "run", learner, pairs())
    learner.step()
    checkpoint(run, learner)
    assert (load(run).step, load(run, step=2).step) == (3, 2)
    with pytest.raises(StateError, match="no checkpoint of step 7; there are 2, 3"):
        load(run, step=7)


def test_what_is_no_run_or_damaged_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no such directory"):
        load(tmp_path / "nothing")
    with pytest.raises(StateError, match="is no run"):
        load(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(saved, run)
    weights = next((run / "checkpoints").glob("step-*")) / "smart.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(DamageError, match="damaged"):
        load(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(StateError, match="no checkpoint yet"):
        load(run)


def test_what_cannot_be_asked_about_is_said(saved: Path, tmp_path: Path) -> None:
    loaded = load(saved)
    with pytest.raises(ConfigError, match="name one sense"):
        loaded.evoke()
    with pytest.raises(ConfigError, match="name one sense"):
        loaded.evoke(image=b"", audio=b"")
    with pytest.raises(EventError, match="the agent knows audio, image"):
        loaded.evoke(smell=b"x")
    with pytest.raises(EventError, match="the agent knows"):
        loaded.evoke("smell", image=pairs()["image"][0])
    with pytest.raises(EventError, match="an array of shape"):
        loaded.evoke(image=np.zeros((2, 2, 2, 2)))
    with pytest.raises(DataError, match="no such file"):
        loaded.evoke(image=tmp_path / "none.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    with pytest.raises(UserError, match=r"bad\.png: the picture is damaged"):
        loaded.evoke(image=tmp_path / "bad.png")
    with pytest.raises(UserError, match="silence"):
        loaded.evoke(audio=np.zeros(16_000, np.float32))
    with pytest.raises(UserError, match="expected one of"):
        loaded.evoke(image=board(), prepare="magic")


def test_a_plugin_s_sense_is_asked_like_the_others(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    from sensors.plugins import load_plugins

    plugin = ROOT / "examples/touch.py"
    load_plugins([plugin])
    samples = pairs()
    rng = np.random.default_rng(0)
    felt = rng.standard_normal((24, *modality("touch").shape)).astype(modality("touch").dtype)
    world = {"audio": samples["audio"], "touch": modality("touch").stored(felt)}
    run = save_run(tmp_path / "run", learner_of(world, 2), world, run__plugins=str(plugin))
    plugins_undone()
    loaded = load(run)
    assert loaded.senses == ("audio", "touch")
    evoked = loaded.evoke(touch=world["touch"][0])
    assert evoked["audio"].array.shape == (1, 96, 96) and evoked.asked.picture().shape == (256, 256, 3)
    assert loaded.nearest(touch=world["touch"][2])[0].id == "event.audio+touch.3.touch"
    assert loaded.evoke(audio=world["audio"][0])["touch"].array.dtype == modality("touch").dtype


def test_no_ray_is_imported(saved: Path) -> None:
    program = (
        "import sys; sys.modules['ray'] = None\n"
        "import agent, numpy as np\n"
        f"it = agent.load({str(saved)!r})\n"
        "print(it.evoke(image=np.full((1, 32, 32), 9, np.uint8))['audio'].array.shape, it.step)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'ray' and sys.modules[name]])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(1, 96, 96) 6", "[]"]
