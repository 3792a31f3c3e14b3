from pathlib import Path

from benchmarks.proofs.segmentation import measure


def test_real_words_are_found_and_told(data_dir: Path) -> None:
    figures = measure(data_dir, words=40, seed=1, kinds=["white"], levels=[20], known=500)
    assert figures["white_20_recall"] >= 0.85 and figures["white_20_precision"] >= 0.85
    assert figures["told_of_files"] > 0.5 and figures["white_20_told"] >= figures["told_of_files"] - 0.15
