"""A collapse is provoked and reported, and a healthy training is not accused."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import digits, train_batches
from keras_vit.data.augment import ViewColours
from keras_vit.images.view_sheet import ViewSheet
from keras_vit.models import ViTConfig
from keras_vit.tasks import dino, lejepa, self_distilled_views, sketched_views
from keras_vit.tasks.signs import sign_in_answers, sign_in_embeddings, sign_in_features
from keras_vit.tasks.spread import spread_of
from keras_vit.training import WatchCollapse, training_model

SHEET = ViewSheet(size=8, count=2)
PLAIN = dict(flip=False, jitter=0, grey=0, blur=(0, 0, 0), solarize=(0, 0, 0))
CROPS = dict(area=(0.6, 1.0), colours=ViewColours(**PLAIN))
STEPS, EPOCHS = 40, 3


def trained(model, task, sign, capsys):
    keras.utils.set_random_seed(0)
    model = training_model(model)
    model.compile(
        keras.optimizers.Adam(3e-3),
        task.loss(),
        metrics=task.metrics(),
        after_update=task.after_update,
    )
    how = dict(example=task.example, mix=lambda x, y, keys: task.trained_on(x, y))
    data = train_batches(digits().splits["train"], batch_size=32, seed=0, **how)
    watch = WatchCollapse(sign, advice="Do this.", after=2)
    how = dict(steps_per_epoch=STEPS, epochs=EPOCHS, shuffle=False, verbose=0)
    logs = model.fit(data, callbacks=[watch], **how).history
    last = {name: values[-1] for name, values in logs.items()}
    return capsys.readouterr().out, last | {"first_loss": logs["loss"][0]}


def config():
    return ViTConfig(
        image_size=8, patch_size=2, channels=1, width=16, depth=1, mlp_dim=32, num_heads=2
    )


def by_lejepa(share):
    model = sketched_views(config(), SHEET, width=8, hidden=32, directions=16)
    return model, lejepa(SHEET, width=8, together=32, share=share, **CROPS), sign_in_embeddings


def by_dino(**how):
    start = how.get("temperature", 0.04)
    model = self_distilled_views(config(), SHEET, prototypes=16, hidden=32, bottleneck=8, **how)
    steps = dict(prototypes=16, steps=STEPS * EPOCHS, temperatures=(start, start), momentum=0.9)
    return model, dino(SHEET, **steps, **CROPS), functools.partial(sign_in_answers, prototypes=16)


@pytest.mark.slow
def test_lejepa_without_sigreg_collapses_and_says_so_once(capsys):
    said, logs = trained(*by_lejepa(share=0.0), capsys)
    assert said.count("The training has collapsed in epoch 2: the embeddings") == 1
    assert said.count("collapsed") == 1 and said.endswith("Do this.\n")
    assert logs["embedding_spread"] < 0.1


@pytest.mark.slow
def test_dino_without_centring_and_sharpening_collapses_and_says_so(capsys):
    said, logs = trained(*by_dino(centring=1.0, temperature=1.0), capsys)
    assert said.count("collapsed in epoch") == 1 and "alike" in said
    assert logs["information"] < 0.01 * np.log(16)


@pytest.mark.slow
@pytest.mark.parametrize("build", [lambda: by_lejepa(share=0.1), by_dino], ids=["lejepa", "dino"])
def test_a_healthy_training_is_not_accused(build, capsys):
    said, logs = trained(*build(), capsys)
    assert "collapsed" not in said
    assert logs.get("embedding_spread", 1) > 0.5 and logs.get("information", 9) > 0.1
    if "embedding_spread" in logs:  # DINO's loss follows the entropy of its teacher
        assert logs["loss"] < 0.9 * logs["first_loss"]


def test_the_numbers_by_hand():
    rng = np.random.default_rng(0)
    everywhere = spread_of(rng.normal(size=(4000, 8)))
    assert everywhere["effective_rank"] > 7.9
    assert everywhere["feature_spread"] == pytest.approx(1, abs=0.01)
    alike = spread_of(1 + 1e-3 * rng.normal(size=(50, 1)) * np.ones(8))
    assert alike["feature_spread"] < 1e-6
    assert alike["effective_rank"] == pytest.approx(1, abs=1e-3)
    axis = np.outer([1.0, -1, 1, -1], [1, 0]) + np.outer([1.0, 1, -1, -1], [0, 1])
    found = spread_of(axis)  # two axes of equal variance; four directions whose mean is zero
    assert found == {"effective_rank": pytest.approx(2), "feature_spread": pytest.approx(1)}


def test_features_that_are_not_finite_are_no_collapse():
    for wrong in (np.nan, np.inf):
        found = spread_of([[1.0, 2.0], [wrong, 0.0]])
        assert np.isnan([found["effective_rank"], found["feature_spread"]]).all()
    assert sign_in_features(found) is None
    assert sign_in_embeddings(found | dict(embedding_spread=np.nan)) is None
    answers = dict(information=np.nan, teacher_entropy=np.nan, loss=np.nan)
    assert sign_in_answers(found | answers, prototypes=4) is None


def test_each_sign_is_named():
    assert "effective_rank 1.0" in sign_in_features(dict(feature_spread=0.5, effective_rank=1.0))
    assert "feature_spread 0.001" in sign_in_features(dict(feature_spread=0.001, effective_rank=9))
    assert sign_in_features({}) is None
    assert "embedding_spread 0.010" in sign_in_embeddings(dict(embedding_spread=0.01))
    assert sign_in_embeddings(dict(embedding_spread=0.9)) is None
    at = functools.partial(sign_in_answers, prototypes=4)
    told = dict(information=0.5, teacher_entropy=0.2)
    assert at(told | dict(loss=1.0)) is None
    assert "the loss 1.386 stays at ln(4) = 1.386" in at(told | dict(loss=1.3862))
    assert "answers all pictures alike" in at(dict(information=0.0, teacher_entropy=0, loss=1.0))


def test_metrics_of_answers_and_embeddings_by_hand():
    from keras_vit.tasks.collapse import Information, Spread, TeacherEntropy

    answers = np.array([[[9.0, 9, 9], [1, 0, 0]], [[9, 9, 9], [0, 0.5, 0.5]]], "float32")
    information, entropy = Information(1, 3), TeacherEntropy(1)
    for part in (answers[:1], answers[1:]):
        information.update_state(None, part)
        entropy.update_state(tf.zeros(1), part)
    mean = np.array([0.5, 0.25, 0.25])
    assert float(entropy.result()) == pytest.approx(np.log(2) / 2, rel=1e-5)
    expected = -(mean * np.log(mean)).sum() - np.log(2) / 2
    assert float(information.result()) == pytest.approx(expected, rel=1e-5)
    rows = np.random.default_rng(0).normal(1, 2, size=(5, 3, 4)).astype("float32")
    spread = Spread(2)
    for part in (rows[:2], rows[2:]):
        spread.update_state(None, part)
    expected = rows[..., :2].reshape(-1, 2).std(axis=0).mean()
    assert float(spread.result()) == pytest.approx(expected, rel=1e-4)
