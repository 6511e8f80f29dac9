import keras
import numpy as np
import pytest

from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import adamw, lamb, muon, sgd


def assert_decays_kernels_alone(optimizer, model):
    """Applies a zero gradient to weights of one, so that nothing but the decay moves them."""
    for weight in model.trainable_weights:
        weight.assign(np.ones(weight.shape))
    gradients = [np.zeros(weight.shape, "float32") for weight in model.trainable_weights]
    optimizer.apply(gradients, model.trainable_weights)
    for weight in model.trainable_weights:
        expected = 1 - 0.1 * 0.5 if weight.name == "kernel" else 1
        np.testing.assert_allclose(weight, np.full(weight.shape, expected), rtol=1e-6)


@pytest.mark.parametrize("build", [adamw, lamb, sgd])
def test_weight_decay_acts_on_kernels_alone(build):
    model = classifier(
        vit("mu/4", image_size=8, layer_scale=0.1, qk_norm=True, num_registers=1),
        3,
        pool="attention",
    )
    assert_decays_kernels_alone(build(0.1, weight_decay=0.5), model)


def test_the_rule_survives_saving_and_loading(tmp_path, tiny_classifier):
    optimizer = adamw(0.1, weight_decay=0.5)
    optimizer.build(tiny_classifier.trainable_variables)
    tiny_classifier.compile(optimizer, "mse")
    tiny_classifier.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_decays_kernels_alone(reloaded.optimizer, reloaded)


def test_muon_orthogonalises_the_kernels_of_blocks_alone():
    model = classifier(vit("mu/4", image_size=8), 3, pool="attention")
    optimizer = muon(0.1, weight_decay=0.0)
    optimizer.build(model.trainable_variables)
    before = [np.array(weight) for weight in model.trainable_weights]
    signs = [np.random.choice([-1, 1], weight.shape) for weight in before]
    gradients = [sign * np.random.uniform(0.5, 1, sign.shape) for sign in signs]
    optimizer.apply([g.astype("float32") for g in gradients], model.trainable_weights)
    orthogonal = set()
    for weight, start, gradient in zip(model.trainable_weights, before, gradients, strict=True):
        step = (start - np.array(weight)) / 0.1
        if np.abs(np.abs(step) - 1).max() < 1e-3:  # Adam's first step is the gradient's sign
            np.testing.assert_array_equal(np.sign(step), np.sign(gradient))
            continue
        orthogonal.add(weight.path)
        values = np.linalg.svd(step / (0.2 * np.sqrt(max(step.shape))), compute_uv=False)
        assert 0.6 < np.median(values) < 1.3 and values.max() < 1.3
    kernels = {w.path for w in model.trainable_weights if w.name == "kernel"}
    assert orthogonal == {path for path in kernels if path.startswith("block00/")}
    assert len(orthogonal) == 4


def test_muon_decays_the_kernels_of_blocks_alone():
    model = classifier(vit("mu/4", image_size=8), 3)
    optimizer = muon(0.1, weight_decay=0.5)
    optimizer.build(model.trainable_variables)
    before = [np.array(weight) for weight in model.trainable_weights]
    optimizer.apply([np.zeros(w.shape, "float32") for w in before], model.trainable_weights)
    for weight, start in zip(model.trainable_weights, before, strict=True):
        decayed = weight.path.startswith("block00/") and weight.name == "kernel"
        np.testing.assert_allclose(weight, start * (0.95 if decayed else 1), rtol=1e-5)


@pytest.mark.parametrize("build", [adamw, lamb, muon])
@pytest.mark.parametrize(
    "wrong", [dict(weight_decay=-0.1), dict(beta_2=1.0), dict(global_clipnorm=0)]
)
def test_a_number_out_of_its_range_is_refused(build, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}` must .*: received {name}={value}"):
        build(0.1, **{"weight_decay": 0.5, **wrong})


def test_a_momentum_out_of_its_range_is_refused():
    with pytest.raises(ValueError, match="`momentum` must .*: received momentum=1.0"):
        sgd(0.1, weight_decay=0.0, momentum=1.0)
