"""Counts the operators of an export."""

import collections
from pathlib import Path

from keras_vit.errors import needs_extra
from keras_vit.evaluation.litert_graph import read_litert
from keras_vit.inference.versions import is_openvino


def operators_of(path):
    """Counts the operators of an export by name, the most frequent first.

    Args:
        path: A `.tflite` or `.onnx` file or a folder of OpenVINO, or any other export.

    Returns:
        A dictionary of counts by name; empty for other exports, because TensorFlow and Keras choose
        operators when they run.

    Raises:
        ValueError: If a `.tflite` file cannot be read, or the extra of the format is missing.
    """
    path = Path(path)
    if path.suffix == ".tflite":
        return read_litert(path).histogram
    if path.suffix == ".onnx":
        with needs_extra("onnx"):
            import onnx

        names = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
    elif is_openvino(path):
        with needs_extra("openvino"):
            import openvino

        model = openvino.Core().read_model(path / "model.xml")
        names = [each.get_type_name() for each in model.get_ops()]
    else:
        names = []
    return dict(collections.Counter(names).most_common())
