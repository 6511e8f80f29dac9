"""Writes a model as an ONNX file."""

import tensorflow as tf

from keras_vit.errors import UserError, needs_extra, reason_of
from keras_vit.export.answers import images_to_answers
from keras_vit.export.metadata import metadata_texts

OPSET = 18  # the highest that tf2onnx writes


def write_onnx(model, path, *, class_names=None, preprocessing=None):
    """Writes an ONNX file: `images` `(B, H, W, C)`, float32, in, named answers out.

    Class names and preprocessing are properties of the model, `labels.txt` and `metadata.json`.
    ONNX Runtime loads the file as a check before this returns.

    Args:
        model: A model for `keras_vit.tasks.deploy`, as `servable` returns it.
        path: File to write.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: A `Preprocessing`; by default the whole picture is resized.

    Raises:
        ValueError: If a package of the extra `onnx` is missing, ONNX Runtime does not load the
            file, or `keras_vit.tasks.deploy` refuses the model.
    """
    with needs_extra("onnx"):
        import onnx
        import onnxruntime
        import tf2onnx

    function, spec = images_to_answers(model)
    serve = tf.function(function, input_signature=[spec])
    converted, _ = tf2onnx.convert.from_function(serve, input_signature=[spec], opset=OPSET)
    onnx.helper.set_model_props(converted, metadata_texts(model, class_names, preprocessing))
    onnx.save(converted, path)
    try:
        onnx.checker.check_model(str(path), full_check=True)
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # each package has its own errors
        reason = reason_of(error)
        raise UserError(f"ONNX Runtime does not load what tf2onnx wrote: {reason}") from error
