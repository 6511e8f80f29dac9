import keras
import numpy as np
import pytest

from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import warmup_cosine_adamw


def build(**arguments):
    return warmup_cosine_adamw(
        **{
            "learning_rate": 0.1,
            "total_steps": 10,
            "warmup_steps": 4,
            "weight_decay": 0.5,
            **arguments,
        }
    )


def assert_decays_kernels_alone(optimizer, model):
    """Applies a zero gradient to weights of one, so that nothing but the decay moves them."""
    for weight in model.trainable_weights:
        weight.assign(np.ones(weight.shape))
    gradients = [np.zeros(weight.shape, "float32") for weight in model.trainable_weights]
    optimizer.apply(gradients, model.trainable_weights)
    for weight in model.trainable_weights:
        expected = 1 - 0.1 * 0.5 if weight.name == "kernel" else 1
        np.testing.assert_allclose(weight, np.full(weight.shape, expected), rtol=1e-6)


def test_the_rate_warms_up_linearly_and_falls_as_a_cosine_to_zero():
    schedule = build()._learning_rate
    rates = [float(schedule(step)) for step in range(11)]
    np.testing.assert_allclose(rates[:5], [0, 0.025, 0.05, 0.075, 0.1], atol=1e-7)
    cosine = 0.05 * (1 + np.cos(np.pi * np.arange(7) / 6))
    np.testing.assert_allclose(rates[4:], cosine, atol=1e-7)


def test_weight_decay_acts_on_kernels_alone():
    model = classifier(
        vit("mu/4", image_size=8, layer_scale=0.1, qk_norm=True, num_registers=1),
        3,
        pool="attention",
    )
    optimizer = build(warmup_steps=0)
    assert_decays_kernels_alone(optimizer, model)


def test_the_rule_survives_saving_and_loading(tmp_path, tiny_classifier):
    optimizer = build(warmup_steps=0)
    optimizer.build(tiny_classifier.trainable_variables)
    tiny_classifier.compile(optimizer, "mse")
    tiny_classifier.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_decays_kernels_alone(reloaded.optimizer, reloaded)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(learning_rate=float("nan")),
        dict(learning_rate=0),
        dict(weight_decay=-0.1),
        dict(beta_2=1.0),
        dict(global_clipnorm=0),
    ],
)
def test_a_rate_out_of_its_range_is_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}` is out of its range: received {name}={value}"):
        build(**wrong)


@pytest.mark.parametrize("warmup_steps", [-1, 10])
def test_a_warm_up_as_long_as_the_training_is_refused(warmup_steps):
    with pytest.raises(ValueError, match=f"warmup_steps={warmup_steps}, total_steps=10"):
        build(warmup_steps=warmup_steps)
