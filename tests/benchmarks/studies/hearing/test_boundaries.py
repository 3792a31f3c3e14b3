from pathlib import Path

import pytest

from benchmarks.studies.hearing.boundaries import measure


def test_words_of_unknown_speakers_are_found(data_dir: Path) -> None:
    figures = measure(data_dir, words=40, seed=1, levels=[20], listen=False)
    assert figures["pink_20_recall"] >= 0.75 and figures["pink_20_precision"] >= 0.75
    assert figures["pink_20_words_found"] >= 0.95 and figures["words"] == 40


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no recordings of Speech Commands"):
        measure(tmp_path, words=1, seed=0)
