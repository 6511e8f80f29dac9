import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import classifier, token_maps, tokens_at

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3)).astype("uint8")


@pytest.fixture(scope="module")
def backbone():
    return vit("mu/4", image_size=(8, 12), depth=2, num_registers=2)


def test_tokens_leave_a_block_without_the_final_norm(backbone):
    found = tokens_at(classifier(backbone, 5), ["norm", "block00", "block01"])(IMAGES)
    x = IMAGES
    for layer in backbone.layers[1:]:
        x = layer(x)
        if layer.name in found:
            np.testing.assert_allclose(found.pop(layer.name), x, atol=1e-6)
    assert not found


def test_the_graph_is_extended_and_shared(backbone):
    model = token_maps(classifier(backbone, 5), ["block00"])
    names = ["images", "pixels", "patches", "embed", "block00", "block00_map"]
    assert [layer.name for layer in model.layers] == names
    assert model.get_layer("block00") is backbone.get_layer("block00")


def test_maps_of_an_image_that_is_not_square_survive_their_file(tmp_path, backbone):
    maps = token_maps(backbone, ["block01", "norm"])
    head = keras.layers.Concatenate()(list(maps.output.values()))
    assert head.shape == (None, 2, 3, 64)
    answers = maps(IMAGES)
    np.testing.assert_array_equal(
        np.reshape(answers["norm"], (2, 6, 32)), np.asarray(backbone(IMAGES))[:, 3:]
    )
    maps.save(tmp_path / "maps.keras")
    again = keras.saving.load_model(tmp_path / "maps.keras")(IMAGES)
    for name, answer in answers.items():
        np.testing.assert_array_equal(again[name], answer)


@pytest.mark.parametrize("names", [["block02"], ["pool"], [], ["norm", "norm"], "norm"])
def test_what_has_no_tokens_is_refused(backbone, names):
    with pytest.raises(UserError, match="some of block00, block01, norm, each once"):
        tokens_at(backbone, names)


def test_a_model_without_all_patches_has_no_map():
    dropping = vit("mu/4", image_size=8, patch_dropout=0.5)
    with pytest.raises(UserError, match="patch_dropout=0"):
        token_maps(dropping, ["norm"])
