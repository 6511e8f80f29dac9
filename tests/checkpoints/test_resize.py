"""Positions and kernels at another size against what timm and Google's code make of them."""

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from keras_vit.checkpoints import fold_channels, resize_kernel, resize_positions
from keras_vit.layers import patchify

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "resized.npz", allow_pickle=False)


def ours(kernel):
    """Turns a kernel `(D, C, P, P)` into ours, `(P*P*C, D)`."""
    return kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))


@pytest.mark.parametrize("grid", [(6, 6), (2, 2), (3, 5), (7, 2)])
def test_positions_are_resized_as_timm_does(grid):
    resized = resize_positions(GOLDEN["positions"], (4, 4), grid, prefix=2)
    expected = GOLDEN["positions_{}x{}".format(*grid)]
    np.testing.assert_allclose(resized, expected, atol=1e-5)


@pytest.mark.parametrize("grid", [(6, 6), (2, 2), (3, 5)])
def test_positions_are_resized_as_google_does(grid):
    table = np.random.default_rng(0).normal(size=(1, 1 + 16, 3))
    resized = resize_positions(table, (4, 4), grid, prefix=1, method="bilinear")
    zoom = (grid[0] / 4, grid[1] / 4, 1)
    expected = scipy.ndimage.zoom(table[0, 1:].reshape(4, 4, 3), zoom, order=1)
    np.testing.assert_allclose(resized[0, 1:], expected.reshape(-1, 3), atol=1e-12)
    np.testing.assert_array_equal(resized[:, :1], table[:, :1])


def test_the_same_grid_changes_nothing():
    table, kernel = np.ones((1, 18, 3)), np.ones((27, 4))
    assert resize_positions(table, (4, 4), (4, 4), prefix=2) is table
    assert resize_kernel(kernel, 3, 3) is kernel
    assert fold_channels(kernel, 3, 3) is kernel


@pytest.mark.parametrize("patch", [4, 12, 7])
def test_kernels_are_resized_as_timm_does(patch):
    resized = resize_kernel(ours(GOLDEN["kernel"]), 8, patch)
    np.testing.assert_allclose(resized, ours(GOLDEN[f"kernel_{patch}"]), atol=2e-5)


def test_kernels_are_resized_as_big_vision_does():
    kernel = np.random.default_rng(0).normal(size=(4, 4, 3, 5))
    basis = tf.reshape(tf.eye(16), (16, 4, 4, 1))
    matrix = np.asarray(tf.image.resize(basis, (6, 6), method="bilinear")).reshape(16, 36)
    expected = np.linalg.pinv(matrix) @ kernel.reshape(16, -1)
    resized = resize_kernel(kernel.reshape(-1, 5), 4, 6, method="bilinear")
    np.testing.assert_allclose(resized, expected.reshape(-1, 5), atol=1e-6)


def test_a_larger_kernel_sees_in_larger_patches_what_the_old_one_saw():
    """FlexiViT, equation 3: to the last digit where patches grow."""
    rng = np.random.default_rng(0)
    images, kernel = rng.normal(size=(2, 8, 8, 3)), rng.normal(size=(4 * 4 * 3, 5))
    larger = tf.image.resize(images, (12, 12), method="bilinear")
    # Patch by patch, for the borders of a patch are not interpolated with the next.
    patches = tf.reshape(patchify(images, 4), (-1, 4, 4, 3))
    larger = tf.reshape(tf.image.resize(patches, (6, 6), method="bilinear"), (2, 4, -1))
    expected = np.asarray(patchify(images, 4)) @ kernel
    np.testing.assert_allclose(
        larger @ resize_kernel(kernel, 4, 6, method="bilinear"), expected, atol=1e-5
    )


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_are_folded_as_timm_does(channels):
    folded = fold_channels(ours(GOLDEN["kernel"]), 3, channels)
    np.testing.assert_allclose(folded, ours(GOLDEN[f"channels_{channels}"]), atol=1e-6)


def test_what_cannot_be_resized_is_refused():
    with pytest.raises(ValueError, match="bicubic, bicubic_plain, bilinear: received 'nearest'"):
        resize_positions(GOLDEN["positions"], (4, 4), (2, 2), prefix=2, method="nearest")
    with pytest.raises(ValueError, match="Only an RGB kernel .* received 4"):
        fold_channels(np.zeros((16, 5)), 4, 1)
