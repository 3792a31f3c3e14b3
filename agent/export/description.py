"""`model.json`: what is before and after the graphs, so that a program needs nothing else to run them."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.export.log_mel_graph import DECIBEL, SAMPLE, WAVE
from agent.export.network_graphs import NetworkGraph
from agent.learned.loaded import LoadedAgent
from sensors.core.modalities import Modality, modality
from sensors.given import COARSE_INK, FIT, INK
from sensors.senses import Sense, sense
from sensors.signals.spectrogram import HOP, N_FFT, SAMPLE_RATE, TOP_DB, WINDOW, longest

FORMAT = 1
"""Version of what `model.json` holds."""
_INK = "find what is drawn (any colour on any paper), bright on black, "
PICTURES = {
    FIT: "scale the shorter side to the size, by area where it shrinks; cut out the middle",
    INK: _INK + "fit it into 20 of 28 pixels with its centre of mass in the middle, and scale to the size",
    COARSE_INK: _INK + "scale it to 8 x 8 pixels that it fills, blur, and scale to the size (bicubic)",
}
"""How a picture becomes a sample, in words; `sensors.given` does it."""


def describe(
    agent: LoadedAgent,
    graphs: Sequence[NetworkGraph],
    log_mel: Mapping[str, str],
    latents: Mapping[str, int],
    checked: Mapping[str, Any],
    version: str,
) -> dict[str, Any]:
    """The description, JSON-ready; the forms of the run are applied.

    Args:
        agent: what is exported.
        graphs: that were written.
        log_mel: sense -> file of the graph that makes its samples of waveforms.
        latents: sense -> numbers of a latent.
        checked: what was found when the graphs were run.
        version: of the program.
    """
    translate: dict[str, dict[str, str | None]] = {s: {} for s in agent.senses}
    for source in agent.senses:
        for target in agent.senses:
            if source != target:
                # None: both senses share one space, and latents are taken as they are.
                found = [g.file for g in graphs if (g.source, g.target) == (source, target)]
                translate[source][target] = found[0] if found else None
    return {
        "format": FORMAT,
        "program": f"reciprocal {version}",
        "algorithm": agent.learned_by,
        "step": agent.step,
        "evokes": agent.networks.decodes,
        "senses": {
            name: _sense(sense(name), modality(name), agent.run.prepares, graphs, log_mel.get(name), latents[name])
            for name in agent.senses
        },
        "translate": translate,
        "use": "latent = encode(sample); latent = translate[source][target](latent); sample = decode(latent)",
        "checked": dict(checked),
    }


def _sense(
    one: Sense, form: Modality, prepare: str, graphs: Sequence[NetworkGraph], log_mel: str | None, latent: int
) -> dict[str, Any]:
    own = {g.what: g.file for g in graphs if g.source == g.target == one.name}
    return {
        "about": one.about,
        "layout": form.layout,
        "sample": {
            "input": "sample",
            "shape": ["batch", *form.shape],
            "dtype": "float32",
            "range": [0.0, 1.0] if form.dtype.kind == "u" else _bounds(form),
            "stored_dtype": form.dtype.name,
            "stored_unit": form.unit,
            "scale": form.scale,
            "meaning": "sample = stored * scale; what is decoded may lie a little outside the range: clip it",
        },
        "latent": latent,
        "encode": own.get("encode"),
        "decode": own.get("decode"),
        "before": _before(one, form, prepare, log_mel),
        "after": _after(one, form, log_mel),
    }


def _bounds(form: Modality) -> list[float | None]:
    """The range of network values; null where it has no bound, as JSON has no infinity."""
    return [None if abs(bound) == float("inf") else bound * form.scale for bound in (form.low, form.high)]


def _before(one: Sense, form: Modality, prepare: str, log_mel: str | None) -> dict[str, Any]:
    """How a sample is made of what sensors give."""
    if log_mel is not None:
        return {
            "graph": log_mel,
            "input": WAVE,
            "input_shape": ["batch", "samples"],
            "output": SAMPLE,
            "sample_rate_hz": SAMPLE_RATE,
            "channels": 1,
            "longest_samples": longest(),
            "also": f"output {DECIBEL!r}: the same in decibel, not rounded to the stored steps",
            "spectrogram": _spectrogram(form),
        }
    if form.layout == "picture":
        return {
            "channels": "red, green, blue" if form.shape[0] == 3 else "grey",
            "way": prepare,
            "steps": PICTURES[prepare],
        }
    return {"steps": f"as the sense {one.name!r} makes its samples; none is described here"}


def _after(one: Sense, form: Modality, log_mel: str | None) -> dict[str, Any]:
    """What a decoded sample means."""
    if log_mel is not None:
        steps = "decibel = sample * 80 - 80; undo the mel filters; phases by Griffin-Lim (32 iterations)"
        return {"steps": steps, "spectrogram": _spectrogram(form)}
    if form.layout == "picture":
        return {"steps": "round(sample * 255) is brightness, channels first"}
    return {"steps": f"sample / scale is the stored value: {form.unit}"}


def _spectrogram(form: Modality) -> dict[str, Any]:
    return {
        "window": "hann",
        "window_samples": WINDOW,
        "hop_samples": HOP,
        "fft_points": N_FFT,
        "centred": True,
        "mel_scale": "slaney, filters of unit area, 0 to 8000 Hz",
        "bands": form.shape[1],
        "frames": form.shape[2],
        "decibel_below_loudest": [-TOP_DB, 0.0],
    }
