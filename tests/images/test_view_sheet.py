"""Where views lie side by side in one image."""

import pytest

from keras_vit.errors import UserError
from keras_vit.images.view_sheet import ViewSheet


def test_small_views_follow_the_large_ones_column_by_column():
    sheet = ViewSheet(size=8, count=2, small_size=3, small_count=3)
    assert sheet.views == 5 and sheet.width == 16 + 2 * 3
    assert sheet.corners == [(0, 0), (0, 8)]
    assert sheet.small_corners == [(0, 16), (3, 16), (0, 19)]
    alone = ViewSheet(size=8, count=3)
    assert alone.width == 24 and alone.small_corners == []


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(count=1), "at least two large views: received count=1, size=8"),
        (dict(small_count=-1), "must be 0 or more: received small_count=-1"),
        (dict(small_count=2), "a side of 1 to that of the large views: received small_count=2"),
        (dict(small_count=2, small_size=9), "small_size=9, size=8"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        ViewSheet(**dict(size=8) | wrong)
