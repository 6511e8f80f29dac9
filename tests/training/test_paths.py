import keras
import numpy as np
import pytest
from replicas import strategy_of

from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import (
    TrainingModel,
    WarmupSchedule,
    adamw,
    add_lora,
    freeze,
    layerwise,
    sgd,
)
from keras_vit.training.paths import depth_of, name_of_group


def build(depth=2):
    model = classifier(vit("mu/4", image_size=8, channels=1, depth=depth), 3, pool="attention")
    return TrainingModel(model.input, model.output)


def step(model, optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (4, 8, 8, 1)), rng.integers(0, 3, 4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    one = model.distribute_strategy.num_replicas_in_sync == 1
    model.compile(optimizer, loss, run_eagerly=one)  # to trace one step costs more than the step
    model.fit(x.astype("uint8"), y, batch_size=4, verbose=0)
    return {v.path: v.numpy() for v in model.trainable_variables}


def test_depths_count_from_the_patches_to_the_head():
    depths = {v.path.split("/")[0]: depth_of(v.path, 2) for v in build().trainable_variables}
    assert depths == {"embed": 0, "block00": 1, "block01": 2, "norm": 3, "pool": 3, "head": 3}
    assert depth_of("positions03/positions", 12) == 4  # between `block03` and the next


@pytest.mark.parametrize(
    "replicas, lora_rank, depth",
    [(1, 0, 2), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(1, 2, 2), (2, 0, 1)])],
)
def test_rates_fall_from_layer_to_layer(replicas, lora_rank, depth):
    """SGD's first step is the rate times the gradient clipped as a whole."""
    after = []
    for decay in (1.0, 0.5):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = build(depth)
            if lora_rank:
                add_lora(model, rank=lora_rank)
            before = {v.path: v.numpy() for v in model.trainable_variables}
            optimizer = layerwise(
                lambda factor, waits: sgd(factor, weight_decay=0.1, global_clipnorm=0.1),
                depth=depth,
                decay=decay,
            )
        weights = step(model, optimizer)
        after.append({path: weights[path] - before[path] for path in weights})
    for path, plain in after[0].items():
        factor = 0.5 ** (depth + 1 - depth_of(path, depth))
        np.testing.assert_allclose(after[1][path], factor * plain, atol=1e-7, err_msg=path)
    assert len(optimizer.optimizers) == depth + (1 if lora_rank else 2)  # the embedding stays


def test_without_decay_there_is_one_optimizer():
    assert (
        layerwise(lambda factor, waits: adamw(factor, weight_decay=0), depth=2, decay=1).built
        is False
    )


def test_all_but_the_head_wait_for_it():
    model = build()
    before = {v.path: v.numpy() for v in model.trainable_variables}
    optimizer = layerwise(
        lambda factor, waits: sgd(
            WarmupSchedule(factor, total_steps=9, delay_steps=5 if waits else 0), weight_decay=0.1
        ),
        depth=2,
        decay=1,
        head_first=True,
    )
    weights = step(model, optimizer)
    moved = {path for path, weight in weights.items() if (weight != before[path]).any()}
    assert moved == {"head/kernel", "head/bias"}


@pytest.mark.parametrize("decay", [0, 1.5])
def test_a_decay_out_of_its_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"received decay={decay}"):
        layerwise(None, depth=2, decay=decay)


def test_optimizers_that_clip_differently_are_refused():
    def build_one(factor, waits):
        return sgd(factor, weight_decay=0, global_clipnorm=factor)

    with pytest.raises(ValueError, match="must clip alike"):
        build().compile(layerwise(build_one, depth=2, decay=0.5), "mse")


def test_frozen_weights_stay():
    model = build()
    before = {v.path: v.numpy() for v in model.trainable_variables}
    count = freeze(model, "^(embed|block00)/")
    after = step(model, adamw(0.1, weight_decay=0.5))
    assert len(after) == len(before) - count
    frozen = [path for path in before if path.startswith(("embed", "block00"))]
    assert len(frozen) == count and not set(frozen) & set(after)
    variables = {v.path: v.numpy() for v in model.variables}
    for path in frozen:
        np.testing.assert_array_equal(variables[path], before[path])
    assert all((after[path] != before[path]).any() for path in after)


@pytest.mark.parametrize(
    "pattern, message", [("^neck/", "none"), (".", "all"), ("(", "no regular")]
)
def test_a_pattern_that_divides_nothing_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        freeze(build(), pattern)


@pytest.mark.parametrize(
    "paths, name",
    [
        (["embed/projection/kernel", "pre_norm/scale"], "embed"),
        (["block03/mlp/up/kernel", "block03/attention/qkv/kernel"], "block03"),
        (["norm/scale", "pool/probe", "head/kernel"], "head"),
        (["norm/scale", "pool/probe"], "norm"),
        (["embed/projection/kernel", "block00/mlp/up/kernel", "norm/scale"], "backbone"),
    ],
)
def test_weights_of_one_rate_have_a_name(paths, name):
    assert name_of_group(paths) == name
