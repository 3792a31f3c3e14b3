"""Datasets that simulated teachers show and play: found, checked, prepared and split."""

from teacher.datasets.choose import load_images, load_speech
from teacher.datasets.core.exam_set import ExamSet
from teacher.datasets.core.samples import Samples

__all__ = ["ExamSet", "Samples", "load_images", "load_speech"]
