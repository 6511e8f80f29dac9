"""What TensorFlow Serving reads beside a SavedModel."""

import re
import shlex

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from keras_vit.export import export, write_configurations


@pytest.mark.slow
def test_every_signature_is_warmed_up_at_every_batch_size(tmp_path, tiny_classifier):
    (path,) = export(tiny_classifier, tmp_path / "grey digits", to=("savedmodel",))
    loaded = tf.saved_model.load(str(path))
    file = path / "assets.extra" / "tf_serving_warmup_requests"
    seen = set()
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "grey digits"
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        ((_, array),) = inputs.items()
        signature = loaded.signatures[request.model_spec.signature_name]
        answers = signature(**{name: tf.constant(array) for name, array in inputs.items()})
        assert all(len(answer) == len(array) for answer in answers.values())
        if "valid" in answers:
            assert answers["valid"].numpy().all()
        seen.add((request.model_spec.signature_name, len(array)))
    assert seen == {(name, batch) for name in loaded.signatures for batch in (1, 16)}


def test_the_configurations_are_what_the_server_parses(tmp_path):
    folder = tmp_path / "grey digits"
    folder.mkdir()
    words = shlex.split(write_configurations(folder))
    assert words[:2] == ["docker", "run"]
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((folder / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("grey digits", "/models/grey digits")
    mount = words[words.index("--mount") + 1]
    assert mount == f"type=bind,source={folder},target={model.base_path},readonly"
    assert f"--model_config_file={model.base_path}/models.config" in words
    assert f"--batching_parameters_file={model.base_path}/batching.config" in words
    batching = (folder / "batching.config").read_text()
    sizes = [int(each) for each in re.findall(r"allowed_batch_sizes: (\d+)", batching)]
    largest = int(re.search(r"max_batch_size \{ value: (\d+) \}", batching)[1])
    assert np.all(np.diff(sizes) > 0) and sizes[-1] == largest  # as the server asks for
