import numpy as np
import pytest

from keras_vit.data.augment import three_augment
from keras_vit.data.augment.colour import grayscale
from keras_vit.data.augment.sharpness import gaussian_blur


def test_a_third_each(picture, keys, pillow):
    images = np.asarray(three_augment(picture.repeat(900, 0), keys(900))).astype(int)
    grey = (images == np.asarray(grayscale(picture))).all((1, 2, 3))
    solarized = (images == pillow("solarize", picture, [128])).all((1, 2, 3))
    blurred = ~(grey | solarized)
    for share in (grey.mean(), solarized.mean(), blurred.mean()):
        assert share == pytest.approx(1 / 3, abs=0.07)  # 4.5 standard errors

    roughness = np.abs(np.diff(images[blurred], axis=1)).mean((1, 2, 3))
    least, most = (
        np.abs(np.diff(np.asarray(gaussian_blur(picture, [deviation])).astype(int), axis=1)).mean()
        for deviation in (2.0, 0.1)
    )
    assert least - 0.05 <= roughness.min() < least + 0.3
    assert most - 1 < roughness.max() <= most
