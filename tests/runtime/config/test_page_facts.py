"""What the page is told of a run: how a drawing becomes a sample that looks like what the run learns from."""

from pathlib import Path

from runtime.config.page_facts import page_facts, prepares
from runtime.config.settings import RunConfig


def test_drawings_take_the_form_of_what_is_taught(tmp_path: Path) -> None:
    assert prepares(RunConfig.of({"data.images": "digits"})) == "coarse_ink"
    assert prepares(RunConfig.of({"data.images": "mnist"})) == "ink"
    # Live sensors see cards, which become samples of MNIST's form.
    assert prepares(RunConfig.of({"run.sensors": "live"})) == "ink"
    assert prepares(RunConfig.of({"image.color": "true"})) == "fit"
    assert page_facts(RunConfig.of({"data.images": "digits"}), tmp_path / "run", "1")["prepares"] == "coarse_ink"
