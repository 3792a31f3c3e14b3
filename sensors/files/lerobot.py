"""Datasets of lerobot, versions 2.1 and 3.0: episodes of cameras, sound, and rows of values, without that library.

A dataset is a folder: `meta/info.json` names its features and where their files lie, parquet files hold rows of values,
MP4 files pictures and M4A or WAV files sound. Version 2.1 has a file of each for every episode. In version 3.0 episodes
share files, and `meta/episodes/` says from where to where each of them reaches.
"""

import dataclasses
import importlib.util
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.contract import FileReader, FileStream, OpenFile, Part, Report, register_reader
from sensors.files.films import open_film
from sensors.signals.pictures import PictureError, camera_pixels, decode_picture
from sensors.signals.readings import Chunk, Frame, Values

VERSIONS = ("v2.1", "v3.0")
"""Versions of the layout that are read."""
INFO = PurePosixPath("meta/info.json")
COUNTED = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Columns that say where a row belongs; they are no streams."""
PIECE = 0.1
"""Seconds of rows in one reading."""
_AUDIO = {
    "v2.1": "audio/chunk-{episode_chunk:03d}/{audio_key}/episode_{episode_index:06d}.m4a",
    "v3.0": "audio/{audio_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.m4a",
}
_LARGEST_INFO = 16 * 2**20


class LeRobotReader(FileReader):
    """Folders of lerobot's datasets; each episode is a part."""

    name = "lerobot"
    about = "folders of LeRobotDataset v2.1 and v3.0"

    def owns(self, path: Path) -> bool:
        """By `meta/info.json`."""
        return (path / INFO).is_file()

    def parts(self, path: Path) -> Sequence[Part]:
        """The episodes, in their order."""
        for library, extra in (("pyarrow", "pyarrow"), ("av", "PyAV")):
            if importlib.util.find_spec(library) is None:
                raise SourceError(
                    f"{path}: datasets of lerobot are read by pyarrow and PyAV, and {extra} is not installed: "
                    "pip install 'reciprocal[lerobot]'"
                )
        dataset = LeRobotDataset.read(path)
        return [dataset.part(row) for row in dataset.episodes]


