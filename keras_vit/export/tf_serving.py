"""Writes what TensorFlow Serving needs beside a SavedModel: warm-up requests, configurations."""

import shlex
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from keras_vit.errors import needs_extra
from keras_vit.files import atomic_write

INIT = "__saved_model_init_op"  # no signature of the model
WARM_UP = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 16)  # of the warm-up requests; the last is the largest batch that is gathered
MODELS = """\
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""
BATCHING = f"""\
max_batch_size {{ value: {BATCH_SIZES[-1]} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 64 }}
num_batch_threads {{ value: 2 }}
allowed_batch_sizes: 1
allowed_batch_sizes: 4
allowed_batch_sizes: {BATCH_SIZES[-1]}
"""


def write_warm_up(path, name):
    """Writes warm-up requests, which a server answers before it reports that it is ready.

    There is one for each signature and batch size. Without them the first real request of each kind
    waits until its graph is optimised.

    Args:
        path: Folder of a SavedModel.
        name: Name under which the model is served.

    Raises:
        ValueError: If a package of the extra `export` is missing.
    """
    with needs_extra("export"):
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    saved = saved_model_pb2.SavedModel.FromString(Path(path, "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    with tf.io.TFRecordWriter(str(Path(path, WARM_UP))) as writer:
        for signature in sorted(signatures.keys() - {INIT}):
            ((key, spec),) = signatures[signature].inputs.items()
            for batch_size in BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                request.inputs[key].CopyFrom(_blank(spec, batch_size))
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString())


def _blank(spec, batch_size):
    """Returns a batch of black images, or of encoded pictures of one black pixel, as a protobuf."""
    shape = (batch_size, *(axis.size for axis in spec.tensor_shape.dim[1:]))
    if spec.dtype == types_pb2.DT_STRING:
        pixel = tf.io.encode_png(tf.zeros((1, 1, 3), tf.uint8))
        return tf.make_tensor_proto(tf.fill(shape, pixel).numpy())
    proto = tf.make_tensor_proto(0, spec.dtype, ())  # one number stands for all
    proto.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    return proto


def write_configurations(folder):
    """Writes `models.config` and `batching.config` into a folder of versions.

    Args:
        folder: Folder of the versions, for example `saved_models/digits`; its name becomes the
            model's.

    Returns:
        A shell command, a text, that serves the folder with Docker.
    """
    folder = Path(folder).resolve()
    with atomic_write(folder / "models.config") as unfinished:
        unfinished.write_text(MODELS.format(name=folder.name))
    with atomic_write(folder / "batching.config") as unfinished:
        unfinished.write_text(BATCHING)
    place = f"/models/{folder.name}"
    words = ["docker", "run", "--rm", "-p", "8500:8500", "-p", "8501:8501"]
    words += ["--mount", f"type=bind,source={folder},target={place},readonly"]
    words += ["tensorflow/serving", f"--model_config_file={place}/models.config"]
    words += ["--enable_batching", f"--batching_parameters_file={place}/batching.config"]
    return shlex.join(words)
