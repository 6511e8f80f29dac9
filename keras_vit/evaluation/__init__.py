"""Measures how good a model is: scores, comparisons of its exports, times and reports."""

from keras_vit.evaluation.compare import Comparing, Comparison, compare
from keras_vit.evaluation.process import NoAnswer
from keras_vit.evaluation.report import comparison_table, write_report
from keras_vit.evaluation.score import Scored, score
from keras_vit.evaluation.sheet import mistakes_figure, sheet_figure
from keras_vit.evaluation.significance import Chance, can_be_significant, chance_of_loss

__all__ = [
    "Chance",
    "Comparing",
    "Comparison",
    "NoAnswer",
    "Scored",
    "can_be_significant",
    "chance_of_loss",
    "compare",
    "comparison_table",
    "score",
    "mistakes_figure",
    "sheet_figure",
    "write_report",
]
