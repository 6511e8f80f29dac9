"""The formats that a classifier is exported to, a row each."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable

from keras_vit.export.litert import VARIANTS, write_litert
from keras_vit.export.onnx_file import write_onnx
from keras_vit.export.openvino_folder import write_openvino
from keras_vit.export.saved_model import write_saved_model


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of artefact.

    Attributes:
        suffix: What its name has behind the version, `"-int8.tflite"`; `""` of the folder that
            TensorFlow Serving loads.
        write: From a model as `servable` returns it, a path, and what travels along, to the
            artefact; it raises a `ValueError` where the model does not fit the format.
        options: What else it takes: `calibration`, `dynamic_batch`.
        is_calibrated: Whether it must be given images for calibration.
        extra: The extra of this package that has what it needs beyond the core.
        needs: Modules of this extra.
    """

    suffix: str
    write: Callable
    options: tuple[str, ...] = ()
    is_calibrated: bool = False
    extra: str = ""
    needs: tuple[str, ...] = ()

    @property
    def is_at_hand(self):
        """Whether what it needs is installed."""
        return all(importlib.util.find_spec(module) for module in self.needs)


FORMATS = {
    "savedmodel": Format("", write_saved_model),
    **{
        name: Format(
            f"{variant.middle}.tflite",
            functools.partial(write_litert, name=name),
            options=("calibration", "dynamic_batch"),
            is_calibrated=variant.is_calibrated,
        )
        for name, variant in VARIANTS.items()
    },
    "onnx": Format(".onnx", write_onnx, extra="onnx", needs=("onnx", "tf2onnx", "onnxruntime")),
    "openvino": Format("-openvino", write_openvino, extra="openvino", needs=("openvino",)),
}
