"""One function for each runtime: it opens a path and says what is there, an `Opened`.

Each imports its runtime only when it is called; this raises errors of any class for a damaged file.
"""

import importlib.metadata
import os

import numpy as np

from keras_vit.errors import UserError, needs_extra
from keras_vit.inference.keras_runtime import set_threads
from keras_vit.inference.metadata import FOLDER, read_metadata, texts_in, texts_in_zip
from keras_vit.inference.opened import Opened
from keras_vit.inference.signature import FLOAT, IMAGES, NAME, TEXT

ONNX_DTYPES = {"tensor(float)": FLOAT, "tensor(string)": TEXT}
OPENVINO_DTYPES = {"f32": FLOAT, "string": TEXT}


def open_saved_model(path, threads):
    """Opens a SavedModel folder.

    Args:
        path: The folder, a `pathlib.Path`.
        threads: How many threads compute; all if `None`.

    Returns:
        An `Opened`.

    Raises:
        ValueError: If there is no signature `serving_default`.
    """
    import tensorflow as tf

    set_threads(threads)
    model = tf.saved_model.load(str(path))
    if NAME not in model.signatures:
        names = ", ".join(model.signatures) or "none"
        raise UserError(f"It has no signature {NAME}: its signatures are {names}.")

    def facts(specs):
        return {
            name: (spec.shape.as_list() if spec.shape.rank is not None else (), spec.dtype.name)
            for name, spec in specs.items()
        }

    def run(images):
        serve = model.signatures[NAME]  # `model` keeps the variables alive
        return serve(images=tf.constant(images, tf.float32))

    serve = model.signatures[NAME]
    return Opened(
        inputs=facts(serve.structured_input_signature[1]),
        outputs=facts(serve.structured_outputs),
        run=run,
        runtime=f"tensorflow {tf.__version__}",
        metadata=read_metadata(texts_in(path / FOLDER)),
        loaded=model,
    )


def open_litert(path, threads):
    """Opens a `.tflite` file.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Returns:
        An `Opened`.

    Raises:
        ValueError: If there is no signature `serving_default`, or one step of its images is not one
            pixel level.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads or os.cpu_count())
    interpreter.allocate_tensors()  # now, because it prints the name of its delegate
    if NAME not in interpreter.get_signature_list():
        names = ", ".join(interpreter.get_signature_list()) or "none"
        raise UserError(f"It has no signature {NAME}: its signatures are {names}.")
    serve = interpreter.get_signature_runner(NAME)

    def facts(details):
        return {
            name: ([None if side < 0 else int(side) for side in each["shape_signature"]], dtype)
            for name, each in details.items()
            for dtype in [np.dtype(each["dtype"]).name]
        }

    inputs, outputs = serve.get_input_details(), serve.get_output_details()
    if IMAGES in inputs and inputs[IMAGES]["quantization"] not in ((0.0, 0), (1.0, 0)):
        raise UserError("A step of its images is no level of a pixel.")

    def numbers(name, array):
        scale, zero = outputs[name]["quantization"]  # 0.0, 0 if they are not quantised
        return (array.astype(FLOAT) - zero) * scale if scale else array

    def run(images):
        images, dtype = np.asarray(images), inputs[IMAGES]["dtype"]
        if dtype == np.uint8 != images.dtype:
            images = np.clip(np.rint(images), 0, 255)
        answers = serve(images=images.astype(dtype))
        return {name: numbers(name, array) for name, array in answers.items()}

    return Opened(
        inputs=facts(inputs),
        outputs=facts(outputs),
        run=run,
        runtime=_version_of("ai-edge-litert"),
        metadata=read_metadata(texts_in_zip(path)),
        dtypes=(FLOAT, "uint8"),
    )


def open_onnx(path, threads):
    """Opens an `.onnx` file.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Returns:
        An `Opened`.

    Raises:
        ValueError: If the extra `onnx` is missing.
    """
    with needs_extra("onnx"):
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def facts(tensors):
        return {
            each.name: (
                [side if isinstance(side, int) else None for side in each.shape],
                ONNX_DTYPES.get(each.type, each.type),
            )
            for each in tensors
        }

    outputs = facts(session.get_outputs())

    def run(images):
        return dict(
            zip(outputs, session.run(None, {IMAGES: np.asarray(images, FLOAT)}), strict=True)
        )

    return Opened(
        inputs=facts(session.get_inputs()),
        outputs=outputs,
        run=run,
        runtime=_version_of("onnxruntime"),
        metadata=read_metadata(session.get_modelmeta().custom_metadata_map),
    )


def open_openvino(path, threads):
    """Opens a folder of OpenVINO's `model.xml` and `model.bin`.

    Args:
        path: The folder, a `pathlib.Path`.
        threads: How many threads compute; all if `None`.

    Returns:
        An `Opened`.

    Raises:
        ValueError: If the extra `openvino` is missing.
    """
    with needs_extra("openvino"):
        import openvino

    # In float32, whatever else the processor could do.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_NUM_THREADS"] = threads or os.cpu_count()
    model = openvino.Core().compile_model(path / "model.xml", "CPU", settings)

    def facts(ports):
        return {
            (sorted(port.names) or ["unnamed"])[0]: (
                [None if side.is_dynamic else side.get_length() for side in port.partial_shape],
                OPENVINO_DTYPES.get(port.element_type.get_type_name(), "other"),
            )
            for port in ports
        }

    return Opened(
        inputs=facts(model.inputs),
        outputs=facts(model.outputs),
        run=lambda images: model({IMAGES: np.asarray(images, FLOAT)}),
        runtime=_version_of("openvino"),
        metadata=read_metadata(texts_in(path)),
    )


def _version_of(package):
    return f"{package} {importlib.metadata.version(package)}"
