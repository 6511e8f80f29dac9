"""Measures how good a model is: scores, comparisons of its exports, times and reports."""

from keras_vit.evaluation.classes import match_classes
from keras_vit.evaluation.compare import Comparison, compare
from keras_vit.evaluation.confusion import confusion_figure
from keras_vit.evaluation.report import comparison_table, write_report
from keras_vit.evaluation.score import Score, score
from keras_vit.evaluation.segmentation import SegmentationScore
from keras_vit.evaluation.timing import NoAnswer

__all__ = [
    "Comparison",
    "NoAnswer",
    "Score",
    "SegmentationScore",
    "compare",
    "comparison_table",
    "confusion_figure",
    "match_classes",
    "score",
    "write_report",
]
