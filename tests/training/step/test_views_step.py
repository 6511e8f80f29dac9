"""A step by views means the same on one replica and on two, or is refused in one sentence."""

import keras
import numpy as np
import pytest
from replicas import batches, strategy_of

from keras_vit.errors import UserError
from keras_vit.images.view_sheet import ViewSheet
from keras_vit.models import ViTConfig
from keras_vit.tasks import dino, lejepa, self_distilled_views, sketched_views
from keras_vit.training import training_model

SHEET = ViewSheet(size=8, count=2, small_size=4, small_count=1)
CONFIG = ViTConfig.of("mu/2", image_size=8, class_token=False)
SHEETS = np.random.default_rng(0).integers(0, 256, (8, 8, SHEET.width, 3)).astype("float32")


def by_lejepa():
    model = sketched_views(CONFIG, SHEET, width=4, hidden=8, directions=6)
    return model, lejepa(SHEET, width=4, together=4, share=0.3)


def by_dino():
    model = self_distilled_views(CONFIG, SHEET, prototypes=6, hidden=8, bottleneck=5)
    return model, dino(SHEET, prototypes=6, steps=4, momentum=0.7)


def trained(build, replicas=1, accumulation=1, steps=2):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        plain, task = build()
        model = training_model(plain)
        how = dict(accumulation=accumulation, after_update=task.after_update)
        model.compile(keras.optimizers.SGD(0.05), task.loss(), metrics=task.metrics(), **how)
    data = batches(SHEETS, np.zeros(8, "float32"), 8)
    history = model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0).history
    weights = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    return [*weights, *(np.array(history[name]) for name in sorted(history))]


@pytest.mark.slow
@pytest.mark.parametrize("build", [by_lejepa, by_dino])
def test_two_replicas_train_as_one(build):
    """Teacher, centre, directions and the metrics of collapse among what is compared."""
    for one, two in zip(trained(build), trained(build, replicas=2), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
def test_micro_batches_of_whole_groups_change_nothing():
    parts = trained(by_lejepa, accumulation=2)
    for one, other in zip(trained(by_lejepa), parts, strict=True):
        np.testing.assert_allclose(other, one, atol=2e-5)


def test_what_is_of_more_pictures_than_a_part_holds_is_refused():
    with pytest.raises(
        UserError, match="SIGRegLoss is of 4 examples together.*received.*2 examples"
    ):
        trained(by_lejepa, accumulation=4)
    with pytest.raises(UserError, match="layers that change no weight.*sharpen/centre"):
        trained(by_dino, accumulation=2)
