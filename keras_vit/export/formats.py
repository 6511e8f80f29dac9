"""The formats that a model is exported to, one row of a table each."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable

from keras_vit.errors import UserError
from keras_vit.export.litert import VARIANTS, write_litert
from keras_vit.export.onnx_file import write_onnx
from keras_vit.export.openvino_folder import write_openvino
from keras_vit.export.saved_model import write_saved_model


@dataclasses.dataclass(frozen=True)
class Format:
    """One format of an export.

    Attributes:
        suffix: What follows the version in the export's name, for example `"-int8.tflite"`; `""`
            for the folder that TensorFlow Serving loads.
        write: Writes the export. It takes a model as `servable` returns it, the path to write, and
            by keyword `class_names`, `preprocessing` and those of `options`; it raises a
            `ValueError` if the model does not fit the format.
        options: Further keywords of `write`: `"calibration"`, `"dynamic_batch"`, `"converted"`,
            `"attention"`.
        is_calibrated: Whether it needs images for calibration.
        extra: The extra of this package whose packages it needs; empty if it needs none.
        needs: Modules that this extra installs.
        largest_loss: Percentage points of the task's headline that it may lose, or percent of one
            that is no share; `None` for a format that stores the weights unchanged, whose answers
            may differ by `keras_vit.export.limits.SAME`.
    """

    suffix: str
    write: Callable[..., None]
    options: tuple[str, ...] = ()
    is_calibrated: bool = False
    extra: str = ""
    needs: tuple[str, ...] = ()
    largest_loss: float | None = None

    @property
    def is_at_hand(self):
        """Whether the modules that it needs are installed."""
        return all(importlib.util.find_spec(module) for module in self.needs)


QUANTIZER = dict(extra="export", needs=("ai_edge_quantizer",))
FORMATS = {
    "savedmodel": Format("", write_saved_model, options=("attention",)),
    **{
        name: Format(
            f"{variant.middle}.tflite",
            functools.partial(write_litert, name=name),
            options=("calibration", "dynamic_batch", "converted"),
            is_calibrated=variant.is_calibrated,
            **(QUANTIZER if variant.is_quantized else {}),
            largest_loss=variant.largest_loss,
        )
        for name, variant in VARIANTS.items()
    },
    "onnx": Format(".onnx", write_onnx, extra="onnx", needs=("onnx", "tf2onnx", "onnxruntime")),
    "openvino": Format("-openvino", write_openvino, extra="openvino", needs=("openvino",)),
}


def check_formats(names):
    """Checks the names of formats.

    Args:
        names: Names of `FORMATS`.

    Raises:
        ValueError: If there is none, one is unknown or named twice, or the packages that it needs
            are not installed.
    """
    if not names or len(set(names)) < len(names) or not set(names) <= set(FORMATS):
        raise UserError(
            f"`to` must be some of {', '.join(FORMATS)}, each once: received {', '.join(names)}."
        )
    for name in names:
        if not FORMATS[name].is_at_hand:
            raise UserError(
                f"{name} needs an extra: pip install 'keras-vit[{FORMATS[name].extra}]'."
            )
