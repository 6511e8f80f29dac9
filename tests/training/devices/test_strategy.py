import json
import os
import sys

import keras
import pytest
import tensorflow as tf

from keras_vit.training import check_batch_size, set_precision, strategy


@pytest.fixture
def gpus(monkeypatch):
    """Lets logical CPUs pass for GPUs."""

    def pretend(count):
        devices = tf.config.list_logical_devices("CPU")[:count]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: devices)

    return pretend


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_trains(capsys, device):
    chosen = strategy(device)
    assert chosen is tf.distribute.get_strategy()
    assert "Training on the CPU" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_several_gpus_are_mirrored(gpus, capsys, device):
    gpus(2)
    chosen = strategy(device)
    assert isinstance(chosen, tf.distribute.MirroredStrategy)
    assert chosen.num_replicas_in_sync == 2
    assert "2 GPUs (MirroredStrategy)" in capsys.readouterr().out


def test_one_gpu_needs_no_strategy(gpus, capsys):
    gpus(1)
    assert strategy() is tf.distribute.get_strategy()
    assert "one GPU" in capsys.readouterr().out


def test_the_cpu_can_be_insisted_on_beside_gpus(gpus):
    gpus(2)
    assert isinstance(strategy("cpu"), tf.distribute.OneDeviceStrategy)


def test_a_gpu_that_is_not_there_is_a_sentence():
    with pytest.raises(ValueError, match="needs a GPU that TensorFlow sees"):
        strategy("gpu")


def test_a_tpu_that_is_not_there_is_a_sentence(monkeypatch):
    message = "There is no TPU 'local': set TPU_NAME"
    with pytest.raises(ValueError, match=message):
        strategy("tpu")
    monkeypatch.setenv("TPU_NAME", "local")
    with pytest.raises(ValueError, match=message):
        strategy("auto")


def test_a_tpu_is_taken_where_its_name_is_set(monkeypatch, capsys):
    class FakeTPU:
        num_replicas_in_sync = 8

    resolvers = []
    cluster_resolver = tf.distribute.cluster_resolver.TPUClusterResolver
    monkeypatch.setattr(cluster_resolver, "connect", lambda name: f"resolver of {name}")
    monkeypatch.setattr(tf.distribute, "TPUStrategy", lambda r: resolvers.append(r) or FakeTPU())
    monkeypatch.setenv("TPU_NAME", "my-tpu")
    assert isinstance(strategy(), FakeTPU)
    assert resolvers == ["resolver of my-tpu"]
    assert "TPU with 8 cores" in capsys.readouterr().out


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="received 'npu'"):
        strategy("npu")


WORKERS = ["10.0.0.1:2222", "10.0.0.2:2222"]


@pytest.fixture
def fake_multi_worker(monkeypatch):
    """Replaces the strategy, which would wait for the other workers."""

    class Fake:
        num_replicas_in_sync = 4

        def __init__(self):
            self.cluster = json.loads(os.environ["TF_CONFIG"])

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Fake)
    monkeypatch.setattr(sys.modules[strategy.__module__], "wait_for_workers", lambda *_: None)
    monkeypatch.setenv("TF_CONFIG", "{}")
    return Fake


def test_workers_come_from_flags(fake_multi_worker, capsys):
    chosen = strategy(worker=1, workers=WORKERS)
    assert chosen.cluster == {
        "cluster": {"worker": WORKERS},
        "task": {"type": "worker", "index": 1},
    }
    assert "Training on 4 devices of 2 workers" in capsys.readouterr().out


def test_workers_come_from_the_environment(fake_multi_worker, monkeypatch):
    config = {"cluster": {"worker": WORKERS}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert strategy().cluster == config


def test_workers_that_tensorflow_cannot_join_are_a_sentence(fake_multi_worker, monkeypatch):
    def fail(self):
        raise tf.errors.InternalError(None, None, "no barrier\nsecond line")

    monkeypatch.setattr(fake_multi_worker, "__init__", fail)
    with pytest.raises(ConnectionError, match=r"start all again. \(InternalError: no barrier\)"):
        strategy(worker=0, workers=WORKERS)


@pytest.mark.parametrize(
    "device, message", [("tpu", "A TPU slice needs no workers"), ("gpu", "needs a GPU")]
)
def test_workers_without_the_device_asked_for_are_a_sentence(device, message):
    with pytest.raises(ValueError, match=message):
        strategy(device, worker=0, workers=WORKERS)


def test_a_cluster_of_one_is_no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["localhost:1"]}}))
    assert strategy() is tf.distribute.get_strategy()


def test_keras_distribution_is_refused_and_not_ignored():
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=["cpu:0", "cpu:1"], auto_shard_dataset=False)
    )
    try:
        with pytest.raises(ValueError, match="does nothing on the TensorFlow backend"):
            strategy()
    finally:
        keras.distribution.set_distribution(None)


def test_an_indivisible_batch_is_a_sentence():
    class Eight:
        num_replicas_in_sync = 8

    check_batch_size(96, Eight, accumulation=3)
    with pytest.raises(ValueError, match="batch_size=100, 8 devices, accumulation=1"):
        check_batch_size(100, Eight)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_precision_is_what_layers_compute_in(precision):
    try:
        set_precision(precision)
        layer = keras.layers.Dense(1)
    finally:
        set_precision("float32")
    assert (layer.compute_dtype, layer.variable_dtype) == (precision, "float32")


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="received 'int8'"):
        set_precision("int8")
