"""The formats that a classifier is exported to, a row each."""

import dataclasses
import functools
import importlib.util
import math
from collections.abc import Callable

import numpy as np

from keras_vit.errors import UserError
from keras_vit.export.litert import VARIANTS, write_litert
from keras_vit.export.onnx_file import write_onnx
from keras_vit.export.openvino_folder import write_openvino
from keras_vit.export.saved_model import write_saved_model

SAME = 1e-5  # largest difference of a probability, of formats that only store
NO_NUMBER = "it answers something that is not a finite number."


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of export.

    Attributes:
        suffix: What follows the version in its name, `"-int8.tflite"`; `""` of the folder that
            TensorFlow Serving loads.
        write: A function of a model as `servable` returns it, a path, and the metadata, which
            writes the export; it raises a `ValueError` if the model does not fit the format.
        options: What else it takes: `calibration`, `dynamic_batch`.
        is_calibrated: Whether it must be given images for calibration.
        extra: The extra of this package that has what it needs beyond the core.
        needs: Modules of this extra.
        largest_loss: Points of top-1 that it may lose; if `None`, it only stores, and
            probabilities may differ by `SAME`.
    """

    suffix: str
    write: Callable
    options: tuple[str, ...] = ()
    is_calibrated: bool = False
    extra: str = ""
    needs: tuple[str, ...] = ()
    largest_loss: float | None = None

    @property
    def is_at_hand(self):
        """Whether the packages that it needs are installed."""
        return all(importlib.util.find_spec(module) for module in self.needs)

    def fault(self, answers, reference):
        """Says why answers cannot be those of a good export, or returns `None`.

        Args:
            answers: Probabilities `(N, K)` of the export.
            reference: Those of the model it came from.
        """
        if answers.shape != reference.shape or not np.isfinite(answers).all():
            return NO_NUMBER
        difference = np.abs(answers - reference).max()
        if self.largest_loss is None and difference > SAME:
            return f"a probability differs by {difference:.1e}, more than {SAME}."
        return None

    def verdict(self, row):
        """Says why an export is beyond the limit, or returns `None`.

        Args:
            row: Its `keras_vit.evaluation.Comparison`.
        """
        if not math.isfinite(row.difference):
            return NO_NUMBER
        if self.largest_loss is None:
            if row.difference > SAME:
                return f"a probability differs by {row.difference:.1e}, more than {SAME}."
        elif (loss := -100 * row.change) > self.largest_loss + 1e-9:
            return f"it loses {loss:.2f} points of top-1, more than {self.largest_loss}."
        return None


FORMATS = {
    "savedmodel": Format("", write_saved_model, extra="export", needs=("tensorflow_serving",)),
    **{
        name: Format(
            f"{variant.middle}.tflite",
            functools.partial(write_litert, name=name),
            options=("calibration", "dynamic_batch"),
            is_calibrated=variant.is_calibrated,
            extra="export",
            needs=("ai_edge_litert", "ai_edge_quantizer"),
            largest_loss=variant.largest_loss,
        )
        for name, variant in VARIANTS.items()
    },
    "onnx": Format(".onnx", write_onnx, extra="onnx", needs=("onnx", "tf2onnx", "onnxruntime")),
    "openvino": Format("-openvino", write_openvino, extra="openvino", needs=("openvino",)),
}


def check_formats(names):
    """Raises a `ValueError` unless `names` are some of `FORMATS`, each once and installed."""
    if not names or len(set(names)) < len(names) or not set(names) <= set(FORMATS):
        raise UserError(
            f"`to` must be some of {', '.join(FORMATS)}, each once: received {', '.join(names)}."
        )
    for name in names:
        if not FORMATS[name].is_at_hand:
            raise UserError(
                f"{name} needs an extra: pip install 'keras-vit[{FORMATS[name].extra}]'."
            )
