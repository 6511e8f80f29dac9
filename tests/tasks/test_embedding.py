"""A backbone without a head, as a task: images to features."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import classifier, deploy, embedding, features, task_named

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype("float32")


def test_features_are_scored_by_the_cosine_to_those_of_another_model():
    one = {"features": np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])}
    other = {"features": np.array([[6.0, 8.0], [1.0, 1.0], [1.0, 0.0]])}
    result = task_named("embedding").score([(one, other)])
    np.testing.assert_allclose(result.each, [1, 2**-0.5, 0])
    assert result.headline == ("cosine", pytest.approx((1 + 2**-0.5) / 3))
    assert embedding().words({"features": np.array([0.5, 2.0])})[1] == {
        "name": "features[1]",
        "value": 2.0,
    }


@pytest.mark.parametrize("options", [{}, dict(pool="mean"), dict(pool="class_token_and_mean")])
def test_a_model_of_features_is_deployed_as_it_is_saved(options, tmp_path):
    model = features(vit("mu/4", image_size=8), **options)
    model.save(tmp_path / "backbone.keras")
    deployed = deploy(keras.saving.load_model(tmp_path / "backbone.keras"))
    assert deployed.task == "embedding" and deployed.class_names is None
    assert deployed.shapes == {"features": model.output_shape}
    expected = ops.convert_to_numpy(model(IMAGES))
    np.testing.assert_allclose(deployed.predict(IMAGES)["features"], expected, atol=1e-6)


def test_other_models_are_no_embeddings():
    backbone = vit("mu/4", image_size=8)
    assert deploy(classifier(backbone, 3)).task == "classification"
    inputs = keras.Input((8, 8, 3))
    for model in (backbone, keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(inputs))):
        with pytest.raises(UserError):
            deploy(model)
    with pytest.raises(UserError, match="no loss of their own"):
        embedding().loss()
