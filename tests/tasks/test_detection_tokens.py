"""The task of detection with a head of tokens, from samples to scores."""

import keras
import ml_dtypes
import numpy as np
import pytest
from random_models import randomised

from keras_vit.data import eval_batches, from_arrays, train_batches
from keras_vit.models import vit
from keras_vit.tasks import deploy, detection, detector, task_named, token_detector
from keras_vit.tasks.set_loss import SetPredictionLoss
from keras_vit.training import adamw, training_model

pytest.importorskip("faster_coco_eval", reason="the extra [detect] is missing")
NAMES = ("red", "blue")
COLOURS = ((200, 40, 40), (40, 60, 220))
SIZE = 32


@pytest.mark.tensorflow
def test_the_task_says_how_tokens_learn_and_answer():
    task = detection(NAMES, head="tokens", threshold=0.1, box_weight=10.0)
    loss = task.loss()
    assert isinstance(loss, SetPredictionLoss)
    assert (loss.l1_weight, loss.giou_weight, loss.no_object) == (10, 4, 0.1)
    trained = randomised(token_detector(vit("mu/8", image_size=16, num_registers=4), 2))
    model = task.deploy(trained)
    deployed = deploy(model)
    assert (deployed.task, deployed.class_names) == ("detection", list(NAMES))
    again = task_named("detection", NAMES, deployed.options)
    assert again.options == task.options == {"threshold": 0.1, "head": "tokens"}

    images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype("uint8")
    answers = {name: array[0] for name, array in deployed.predict(images).items()}
    scores = [row["score"] for row in again.words(answers)]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True)
    with pytest.raises(ValueError, match="must have 3 classes: it has 2"):
        detection((*NAMES, "green"), head="tokens").deploy(trained)
    with pytest.raises(ValueError, match="`head` must be one of dense, tokens: received 'both'"):
        detection(NAMES, head="both")


@pytest.mark.tensorflow
@pytest.mark.parametrize("head", ["dense", "tokens"])
def test_boxes_are_float32_whatever_the_policy(head):
    """In bfloat16, 201 pixels and 202 are one number."""
    images = np.zeros((1, 16, 16, 3), "uint8")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = vit("mu/8", image_size=16, num_registers=2)
        if head == "tokens":
            trained = token_detector(backbone, 2)
        else:
            trained = detector(backbone, 2, width=8, depth=0)
        answers = deploy(detection(NAMES, head=head).deploy(trained)).predict(images)
    finally:
        keras.config.set_dtype_policy(policy)
    assert {str(array.dtype) for array in answers.values()} == {"float32", "int32"}
    sides = answers["boxes"][answers["classes"] >= 0]
    assert len(sides) and (sides != sides.astype(ml_dtypes.bfloat16).astype("float32")).any()


def rectangles():
    """Draws two rectangles on each of eight pictures, except the last, which has one."""
    rng = np.random.default_rng(0)
    images, boxes = np.zeros((8, SIZE, SIZE, 3), "uint8"), np.zeros((8, 2, 4), "float32")
    labels = np.full((8, 2), -1)
    for picture, place in np.ndindex(8, 2):
        if (picture, place) == (7, 1):
            continue
        width, height = rng.integers(8, 15, 2)
        left, top = rng.integers(0, SIZE // 2 - width + 1), rng.integers(0, SIZE - height)
        left += place * SIZE // 2
        label = rng.integers(0, 2)
        images[picture, top : top + height, left : left + width] = COLOURS[label]
        boxes[picture, place] = left, top, left + width, top + height
        labels[picture, place] = label
    return {"image": images, "boxes": boxes, "box_labels": labels}


@pytest.mark.slow
def test_eight_pictures_are_learned_by_heart():
    source = from_arrays(rectangles(), rectangles(), class_names=NAMES)
    task, steps = detection(NAMES, head="tokens"), 500
    keras.utils.set_random_seed(0)
    shape = dict(image_size=SIZE, width=32, mlp_dim=64, num_heads=4, depth=2)
    model = training_model(token_detector(vit("mu/8", num_registers=4, **shape), 2))
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(adamw(rate, weight_decay=0.0, global_clipnorm=1.0), task.loss())
    batches = train_batches(source.splits["train"], batch_size=8, seed=0, example=task.example)
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    deployed = deploy(task.deploy(model))
    batches = eval_batches(source.splits["test"], batch_size=4, example=task.example)
    pairs = [(deployed.predict(x), y) for x, y in batches.as_numpy_iterator()]
    assert task.score(pairs).headline[1] > 0.95
