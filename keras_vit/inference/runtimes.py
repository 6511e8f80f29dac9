"""What artefacts run on: from a path to an `Artefact`, a function for each runtime.

Each imports its runtime when it is called. `threads` is how many compute, all where it is `None`.
"""

import importlib.metadata
import os

import numpy as np

from keras_vit.errors import UserError
from keras_vit.inference.artefact import Artefact
from keras_vit.inference.metadata import FOLDER, read_metadata, texts_in, texts_in_zip


def open_keras(path, threads):
    """Opens a `.keras` file of ours."""
    import keras

    if keras.backend.backend() == "tensorflow":
        _set_threads(threads)

    # It makes our layers known to Keras, too.
    from keras_vit.tasks import class_names_of, preprocessing_of

    model = keras.saving.load_model(path, compile=False)
    if "head" not in [layer.name for layer in model.layers]:
        raise UserError("It has no head: it gives features or tokens, and no classes.")
    names = class_names_of(model)

    def predict(images):
        logits = model.predict_on_batch(np.asarray(images, "float32"))
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))

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
    """Opens a SavedModel folder."""
    import tensorflow as tf

    _set_threads(threads)
    model = tf.saved_model.load(str(path))
    inputs = model.signatures["serving_default"].structured_input_signature[1]

    def predict(images):
        serve = model.signatures["serving_default"]  # of the model, which keeps its variables
        return serve(images=tf.constant(images, tf.float32))["probabilities"].numpy()

    return Artefact(
        path,
        tuple(inputs["images"].shape[1:]),
        predict=predict,
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
    """Opens a `.tflite` file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads or os.cpu_count())
    interpreter.allocate_tensors()  # now, for it announces its delegate
    serve = interpreter.get_signature_runner("serving_default")
    images_in = serve.get_input_details()["images"]
    probabilities_out = serve.get_output_details()["probabilities"]
    scale, zero = probabilities_out["quantization"]  # 0.0, 0 where they are floats
    takes_one = images_in["shape_signature"][0] == 1

    def predict(images):
        images = np.asarray(images)
        if images_in["dtype"] == np.uint8 != images.dtype:
            images = np.clip(np.rint(images), 0, 255)
        images = images.astype(images_in["dtype"])
        calls = [image[None] for image in images] if takes_one else [images]
        answers = np.concatenate([serve(images=call)["probabilities"] for call in calls])
        answers = answers.astype("float32")
        return (answers - zero) * scale if scale else answers

    return Artefact(
        path,
        tuple(int(side) for side in images_in["shape"][1:]),
        predict=predict,
        runtime=_version_of("ai-edge-litert"),
        **read_metadata(texts_in_zip(path)),
    )


def open_onnx(path, threads):
    """Opens an `.onnx` file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (images_in,) = session.get_inputs()

    def predict(images):
        return session.run(["probabilities"], {"images": np.asarray(images, "float32")})[0]

    return Artefact(
        path,
        tuple(images_in.shape[1:]),
        predict=predict,
        runtime=_version_of("onnxruntime"),
        **read_metadata(session.get_modelmeta().custom_metadata_map),
    )


def open_openvino(path, threads):
    """Opens a folder of OpenVINO's `model.xml` and `model.bin`."""
    import openvino

    # In float32, whatever else the processor could do.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_NUM_THREADS"] = threads or os.cpu_count()
    model = openvino.Core().compile_model(path / "model.xml", "CPU", settings)
    shape = model.input("images").partial_shape

    def predict(images):
        return model({"images": np.asarray(images, "float32")})["probabilities"]

    return Artefact(
        path,
        tuple(side.get_length() for side in list(shape)[1:]),
        predict=predict,
        runtime=_version_of("openvino"),
        **read_metadata(texts_in(path)),
    )


def _version_of(package):
    return f"{package} {importlib.metadata.version(package)}"
