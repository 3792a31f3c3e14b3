"""`export RUN --onnx DIR`: what a run has learned, for programs that have onnxruntime and numpy alone."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.command.entries.info import facts
from runtime.command.entry import Subcommand
from sensors.system.paths import place


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="directory of a run")
    parser.add_argument(
        "--onnx", metavar="DIR", required=True, help="new folder, or that of an earlier export (extra: onnx)"
    )
    parser.add_argument("--step", type=int, metavar="N", help="step of an earlier checkpoint that is there [newest]")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE.py", help="a plugin that has been moved")


def _run(given: argparse.Namespace, others: Sequence[str]) -> Iterator[str]:
    from agent.export.writer import check_extra, check_folder, export
    from agent.learned.loaded import load
    from runtime.config.version import version

    path, folder = place(given.run, "RUN"), place(given.onnx, "--onnx")
    check_folder(folder)
    check_extra()
    agent = load(path, step=given.step, plugins=given.plugin)
    yield from export(agent, folder, version(), lambda told: card(agent.run.path, agent.run.saved, told))


def card(path: Path, saved: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """The model card, in Markdown.

    Args:
        path: of the run.
        saved: what its `config.json` holds.
        told: what `model.json` holds.
    """
    from teacher.licences import licence

    known = dict(facts(path, saved))
    live = saved["config"].get("run", {}).get("sensors")
    data = [f"perceived by sensors ({live})"] if live else known["data"]
    chosen = {kind: text.rpartition(":")[0] for kind, text in saved.get("datasets", {}).items()}
    licences = [f"{kind} ({name}): {licence(name)}" for kind, name in chosen.items()]
    worst = max(told["checked"]["largest_difference"].values())
    senses = [
        f"{name}: {about['about']}, samples {about['sample']['shape']} float32, latents of {about['latent']} numbers"
        for name, about in told["senses"].items()
    ]
    checked = told["checked"]
    agreement = (
        f"Every graph was run on {checked['samples']} samples in batches of {', '.join(map(str, checked['batches']))}; "
        f"the largest difference to torch {checked['torch']} was {worst:.1e} (onnxruntime {checked['onnxruntime']})."
    )
    parts = {
        f"Model of the run {path.name}": [
            f"learned by {told['algorithm']} without labels, {told['step']:,} steps ({told['program']})",
            *known["learner"],
        ],
        "Senses": senses,
        "Data": data,
        "Licence of the data": licences or ["what sensors perceived belongs to whoever was recorded"],
        "Exams, the newest": known["exams"],
        "Settings that differ from the defaults": known["settings"],
        "Agreement": [agreement],
        "Use": [
            "`model.json` says what goes in and comes out. " + told["use"],
            "What is evoked is what the run learned to expect; it is no recognition of a person, and no fact.",
        ],
    }
    titles = list(parts)
    lines = [
        f"{'#' if title == titles[0] else '##'} {title}\n\n" + "\n".join(f"- {line}" for line in own) + "\n"
        for title, own in parts.items()
    ]
    return "\n".join(lines)


ENTRY = Subcommand(
    name="export",
    usage="export RUN --onnx DIR",
    about="encoders, decoders and translations as ONNX files",
    arguments=_arguments,
    run=_run,
)
