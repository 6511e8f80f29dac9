"""Pages that can be sent: a run and how good it is, and what a model saw."""

from keras_vit.report.content import Curves, Report, Sheet
from keras_vit.report.explanations import Explained, Trust, write_explanations
from keras_vit.report.page import write_page

__all__ = ["Curves", "Explained", "Report", "Sheet", "Trust", "write_explanations", "write_page"]
