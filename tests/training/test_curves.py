"""What TensorBoard reads of a training, whole or killed and resumed."""

import keras
import numpy as np
import pytest
from replicas import cross_entropy, examples, perceptron, untuned
from resume.resuming import EPOCHS, STEPS, KillAt, Killed, build_again, fit
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_vit.training import Checkpoints, Curves, layerwise


def points(folder):
    """The points of each curve that TensorBoard reads, pairs of step and value."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(each.step, each.value) for each in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def run(folder, *, kill_at=None):
    model = build_again()
    checkpoints = Checkpoints(folder / "checkpoints", steps_per_epoch=STEPS, every=2)
    start = checkpoints.restore(model)
    curves = Curves(folder / "logs", steps_per_epoch=STEPS, first_step=start)
    killer = [] if kill_at is None else [KillAt(kill_at)]
    again = Checkpoints(folder / "checkpoints", steps_per_epoch=STEPS, every=2)
    try:
        fit(model, again, curves, *killer)
    except Killed:
        again.close()
    return model.history.history


@pytest.mark.parametrize("kills", [(9, 12)])
def test_a_resumed_run_goes_on_without_a_gap_or_a_double(tmp_path, kills):
    history = run(tmp_path / "whole")
    for step in kills:
        run(tmp_path / "killed", kill_at=step)
    run(tmp_path / "killed")
    whole, killed = (points(tmp_path / name / "logs" / "train") for name in ("whole", "killed"))
    assert whole.keys() == {"loss", "accuracy", "learning_rate"}
    steps, losses = np.transpose(whole["loss"])
    np.testing.assert_array_equal(steps, np.arange(1, STEPS * EPOCHS + 1))
    means = losses.reshape(EPOCHS, STEPS).mean(axis=1)
    np.testing.assert_allclose(means, history["loss"], rtol=1e-5)
    assert [step for step, _ in whole["accuracy"]] == [5, 10, 15]
    assert whole["learning_rate"][0] == (1, pytest.approx(0.05))
    assert [step for step, _ in whole["learning_rate"]] == list(range(1, 16))
    assert killed.keys() == whole.keys()
    for name, curve in whole.items():
        np.testing.assert_allclose(killed[name], curve, rtol=1e-5)


def test_validation_and_the_rates_of_groups_have_plain_names(tmp_path):
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4, name="embed")(inputs)
    x = keras.layers.Dense(4, name="block00")(x)
    model = type(perceptron())(inputs, keras.layers.Dense(3, name="head")(x))
    optimizer = layerwise(lambda factor, _: keras.optimizers.SGD(factor), depth=1, decay=0.5)
    model.compile(optimizer, cross_entropy())
    data = untuned(examples(8, "float32"), 4)
    curves = Curves(tmp_path, steps_per_epoch=2)
    logs = model.fit(
        data, validation_data=data, shuffle=False, verbose=0, callbacks=[curves]
    ).history
    trained, validated = (points(tmp_path / part) for part in ("train", "validation"))
    rates = {name: value for name, ((_, value), *_) in trained.items() if name != "loss"}
    assert rates == {
        "learning_rate/embed": 0.25,
        "learning_rate/block00": 0.5,
        "learning_rate/head": 1.0,
    }
    assert validated == {"loss": [(2, pytest.approx(logs["val_loss"][0]))]}
