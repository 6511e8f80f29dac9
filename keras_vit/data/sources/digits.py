"""The handwritten digits of scikit-learn."""

import numpy as np

from keras_vit.data.sources.source import Source
from keras_vit.data.splits import Split


def digits():
    """Returns scikit-learn's 1,797 scans of handwritten digits, 8x8, grey, as `train` and `test`.

    "Optical Recognition of Handwritten Digits" (UCI, 1998), the test part of its 43 writers'
    digits. The 17 grey levels are spread over 0 to 255. The split is stratified and fixed:
    1,437 train, 360 test.

    Returns:
        A `Source` of `Split`s with images `(8, 8, 1)`.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype("uint8")[..., None]
    parts = train_test_split(
        images, bunch.target, test_size=360, stratify=bunch.target, random_state=0
    )
    train_images, test_images, train_labels, test_labels = parts
    splits = {
        "train": Split.in_memory(train_images, train_labels),
        "test": Split.in_memory(test_images, test_labels),
    }
    return Source("digits", tuple(str(name) for name in bunch.target_names), splits)
