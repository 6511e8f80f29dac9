"""A classifier as a folder that OpenVINO loads."""

import tempfile
from pathlib import Path

from keras_vit.errors import UserError, needs_extra, reason_of
from keras_vit.export.answers import write_probabilities
from keras_vit.export.metadata import write_metadata


def write_openvino(model, path, *, class_names=None, preprocessing=None):
    """Writes the folder `path`: `model.xml`, its weights `model.bin` in float32, and the texts.

    `images` `(B, H, W, C)`, float32, in, `probabilities` `(B, K)` out. It is loaded by OpenVINO
    before this returns. OpenVINO computes in bfloat16 on processors that can,
    unless `INFERENCE_PRECISION_HINT=f32` is set.

    Args:
        model: A classifier from images to logits, as `servable` returns it.
        path: Folder to make; must not exist.
        class_names: Names in the order of the logits, or `None`.
        preprocessing: As `keras_vit.export.metadata.metadata_texts` takes it.

    Raises:
        ValueError: If OpenVINO does not load it.
    """
    with needs_extra("openvino"):
        import openvino

    with tempfile.TemporaryDirectory() as folder:
        write_probabilities(model, folder)
        converted = openvino.convert_model(folder)
        converted.input(0).set_names({"images"})
        converted.output(0).set_names({"probabilities"})
        path = Path(path)
        path.mkdir()
        openvino.save_model(converted, path / "model.xml", compress_to_fp16=False)
    write_metadata(path, model, class_names, preprocessing)
    try:
        openvino.Core().compile_model(path / "model.xml", "CPU")
    except RuntimeError as error:
        raise UserError(f"OpenVINO does not load what it wrote: {reason_of(error)}") from error
