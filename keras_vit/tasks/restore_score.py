"""Scores of restored pictures: PSNR and SSIM, on brightness and on colours."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_vit.errors import UserError, needs_extra
from keras_vit.images.luma import luma

FIGURES = ("psnr", "ssim", "psnr_rgb", "ssim_rgb")
LEAST_ERROR = 1e-3  # mean squared error that counts
WINDOW = 11  # pixels: the side of the window of SSIM


@dataclasses.dataclass(frozen=True)
class RestorationScore:
    """How well pictures were restored, as publications on super-resolution report it.

    Attributes:
        pictures: PSNR and SSIM on Y, then both on RGB, of each picture, `(N, 4)`.
    """

    pictures: np.ndarray

    @classmethod
    def of(cls, pictures: Iterable[tuple[np.ndarray, np.ndarray]], *, border=0):
        """Compares pictures with the truth.

        Args:
            pictures: Pairs of arrays `(H, W, C)`, uint8: true and restored; `C` is 1 or 3. A grey
                picture is its own Y.
            border: How many pixels are cut off on each side first; for super-resolution, its scale.

        Returns:
            A `RestorationScore`.

        Raises:
            ValueError: If the arrays of a pair differ in shape or are not uint8, fewer than
                `WINDOW` pixels are left on a side, or scikit-image is not installed.
        """
        if border < 0:
            raise UserError(f"`border` must be at least 0: received border={border}.")
        rows = []
        for true, restored in pictures:
            true, restored = np.asarray(true), np.asarray(restored)
            if true.shape != restored.shape:
                raise UserError(
                    f"A restored picture has the shape of the true one, {true.shape}: "
                    f"received {restored.shape}."
                )
            _check_sides(true, border)
            kept = [
                each[border : each.shape[0] - border, border : each.shape[1] - border]
                for each in (true, restored)
            ]
            on_y = [luma(each) for each in kept]
            rows.append([psnr(*on_y), ssim(*on_y), psnr(*kept), ssim(*kept)])
        return cls(np.array(rows, float).reshape(-1, 4))

    @classmethod
    def of_holes(cls, pictures: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]):
        """Compares only pixels that were missing: PSNR of them, and the mean of their SSIM.

        Args:
            pictures: True and restored, as `of` takes them, and which pixels were missing, booleans
                `(H, W)`, at least one.

        Returns:
            A `RestorationScore`.

        Raises:
            ValueError: If the arrays of a picture do not fit each other, no pixel is missing, or
                scikit-image is not installed.
        """
        rows = []
        for true, restored, missing in pictures:
            if true.shape != restored.shape or true.shape[:2] != missing.shape:
                raise UserError(
                    "True and filled pictures have one shape, whose sides are those of the hole: "
                    f"received {true.shape}, {restored.shape} and {missing.shape}."
                )
            _check_sides(true, border=0)
            if not missing.any():
                raise UserError("A picture must have a hole to be scored: nothing is missing.")
            row = []
            for pair in ([luma(true), luma(restored)], [true, restored]):
                row += [psnr(*(each[missing] for each in pair)), ssim(*pair, where=missing)]
            rows.append(row)
        return cls(np.array(rows, float).reshape(-1, 4))

    @property
    def figures(self):
        """The means over the pictures, by name; those of RGB end in `_rgb`."""
        means = self.pictures.mean(0) if len(self.pictures) else np.full(4, np.nan)
        return dict(zip(FIGURES, means.tolist(), strict=True))

    def figures_of(self, counts):
        """Computes the figures of sets that hold each of the `N` pictures a number of times.

        Args:
            counts: How often each set holds each picture, integers `(R, N)`.

        Returns:
            Arrays `(R,)` by name.
        """
        means = counts @ self.pictures / counts.sum(1, keepdims=True)
        return dict(zip(FIGURES, means.T, strict=True))


def _check_sides(picture, border):
    if min(picture.shape[:2]) - 2 * border < WINDOW:
        raise UserError(
            f"A picture must have {WINDOW} pixels on each side within a border of {border}: "
            f"received {picture.shape[0]}x{picture.shape[1]}."
        )


def psnr(true, restored):
    """Returns the peak signal-to-noise ratio of pictures of 8 bits, in decibels.

    Args:
        true: uint8 array of any shape.
        restored: uint8 array of this shape.

    Returns:
        A number, at most `10 * log10(255**2 / LEAST_ERROR)`, 78 decibels. Equal arrays get that:
        an infinite one would make the mean over pictures infinite.
    """
    error = np.mean((np.asarray(true, float) - np.asarray(restored, float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, LEAST_ERROR)))


def ssim(true, restored, where=None):
    """Returns the structural similarity of pictures of 8 bits.

    "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), as its
    authors' MATLAB code computes it: a Gaussian window of 11x11 pixels with a standard deviation of
    1.5, only where it lies within the picture. Of colours, it is the mean over the channels.

    Args:
        true: uint8 array `(H, W)` or `(H, W, C)`, with at least `WINDOW` pixels on each side.
        restored: uint8 array of this shape.
        where: Pixels whose mean is taken, booleans `(H, W)`, also where the window reaches beyond
            the picture, which is continued as in a mirror there; by default the others.

    Returns:
        A number up to 1, which equal arrays have.

    Raises:
        ValueError: If scikit-image is not installed.
    """
    with needs_extra("restore"):
        from skimage.metrics import structural_similarity
    # `truncate` of scikit-image's Gaussian, 3.5 standard deviations, is a radius of 5 pixels.
    found = structural_similarity(
        np.asarray(true, float),
        np.asarray(restored, float),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1 if np.ndim(true) == 3 else None,
        full=where is not None,
    )
    return float(found if where is None else found[1][where].mean())
