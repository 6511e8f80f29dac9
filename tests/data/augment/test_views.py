"""Views of pictures: where they lie, and what they depend on."""

import numpy as np
import tensorflow as tf

from keras_vit.data.augment import ViewColours, view_sheet
from keras_vit.images.view_sheet import ViewSheet

SHEET = ViewSheet(size=12, count=2, small_size=6, small_count=3)
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 12, 12, 3)).astype("uint8")
PLAIN = dict(flip=False, jitter=0, grey=0, blur=(0, 0, 0), solarize=(0, 0, 0))


def test_a_sheet_depends_only_on_the_key_of_its_picture(keys):
    whole = view_sheet(IMAGES, keys(9), sheet=SHEET).numpy()
    assert whole.shape == (9, 12, SHEET.width, 3) and whole.dtype == np.uint8
    parts = [view_sheet(IMAGES[p], keys(9)[p], sheet=SHEET) for p in (slice(4), slice(4, None))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, keys(9))).batch(9)
    mapped = data.map(lambda x, k: view_sheet(x, k, sheet=SHEET))
    assert mapped.element_spec.shape[1:] == (12, SHEET.width, 3)
    np.testing.assert_array_equal(next(iter(mapped)), whole)


def test_views_lie_where_the_sheet_says_and_differ(keys):
    how = dict(area=(1.0, 1.0), small_area=(1.0, 1.0), colours=ViewColours(**PLAIN))
    sheet = view_sheet(IMAGES, keys(9), sheet=SHEET, **how).numpy()
    for y, x in SHEET.corners:  # a crop of the whole picture is the picture, or slightly narrower
        same = (sheet[:, y : y + 12, x : x + 12] == IMAGES).all((1, 2, 3))
        assert same.any()
    y, x = SHEET.small_corners[-1]
    assert (sheet[:, y : y + 6, x : x + 6] > 0).any((1, 2, 3)).all()
    assert (sheet[:, 6:, x:] == 0).all()
    crops = view_sheet(IMAGES, keys(9), sheet=SHEET, colours=ViewColours(**PLAIN)).numpy()
    assert (crops[:, :, :12] != crops[:, :, 12:24]).any((1, 2, 3)).all()


def test_each_kind_of_view_has_its_own_shares(keys):
    colours = ViewColours(**PLAIN | dict(solarize=(0.0, 1.0, 0.0)))
    how = dict(sheet=SHEET, area=(0.5, 0.6))
    changed = view_sheet(IMAGES, keys(9), **how, colours=colours).numpy().astype(int)
    plain = view_sheet(IMAGES, keys(9), **how, colours=ViewColours(**PLAIN)).numpy().astype(int)
    second = slice(12, 24)
    expected = np.where(plain >= 128, 255 - plain, plain)[:, :, second]
    np.testing.assert_array_equal(changed[:, :, second], expected)
    np.testing.assert_array_equal(changed[:, :, :12], plain[:, :, :12])
    np.testing.assert_array_equal(changed[:, :, 24:], plain[:, :, 24:])
    grey = view_sheet(IMAGES[..., :1], keys(9), sheet=SHEET)
    assert grey.shape == (9, 12, SHEET.width, 1)
