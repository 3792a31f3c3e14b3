from pathlib import Path

import numpy as np
import pytest

from benchmarks.proofs.films import audible, measure, sentence

pytest.importorskip("av", reason="needs the extra films: pip install -e '.[films]'")


def test_a_sentence_reaches_from_its_first_word_to_its_last(tmp_path: Path) -> None:
    (tmp_path / "a.align").write_text(
        "0 12000 sil\n12000 19750 lay\n19750 20000 sp\n20000 48000 please\n48000 74500 sil\n"
    )
    assert sentence(tmp_path / "a.align") == (0.48, 1.92)


def test_a_sentence_is_audible_within_25_db_of_its_loudest_moment() -> None:
    sound = np.full(48_000, 0.001, np.float32)
    sound[9_600:32_000] = 0.5
    assert audible(sound, (0.5, 2.1)) == (0.6, 2.0)


def test_real_talking_faces_are_found_in_time_and_nothing_is_lost(data_dir: Path) -> None:
    if not (data_dir / "grid").is_dir():
        pytest.skip("there is no GRID in RECIPROCAL_DATA")
    figures = measure(data_dir, ["max"])
    assert figures["films"] == 12 and figures["max_found"] == figures["max_lips"] == figures["same"] == 1.0
    assert figures["max_lost"] == figures["slow_reader_lost"] == 0
    assert figures["max_lips_begin_right"] == figures["max_lips_end_right"] == 1.0
    assert figures["max_begin_right"] >= 0.41 and figures["max_end_right"] >= 0.83
    assert abs(figures["max_begin_median_s"]) <= 0.08 and abs(figures["max_end_median_s"]) <= 0.06
    assert abs(figures["max_lag_median_s"]) <= 0.06
