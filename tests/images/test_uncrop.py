import numpy as np
import pytest

from keras_vit.images.crop import crop_pixels
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.images.uncrop import uncropped, uncropped_boxes


@pytest.mark.parametrize("fit", ["crop", "squash", "keep"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (31, 31), (8, 90)])
def test_ids_lie_where_the_image_was_cut_from(fit, ratio, size):
    """A picture of two halves, cropped and put back."""
    picture = np.zeros((*size, 3), "uint8")
    picture[size[0] // 2 :] = 255
    how = Preprocessing(image_size=(16, 16), fit=fit, crop_ratio=ratio)
    ids = (crop_pixels(picture, how)[..., 0] > 127).astype("int32")
    whole = uncropped(ids, size, how, 9)
    assert whole.shape == size and whole.dtype == np.int32
    seen = whole != 9
    right = whole == picture[..., 0] // 255
    near = np.abs(np.arange(size[0]) - size[0] // 2) <= 1 + size[0] // 16
    assert right[~near][seen[~near]].all() and seen.any()
    covers_all = ratio == 1 and (fit == "squash" or (fit == "crop" and size[0] == size[1]))
    assert seen.all() == covers_all


def test_ids_of_an_image_that_is_the_picture_stay():
    ids = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(uncropped(ids, (3, 4), Preprocessing(image_size=(3, 4)), 0), ids)


@pytest.mark.parametrize("fit", ["crop", "squash"])
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (32, 32)])
def test_boxes_lie_where_the_image_was_cut_from(fit, size):
    """A bright square of a picture is found in its crop, and its box put back."""
    top, left = size[0] // 2 - 6, size[1] // 2 - 4
    picture = np.zeros((*size, 3), "uint8")
    picture[top : top + 12, left : left + 8] = 255
    how = Preprocessing(image_size=(32, 32), fit=fit)
    rows, columns = np.nonzero(crop_pixels(picture, how)[..., 0] > 127)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    found = uncropped_boxes(np.array([box, box]), size, how)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found[0], (left, top, left + 8, top + 12), atol=size[1] / 32)


def test_a_box_that_reaches_out_of_the_picture_ends_at_its_edge():
    how = Preprocessing(image_size=(16, 16), fit="squash")
    boxes = uncropped_boxes(np.array([-4, 8, 20, 16]), (32, 64), how)
    np.testing.assert_array_equal(boxes, [0, 16, 64, 32])