@dataclass(frozen=True)
class LeRobotDataset:
    """What the metadata of a dataset say.

    Attributes:
        folder: of the dataset.
        info: `meta/info.json`.
        episodes: a row of metadata for each, in their order.
    """

    folder: Path
    info: Mapping[str, Any]
    episodes: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @classmethod
    def read(cls, folder: Path) -> "LeRobotDataset":
        """Read a dataset's metadata.

        Raises:
            SourceError: they are damaged, or of a version that is not read.
        """
        try:
            info = json.loads((folder / INFO).read_text()[:_LARGEST_INFO])
            version = info["codebase_version"]
            if version not in VERSIONS:
                raise SourceError(
                    f"{folder}: a LeRobotDataset of version {version}; this program reads {' and '.join(VERSIONS)}: "
                    "convert it with lerobot's own scripts"
                )
            float(info["fps"]), dict(info["features"]), str(info["data_path"])
            dataset = cls(folder, info)
            rows = dataset._rows_v2() if version == "v2.1" else dataset._rows_v3()
            rows = sorted(rows, key=lambda row: int(row["episode_index"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{folder}: the metadata of the dataset are damaged or missing ({error}); download it anew"
            ) from None
        if not rows:
            raise SourceError(f"{folder}: the dataset has no episodes")
        return dataclasses.replace(dataset, episodes=tuple(rows))

    @property
    def version(self) -> str:
        """Of its layout."""
        return str(self.info["codebase_version"])

    def part(self, row: Mapping[str, Any]) -> Part:
        """An episode as a part."""
        return Part(f"episode {row['episode_index']}", lambda: Episode(self, row))

    def place(self, template: str, row: Mapping[str, Any], prefix: str, key: str = "") -> Path:
        """The file that holds a feature of an episode.

        Args:
            template: path as `info.json` gives it.
            row: metadata of the episode.
            prefix: of the row's columns that say which file it is, such as 'data/'; of version 3.0.
            key: of the feature.

        Raises:
            SourceError: the template leads nowhere, or out of the folder.
        """
        number = int(row["episode_index"])
        names = {
            "episode_index": number,
            "episode_chunk": number // int(self.info.get("chunks_size") or 1000),
            "video_key": key,
            "audio_key": key,
            "chunk_index": row.get(f"{prefix}chunk_index"),
            "file_index": row.get(f"{prefix}file_index"),
        }
        try:
            found = PurePosixPath(template.format(**names))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise SourceError(
                f"{self.folder}: {INFO}, or the metadata of episode {number}, do not say where {key or 'its data'} lie"
            ) from None
        if found.is_absolute() or ".." in found.parts:
            raise SourceError(f"{self.folder}: {INFO} leads out of the folder ({found}); such a dataset is not read")
        return self.folder / found

    def _rows_v2(self) -> list[dict[str, Any]]:
        lines = (self.folder / "meta/episodes.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    def _rows_v3(self) -> list[dict[str, Any]]:
        import pyarrow.parquet

        rows: list[dict[str, Any]] = []
        for path in sorted((self.folder / "meta/episodes").glob("chunk-*/file-*.parquet")):
            file = pyarrow.parquet.ParquetFile(path)
            # Statistics of every feature stand in the same rows.
            wanted = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
            rows += file.read(columns=wanted).to_pylist()
        return rows


class Episode(OpenFile):
    """One episode, on its own clock: `timestamp`, which begins at 0."""

    begin = 0.0

    def __init__(self, dataset: LeRobotDataset, row: Mapping[str, Any]) -> None:
        self._dataset, self._row = dataset, row
        self._features: Mapping[str, Any] = dataset.info["features"]
        self._fps, self._length = float(dataset.info["fps"]), int(row["length"])
        found = [self._stream(key, feature) for key, feature in self._features.items() if key not in COUNTED]
        self.streams = tuple(stream for stream in found if stream is not None)
        data = self._data()
        if not data.is_file():
            raise SourceError(f"{data}: episode {row['episode_index']} lies there and is missing; download it anew")

    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        """One feature; see `OpenFile.play`."""
        kind = self._features[stream]["dtype"]
        if kind in ("video", "audio"):
            return (yield from self._film(stream, report, color))
        return (yield from self._rows(stream, report, color))

    def _data(self) -> Path:
        return self._dataset.place(self._dataset.info["data_path"], self._row, "data/")

    def _stream(self, key: str, feature: Mapping[str, Any]) -> FileStream | None:
        kind, shape = str(feature.get("dtype")), tuple(feature.get("shape") or ())
        size = " × ".join(map(str, shape))
        if kind in ("video", "image"):
            about = {**feature, **(feature.get("info") or feature.get("video_info") or {})}
            depth = about.get("video.is_depth_map") or about.get("is_depth_map")
            refused = "a depth map is no picture" if depth else ""
            return FileStream(key, Frame, self._fps, f"{kind} {size}", self._length, refused)
        if kind == "audio":
            about = feature.get("info") or {}
            rate = about.get("audio.sample_rate") or about.get("sample_rate")
            return FileStream(key, Chunk, float(rate) if rate else None, "sound")
        try:
            numeric = np.dtype(kind).kind in "biuf"
        except TypeError:
            numeric = False
        # Texts and languages of tasks are read by nothing here.
        return FileStream(key, Values, self._fps, f"{kind} {size}", self._length) if numeric else None

    def _film(self, key: str, report: Report, color: bool) -> Generator[Reading, None, str]:
        from sensors.files.film_pictures import play_pictures
        from sensors.files.film_sound import play_sound

        info, version = self._dataset.info, self._dataset.version
        sound = self._features[key]["dtype"] == "audio"
        template = (info.get("audio_path") or _AUDIO[version]) if sound else info.get("video_path") or ""
        prefix = f"{'audio' if sound else 'videos'}/{key}/"
        path = self._dataset.place(template, self._row, prefix, key)
        span: tuple[float, float] | None = None
        if (begin := self._row.get(f"{prefix}from_timestamp")) is not None:
            end = self._row.get(f"{prefix}to_timestamp")
            span = float(begin), float(begin) + self._length / self._fps if end is None else float(end)
        with open_film(path) as container:
            own = container.streams.best("audio" if sound else "video")
            if own is None:
                raise SourceError(f"{path}: holds no {'sound' if sound else 'pictures'}; download it anew")
            if sound:
                going: Any = play_sound(container, own, report, False, span)
            else:
                going = play_pictures(container, own, report, color, False, span)
            return (yield from self._counted(going, -span[0] if span else 0.0, report, sound))

    def _counted(
        self, going: Generator[Any, None, str], shift: float, report: Report, sound: bool
    ) -> Generator[Reading, None, str]:
        """Readings of a film on the episode's clock; pictures that the episode has and the film has not are missing."""
        given = 0
        while True:
            try:
                reading = next(going)
            except StopIteration as end:
                ending: str = end.value
                break
            given += 1
            yield reading.moved(shift)
        missing = 0 if sound else self._length - given
        if missing > 0:
            report.lose("missing", missing)
            return f"ended after {given} of {self._length} pictures"
        return ending

    def _rows(self, key: str, report: Report, color: bool) -> Generator[Reading, None, str]:
        """Rows of values, or pictures that stand in the rows."""
        import pyarrow
        import pyarrow.parquet

        path = self._data()
        filters = [("episode_index", "=", int(self._row["episode_index"]))]
        try:
            table = pyarrow.parquet.read_table(path, columns=["timestamp", key], filters=filters)
        except (OSError, pyarrow.ArrowException, ValueError, KeyError) as error:
            why = str(error).splitlines()[0]
            raise SourceError(f"{path}: cannot be read ({why}); download it anew") from None
        times = np.asarray(table["timestamp"].to_numpy(), np.float64).reshape(-1)
        if (short := self._length - len(times)) > 0:
            report.lose("missing", short)
        if self._features[key]["dtype"] == "image":
            yield from self._pictures(table[key].to_pylist(), times, report, color)
        else:
            yield from self._values(key, table[key].to_pylist(), times, report)
        return f"ended after {len(times)} of {self._length} rows" if short > 0 else ""

    def _pictures(
        self, cells: Sequence[Any], times: Any, report: Report, color: bool
    ) -> Generator[Reading, None, None]:
        for time, cell in zip(times, cells, strict=True):
            data = (cell or {}).get("bytes") if isinstance(cell, dict) or cell is None else cell
            try:
                if not data:
                    raise PictureError("empty", "no picture")
                yield Frame(float(time), camera_pixels(decode_picture(data, color), color))
            except PictureError as error:
                report.lose(error.reason)

    def _values(self, key: str, cells: Sequence[Any], times: Any, report: Report) -> Generator[Reading, None, None]:
        kind = np.dtype(self._features[key]["dtype"])
        shape = tuple(self._features[key].get("shape") or (1,))
        size = max(round(PIECE * self._fps), 1)
        for at in range(0, len(times), size):
            try:
                values = np.array(cells[at : at + size], kind).reshape(-1, *shape)
            except (ValueError, TypeError):
                report.lose("damaged", len(cells[at : at + size]))
                continue
            yield Values(times[at : at + size], values)


register_reader(LeRobotReader())
