import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.speed import cost, cost_row
from sensors.core.errors import ConfigError
from tests.agent.rigs import datasets
from tests.patience import TRIES

CELL: dict[str, Any] = {
    "task": "speed", "device": "cpu", "preset": "small", "precision": "float32", "compiled": False,
    "channels_last": True, "batch": 8, "threads": 1, "seconds": 0.1, "seed": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_row_is_measured_in_a_process_of_its_own() -> None:
    for _ in range(TRIES):
        (row,) = cost.measure(CELL, 120.0)
        assert "reason" not in row
        assert row["samples_per_s"] == pytest.approx(8 * row["steps_per_s"])
        assert 150 < row["peak_rss_mib"] < 1536
        # Steps and products are timed one after the other: a busy machine may slow one of them down.
        expected = row["gflop_per_step"] * row["steps_per_s"] / row["gemm_gflops"]
        plausible = row["utilisation"] == pytest.approx(expected, rel=0.7) and 0.01 < row["utilisation"] < 1.3
        if plausible:
            break
    assert plausible, row


@pytest.mark.slow
def test_what_cannot_run_says_why_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (late,) = cost.measure(CELL, 0.5)
    assert late["reason"] == "not done within 0.5 s" and late["preset"] == "small"
    monkeypatch.setenv("CXX", "/nowhere/c++")
    (broken,) = cost.measure({**CELL, "compiled": True}, 120.0)
    assert "ompiler" in broken["reason"] and "steps_per_s" not in broken
    monkeypatch.setattr("sys.argv", ["cost_row", json.dumps({**CELL, "preset": "huge"})])
    cost_row.main()
    (unknown,) = json.loads(capsys.readouterr().out)
    assert "ConfigError" in unknown["reason"] and "huge" in unknown["reason"]


def test_flops_are_those_of_the_layers() -> None:
    """A layer's products once forward and twice backward; no gradient flows to the input; the guide's encoder once."""
    it = cost_row.prepare(CELL)
    forward: dict[int, float] = {}

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        positions = given[0] if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) else made
        assert isinstance(layer.weight, Tensor)
        forward[id(layer)] = 2.0 * 8 * positions[0, 0].numel() * layer.weight.numel()
        if isinstance(layer, nn.Linear):
            forward[id(layer)] = 2.0 * 8 * layer.weight.numel()

    layers = {m: [k for k in s.modules() if hasattr(k, "weight") and "Norm" not in type(k).__name__]
              for m, s in it.smart.sides.items()}  # fmt: skip
    for layer in itertools.chain(*layers.values()):
        layer.register_forward_hook(count)
    for side in cost_row.SIDES:
        cost_row.step(it, side)
    total = sum(3 * forward[id(layer)] for own in layers.values() for layer in own)
    total -= sum(forward[id(own[0])] for own in layers.values())
    encoders = [
        layer for s in it.smart.sides.values() for layer in s.autoencoder.encoder.modules() if id(layer) in forward
    ]
    total += sum(forward[id(layer)] for layer in encoders)
    assert cost_row.flops_of(CELL) == pytest.approx(total / 2, rel=0.01)


def test_memory_order_is_the_cells() -> None:
    for last in (True, False):
        it = cost_row.prepare({**CELL, "channels_last": last})
        weights = [
            m.weight
            for side in it.smart.sides.values()
            for m in side.modules()
            if isinstance(m, torch.nn.Conv2d) and min(m.weight.shape) > 1
        ]
        assert weights and all(w.is_contiguous(memory_format=torch.channels_last) == last for w in weights)


def test_the_proof_has_every_loss_at_the_start_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    data = datasets(200, 20)
    monkeypatch.setattr(cost_row, "load_images", lambda config: data["image"])
    monkeypatch.setattr(cost_row, "load_speech", lambda config: data["audio"])
    rows = list(cost_row.proof({**CELL, "steps": 12, "data": None}))
    assert {"audio/reconstruction"} <= {row["loss"] for row in rows}
    assert all(row["start"] > 0 and row["end"] > 0 and row["steps"] == 12 for row in rows)


def test_the_whole_learners_memory_has_replay_and_a_checkpoint_in_it() -> None:
    (row,) = cost_row.memory({**CELL, "events": 1024, "steps": 2})
    assert row["peak_rss_mib"] > 150 and row["steps_per_s"] > 0


def test_the_gpus_peak_is_the_learners_without_the_matrix_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter stands for the GPU's allocator; what learns is measured by a stand-in, too."""
    peak = [0]

    def allocate(mebibytes: int) -> None:
        peak[0] = max(peak[0], mebibytes << 20)

    def gemm(device: torch.device, precision: str, seconds: float) -> float:
        allocate(900)
        return 1e12

    prepare = cost_row.prepare

    def prepare_there(cell: dict[str, Any]) -> Any:
        it = prepare(cell)
        allocate(20)
        it.hardware = replace(it.hardware, device=torch.device("cuda"))
        return it

    def seconds_of(work: Any, device: torch.device, times: int = 1) -> float:
        allocate(30)
        return 0.1

    monkeypatch.setattr(cost_row, "prepare", prepare_there)
    monkeypatch.setattr(cost_row, "gemm_rate", gemm)
    monkeypatch.setattr(cost_row, "seconds_of", seconds_of)
    monkeypatch.setattr(cost_row, "flops_of", lambda cell: 1e9)
    monkeypatch.setattr(torch, "randn", lambda *shape, device=None: torch.zeros(shape))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peak[0])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: peak.__setitem__(0, 0))
    (row,) = cost_row.speed(CELL)
    assert row["peak_gpu_mib"] == 30


def test_lists_of_the_command_line_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("two", "0", ","):
        monkeypatch.setattr("sys.argv", ["cost.py", "--threads", value])
        with pytest.raises(ConfigError, match=f"^--threads '{value}': expected whole numbers from 1 on"):
            cost.main()
    asked: list[list[dict[str, Any]]] = []

    def measure(cell: dict[str, Any], limit: float) -> list[dict[str, Any]]:
        asked[-1].append(cell)
        return []

    monkeypatch.setattr(cost, "measure", measure)
    for given, threads, presets in (
        (["--threads", "1,3"], {1, 3}, {"small", "paper"}),
        (["--threads", "2", "--presets", "small"], {2}, {"small"}),
    ):
        asked.append([])
        monkeypatch.setattr("sys.argv", ["cost.py", "--devices", "cpu", *given])
        cost.main()
        assert {c["threads"] for c in asked[-1]} == threads and {c["preset"] for c in asked[-1]} == presets
        assert {c["precision"] for c in asked[-1]} == {"float32", "bfloat16"}


def test_tables_name_the_fastest_and_keep_reasons() -> None:
    figures = {"samples_per_s": 10.0, "steps_per_s": 1.0, "utilisation": 0.31, "peak_rss_mib": 612.3}
    rows = [
        {**CELL, **figures},
        {**CELL, **figures, "precision": "bfloat16", "samples_per_s": 2000.0},
        {**CELL, "compiled": True, "reason": "not done within 300 s"},
    ]
    text = cost.report(json.loads(json.dumps(rows)))
    assert "| 31% |" in text and "not done within 300 s" in text
    assert "Fastest on cpu, small: precision bfloat16" in text and "2,000 samples/s" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
