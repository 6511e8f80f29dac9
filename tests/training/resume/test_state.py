"""What goes on with a run: variables are matched by name, and callbacks say what they know."""

import keras
import numpy as np
import pytest
from replicas import cross_entropy
from resuming import STEPS, KillAt, Killed, build_again, fit

from keras_vit.training import Checkpoints, TrainingModel
from keras_vit.training.names import named_variables, unique_names
from keras_vit.training.resume.files import read_checkpoint, write_checkpoint
from keras_vit.training.resume.state import match_variables


def tower(names, *, units=5, wrap=lambda layer: layer):
    """Dense layers of one shape in a row, so that only names tell them apart."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((5,))
    for name in names:
        x = keras.layers.Dense(units, name=name)(x)
    model = TrainingModel(inputs, wrap(keras.layers.Dense(3, name="head"))(x))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), cross_entropy())
    return model


def saved(model):
    arrays = {f"state/{name}": np.array(each) for name, each in model.training_state.items()}
    for number, array in enumerate(arrays.values()):
        array[...] = number
    return arrays


def matched(arrays, model):
    """Returns, by the name of each variable of a model, the name of the array that it gets."""
    of_number = [name.removeprefix("state/") for name in arrays]
    names = {id(variable): name for name, variable in model.training_state.items()}
    return {
        names[id(variable)]: of_number[int(array.ravel()[0])]
        for variable, array in match_variables("here", arrays, model)
    }


def test_layers_of_one_shape_in_another_order_are_matched_by_name():
    there, here = tower(["left", "right"]), tower(["right", "left"])
    pairs = matched(saved(there), here)
    assert "left/kernel" in pairs and any("left_kernel_momentum" in name for name in pairs)
    for name, source in pairs.items():
        if "left" in name or "right" in name:
            assert ("left" in name) == ("left" in source)


@pytest.mark.parametrize(
    "there, here, message",
    [
        (["left", "right"], ["left", "middle"], "only it has .*right.*, and only this one .*middl"),
        (["stage_1", "stage_2"], ["stage_2", "stage_3"], "only it has .*stage_1.*, and .*stage_3"),
        (["left"], ["left", "right"], "only it has none, and only this one"),
    ],
)
def test_other_names_are_refused_and_one_is_named(there, here, message):
    with pytest.raises(ValueError, match=f"in here is of another model or optimizer: .*{message}"):
        match_variables("here", saved(tower(there)), tower(here))


def test_numbers_that_keras_counts_on_from_are_matched_in_their_order():
    """The second model of a process has other numbers in its names than the first."""
    there, here = tower(["dense_1", "dense_9"]), tower(["dense_10", "dense_11"])
    pairs = matched(saved(there), here)
    assert pairs["dense_10/kernel"] == "dense_1/kernel"
    assert pairs["dense_11/kernel"] == "dense_9/kernel"
    unnamed = matched(saved(tower([None, None])), tower([None, None]))
    assert len(set(unnamed.values())) == len(unnamed)


def test_the_same_name_with_another_shape_is_refused():
    arrays = saved(tower(["left"]))
    with pytest.raises(ValueError, match=r"left/kernel has the shape \(5, 5\) in it and \(5, 6\)"):
        match_variables("here", arrays, tower(["left"], units=6))


def test_a_model_inside_the_model_has_names_of_its_own():
    def nest(head):
        inputs = keras.Input((5,))
        inner = keras.Model(inputs, keras.layers.Dense(5, name="left")(inputs), name="teacher")
        return lambda x: head(inner(x))

    names = list(named_variables(tower(["left"], wrap=nest)))
    assert names == [
        *("left/kernel", "left/bias", "teacher/left/kernel", "teacher/left/bias"),
        *("head/kernel", "head/bias"),
    ]


def test_names_that_are_alike_are_counted():
    assert list(unique_names(["a", "b", "a", "a"])) == ["a", "b", "a#2", "a#3"]


def test_a_checkpoint_without_names_is_refused(tmp_path):
    with pytest.raises(Killed):
        fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS, every=2), KillAt(3))
    (path,) = tmp_path.glob("step-*.npz")
    arrays, notes = read_checkpoint(path)
    write_checkpoint(path, {f"state/{i:05d}": a for i, a in enumerate(arrays.values())}, notes)
    with pytest.raises(ValueError, match="of an older version, which did not record the names"):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build_again())


class Counts(keras.callbacks.Callback):
    """Counts, and keeps an array, in the words that `Checkpoints` asks for."""

    def __init__(self):
        super().__init__()
        self.count, self.losses = 0, np.zeros(0)

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1
        self.losses = np.append(self.losses, logs["loss"])

    def get_state(self):
        return {"count": self.count, "deep": [{"losses": self.losses}, None]}

    def set_state(self, state):
        self.count, self.losses = state["count"], state["deep"][0]["losses"]


def test_a_callback_says_itself_what_goes_on(tmp_path):
    def run(folder, *kill):
        counts = Counts()
        checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, every=2, callbacks=[counts])
        fit(build_again(), checkpoints, counts, *kill, epochs=2)
        return counts

    whole = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "killed", KillAt(7))
    again = run(tmp_path / "killed")
    assert again.count == whole.count == 2 * STEPS
    np.testing.assert_array_equal(again.losses, whole.losses)


def test_a_callback_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="have `get_state.*: received ReduceLROnPlateau"):
        callbacks = [keras.callbacks.ReduceLROnPlateau()]
        Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=callbacks)


def test_a_history_of_numbers_that_are_numpys_can_be_saved(tmp_path):
    log = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(rate=np.float32(0.5), sizes=np.arange(2))
    )
    for epochs in (1, 2):
        model = build_again()
        fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS), log, epochs=epochs)
    rates, sizes = (model.history.history[name] for name in ("rate", "sizes"))
    assert rates == [0.5, 0.5] and [each.tolist() for each in sizes] == [[0, 1], [0, 1]]
