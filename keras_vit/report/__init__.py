"""`report.html`: what was trained, on what, and how good it is, on one page that can be sent."""

from keras_vit.report.content import Curves, Report, Sheet
from keras_vit.report.page import write_page

__all__ = ["Curves", "Report", "Sheet", "write_page"]
