"""A checkpoint of square images, loaded for images that are not square."""

import numpy as np
import pytest
from test_golden import read, write

from keras_vit.checkpoints import load, resize_positions
from keras_vit.errors import UserError
from keras_vit.tasks import token_maps


def test_a_square_checkpoint_is_loaded_at_360_by_480(tmp_path):
    _, _, arrays = read("timm_vit")  # 16 pixels, patches of 8, a class token
    path = write(tmp_path, "timm_vit", arrays)
    model = load(path, num_heads=2, image_size=(360, 480), num_classes=0)
    assert model.input_shape == (None, 360, 480, 3)
    assert token_maps(model, ["norm"]).output["norm"].shape == (None, 45, 60, 16)
    positions = model.get_layer("embed").positions
    expected = resize_positions(arrays["pos_embed"], (2, 2), (45, 60), prefix=1)
    np.testing.assert_allclose(positions, expected, rtol=1e-6)
    with pytest.raises(UserError, match="patch_size=16, image 360x480"):
        load(path, num_heads=2, image_size=(360, 480), patch_size=16)
