"""One function for each runtime: it opens a path and returns an `Artefact`.

Each imports its runtime only when it is called; this raises errors of any class for a damaged file.
"""

import importlib.metadata
import os

import numpy as np

from keras_vit.errors import UserError, needs_extra
from keras_vit.inference.artefact import Artefact
from keras_vit.inference.metadata import FOLDER, read_metadata, texts_in, texts_in_zip
from keras_vit.inference.signature import (
    FLOAT,
    IMAGES,
    NAME,
    PROBABILITIES,
    image_shape_of,
    one_by_one,
)

ONNX_DTYPES = {"tensor(float)": FLOAT}
OPENVINO_DTYPES = {"f32": FLOAT}


def open_keras(path, threads):
    """Returns the `Artefact` of a `.keras` file of a classifier.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Raises:
        ValueError: If `keras_vit.tasks.to_probabilities` refuses the model.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        _set_threads(threads)

    # This import also registers our layers with Keras.
    from keras_vit.tasks import (
        class_names_of,
        preprocessing_of,
        read_keras_file,
        to_probabilities,
    )

    model = read_keras_file(path)
    convert = to_probabilities(model)
    names = class_names_of(model)

    def predict(images):
        outputs = model.predict_on_batch(np.asarray(images, "float32"))
        return keras.ops.convert_to_numpy(keras.ops.cast(convert(outputs), "float32"))

    runtime = f"keras {keras.__version__}, {keras.backend.backend()}"
    return Artefact(
        path,
        model.input_shape[1:],
        names and tuple(names),
        predict,
        runtime,
        preprocessing_of(model),
    )


def open_saved_model(path, threads):
    """Returns the `Artefact` of a SavedModel folder.

    Args:
        path: The folder, a `pathlib.Path`.
        threads: How many threads compute; all if `None`.

    Raises:
        ValueError: If `image_shape_of` refuses the signature `serving_default`, or there is none.
    """
    import tensorflow as tf

    _set_threads(threads)
    model = tf.saved_model.load(str(path))
    if NAME not in model.signatures:
        names = ", ".join(model.signatures) or "none"
        raise UserError(f"It has no signature {NAME}: its signatures are {names}.")

    def facts(specs):
        return {
            name: (spec.shape.as_list() if spec.shape.rank is not None else (), spec.dtype.name)
            for name, spec in specs.items()
        }

    serve = model.signatures[NAME]
    inputs = facts(serve.structured_input_signature[1])
    shape = image_shape_of(inputs, facts(serve.structured_outputs))

    def predict(images):
        serve = model.signatures[NAME]  # `model` keeps the variables alive
        return serve(images=tf.constant(images, tf.float32))[PROBABILITIES].numpy()

    return Artefact(
        path,
        shape,
        predict=one_by_one(predict) if inputs[IMAGES][0][0] == 1 else predict,
        runtime=f"tensorflow {tf.__version__}",
        loaded=model,
        **read_metadata(texts_in(path / FOLDER)),
    )


def _set_threads(threads):
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def open_litert(path, threads):
    """Returns the `Artefact` of a `.tflite` file.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Raises:
        ValueError: If the extra `export` is missing, `image_shape_of` refuses the signature
            `serving_default` or there is none, or one step of its images is not one pixel level.
    """
    with needs_extra("export"):
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
    shape = image_shape_of(facts(inputs), facts(outputs), dtypes=(FLOAT, "uint8"))
    dtype = inputs[IMAGES]["dtype"]
    if inputs[IMAGES]["quantization"] not in ((0.0, 0), (1.0, 0)):
        raise UserError("A step of its images is no level of a pixel.")
    scale, zero = outputs[PROBABILITIES]["quantization"]  # 0.0, 0 if they are floats

    def predict(images):
        images = np.asarray(images)
        if dtype == np.uint8 != images.dtype:
            images = np.clip(np.rint(images), 0, 255)
        answers = serve(images=images.astype(dtype))[PROBABILITIES].astype("float32")
        return (answers - zero) * scale if scale else answers

    return Artefact(
        path,
        shape,
        predict=one_by_one(predict) if inputs[IMAGES]["shape_signature"][0] == 1 else predict,
        runtime=_version_of("ai-edge-litert"),
        **read_metadata(texts_in_zip(path)),
    )


def open_onnx(path, threads):
    """Returns the `Artefact` of an `.onnx` file.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Raises:
        ValueError: If the extra `onnx` is missing, or `image_shape_of` refuses the model.
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

    inputs = facts(session.get_inputs())
    shape = image_shape_of(inputs, facts(session.get_outputs()))

    def predict(images):
        return session.run([PROBABILITIES], {IMAGES: np.asarray(images, FLOAT)})[0]

    return Artefact(
        path,
        shape,
        predict=one_by_one(predict) if inputs[IMAGES][0][0] == 1 else predict,
        runtime=_version_of("onnxruntime"),
        **read_metadata(session.get_modelmeta().custom_metadata_map),
    )


def open_openvino(path, threads):
    """Returns the `Artefact` of a folder of OpenVINO's `model.xml` and `model.bin`.

    Args:
        path: The folder, a `pathlib.Path`.
        threads: How many threads compute; all if `None`.

    Raises:
        ValueError: If the extra `openvino` is missing, or `image_shape_of` refuses the model.
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

    inputs = facts(model.inputs)
    shape = image_shape_of(inputs, facts(model.outputs))

    def predict(images):
        return model({IMAGES: np.asarray(images, FLOAT)})[PROBABILITIES]

    return Artefact(
        path,
        shape,
        predict=one_by_one(predict) if inputs[IMAGES][0][0] == 1 else predict,
        runtime=_version_of("openvino"),
        **read_metadata(texts_in(path)),
    )


def _version_of(package):
    return f"{package} {importlib.metadata.version(package)}"
