"""Small datasets of lerobot that tests write, of both versions.

They have a camera, a microphone, joints, and a wrist camera whose pictures stand in the rows.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.sensors.files.film_files import FPS, write_film

pa: Any = pytest.importorskip("pyarrow", reason="needs the extra lerobot: pip install -e '.[lerobot]'")
pq: Any = pytest.importorskip("pyarrow.parquet")

LENGTHS = (20, 30)
"""Pictures and rows of the episodes."""
TOP, WRIST, HEARD = "observation.images.top", "observation.images.wrist", "observation.audio.microphone"
FEATURES = {
    TOP: {"dtype": "video", "shape": [96, 128, 3], "info": {"video.fps": FPS}},
    "observation.images.depth": {"dtype": "video", "shape": [96, 128, 1], "info": {"video.is_depth_map": True}},
    WRIST: {"dtype": "image", "shape": [12, 16, 3]},
    HEARD: {"dtype": "audio", "shape": [1], "info": {"audio.sample_rate": 48_000}},
    "observation.state": {"dtype": "float32", "shape": [3], "names": ["base", "elbow", "hand"]},
    "action": {"dtype": "float64", "shape": [2, 2]},
    "next.done": {"dtype": "bool", "shape": [1]},
    "task": {"dtype": "string", "shape": [1]},
    **{name: {"dtype": "int64", "shape": [1]} for name in ("frame_index", "episode_index", "index", "task_index")},
    "timestamp": {"dtype": "float32", "shape": [1]},
}


def state(episode: int, row: int) -> list[float]:
    """The joints in one row."""
    return [float(episode), row / 10, -row / 10]


def rows(episode: int, first: int) -> dict[str, Any]:
    """Columns of an episode."""
    length = LENGTHS[episode]
    pictures = [np.full((12, 16, 3), 8 * i, np.uint8) for i in range(length)]
    encoded = [
        {"bytes": cv2.imencode(".png", each)[1].tobytes(), "path": f"frame-{i}.png"} for i, each in enumerate(pictures)
    ]
    return {
        "observation.state": pa.array([state(episode, i) for i in range(length)], pa.list_(pa.float32())),
        "action": pa.array([[[i, episode], [0, 1]] for i in range(length)], pa.list_(pa.list_(pa.float64()))),
        "next.done": [i == length - 1 for i in range(length)],
        WRIST: encoded,
        "timestamp": pa.array([i / FPS for i in range(length)], pa.float32()),
        "frame_index": list(range(length)),
        "episode_index": [episode] * length,
        "index": list(range(first, first + length)),
        "task_index": [0] * length,
    }


def write_v21(folder: Path) -> Path:
    """A dataset with a file of each kind for every episode."""
    _write_info(
        folder,
        "v2.1",
        data_path="data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        video_path="videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        audio_path="audio/chunk-{episode_chunk:03d}/{audio_key}/episode_{episode_index:06d}.m4a",
    )
    first = 0
    for episode, length in enumerate(LENGTHS):
        name = f"episode_{episode:06d}"
        _write(pa.table(rows(episode, first)), folder / f"data/chunk-000/{name}.parquet")
        _film(folder / f"videos/chunk-000/{TOP}/{name}.mp4", length, ("libx264", None))
        _film(folder / f"audio/chunk-000/{HEARD}/{name}.m4a", length, (None, "aac"))
        first += length
    lines = [json.dumps({"episode_index": i, "tasks": ["pick"], "length": n}) for i, n in enumerate(LENGTHS)]
    (folder / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def write_v30(folder: Path) -> Path:
    """A dataset whose episodes share files."""
    _write_info(
        folder,
        "v3.0",
        data_path="data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        video_path="videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    )
    tables, found, first = [], [], 0
    for episode, length in enumerate(LENGTHS):
        tables.append(pa.table(rows(episode, first)))
        own = {"chunk_index": 0, "file_index": 0, "from_timestamp": first / FPS, "to_timestamp": (first + length) / FPS}
        found.append(
            {
                "episode_index": episode,
                "tasks": ["pick"],
                "length": length,
                "data/chunk_index": 0,
                "data/file_index": 0,
                "dataset_from_index": first,
                "dataset_to_index": first + length,
                "stats/action/mean": [0.0],
                **{f"videos/{TOP}/{name}": value for name, value in own.items()},
                **{f"audio/{HEARD}/{name}": value for name, value in own.items()},
            }
        )
        first += length
    _write(pa.concat_tables(tables), folder / "data/chunk-000/file-000.parquet")
    _write(pa.Table.from_pylist(found), folder / "meta/episodes/chunk-000/file-000.parquet")
    _film(folder / f"videos/{TOP}/chunk-000/file-000.mp4", first, ("libx264", None))
    _film(folder / f"audio/{HEARD}/chunk-000/file-000.m4a", first, (None, "aac"))
    return folder


def _write_info(folder: Path, version: str, **paths: str) -> None:
    (folder / "meta").mkdir(parents=True)
    info = {
        "codebase_version": version,
        "robot_type": "so101",
        "total_episodes": len(LENGTHS),
        "total_frames": sum(LENGTHS),
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": "0:2"},
        "features": FEATURES,
    }
    (folder / "meta/info.json").write_text(json.dumps(info | paths))


def _write(table: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _film(path: Path, pictures: int, codecs: tuple[str | None, str | None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_film(path, pictures / FPS, codecs=codecs, rate=48_000)
