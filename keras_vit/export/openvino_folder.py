"""Writes a model as a folder that OpenVINO loads."""

import tempfile
from pathlib import Path

from keras_vit.errors import UserError, needs_extra, reason_of
from keras_vit.export.answers import write_answers
from keras_vit.export.metadata import write_metadata
from keras_vit.tasks import deploy


def write_openvino(model, path, *, class_names=None, preprocessing=None):
    """Writes a folder of OpenVINO: `images` `(B, H, W, C)` in, named answers out.

    It holds `model.xml`, the weights `model.bin` in float32, and the metadata. OpenVINO loads it as
    a check before this returns. OpenVINO computes in bfloat16 on processors that can, unless
    `INFERENCE_PRECISION_HINT=f32` is set.

    Args:
        model: A model for `keras_vit.tasks.deploy`, as `servable` returns it.
        path: Folder to make; must not exist.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: A `Preprocessing`; by default the whole picture is resized.

    Raises:
        ValueError: If OpenVINO is not installed or does not load the folder, or
            `keras_vit.tasks.deploy` refuses the model.
        FileExistsError: If `path` exists.
    """
    with needs_extra("openvino"):
        import openvino

    with tempfile.TemporaryDirectory() as folder:
        write_answers(model, folder)
        converted = openvino.convert_model(folder)
        converted.input(0).set_names({"images"})
        names = deploy(model).shapes.keys()
        for output in converted.outputs:
            output.set_names(output.names & names)
        path = Path(path)
        path.mkdir()
        openvino.save_model(converted, path / "model.xml", compress_to_fp16=False)
    write_metadata(path, model, class_names, preprocessing)
    try:
        openvino.Core().compile_model(path / "model.xml", "CPU")
    except RuntimeError as error:
        raise UserError(f"OpenVINO does not load what it wrote: {reason_of(error)}") from error
