import pytest
import tensorflow as tf

from keras_vit.training import strategy, use_xla


@pytest.fixture
def gpus(monkeypatch):
    """Lets logical CPUs pass for GPUs."""

    def pretend(count):
        devices = tf.config.list_logical_devices("CPU")[:count]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: devices)

    return pretend


@pytest.fixture(autouse=True)
def no_tpu_name(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_trains_under_xla(capsys, device):
    chosen = strategy(device)
    assert chosen is tf.distribute.get_strategy()
    assert "Training on the CPU" in capsys.readouterr().out
    assert use_xla(chosen)


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_several_gpus_are_mirrored(gpus, capsys, device):
    gpus(2)
    chosen = strategy(device)
    assert isinstance(chosen, tf.distribute.MirroredStrategy)
    assert chosen.num_replicas_in_sync == 2
    assert "2 GPUs (MirroredStrategy)" in capsys.readouterr().out
    assert not use_xla(chosen)


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
