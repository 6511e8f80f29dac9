"""Explanations by the gradient of an answer by the pixels."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import question
from keras_vit.interpret.gradients import with_gradients


def integrated_gradients(model, target=None, *, baseline=0.0, steps=96):
    """Returns a function that maps what each pixel contributes to an answer.

    "Axiomatic Attribution for Deep Networks" (arXiv:1703.01365, equation 1): the difference of an
    image from a baseline, times the gradient, on average along the straight line between them. The
    contributions sum up to the difference of the answers, as far as the integral is exact. It is
    computed by the Gauss-Legendre quadrature of the root of the place on the line, so that points
    lie closer to each other at the baseline, where answers change most.

    Args:
        model: A model of images `(B, H, W, C)`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.
        baseline: The image that shows nothing: a number from 0 to 255, one for each channel, or an
            image `(H, W, C)`.
        steps: How many points of the line are looked at; each costs a gradient.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, H, W)`, float32, in units of the answer, summed over the channels.

    Raises:
        ValueError: If the model has no such answer, or `steps` is below 1.
    """
    if steps < 1:
        raise UserError(f"`steps` must be at least 1: received {steps}.")
    asked = question(model, target)
    roots, weights = np.polynomial.legendre.leggauss(steps)  # on the line from -1 to 1
    roots, weights = (1 + roots) / 2, weights / 2
    away, shares = 1 - roots**2, 2 * roots * weights

    def contributions(images):
        images = ops.cast(images, "float32")
        chosen = asked.chosen(asked.of(images))
        change = images - ops.cast(baseline, "float32")
        shift, share = (ops.cast(each, "float32") for each in (away, shares))

        def add(step, total):
            return total + share[step] * _slopes(asked, images - shift[step] * change, chosen)

        total = ops.fori_loop(0, steps, add, ops.zeros_like(images))
        return ops.sum(total * change, axis=-1)

    return contributions


def smooth_grad(model, target=None, *, samples=16, noise=0.15, seed=0):
    """Returns a function that maps how much an answer changes with each pixel.

    "SmoothGrad: removing noise by adding noise" (arXiv:1706.03825): the mean of the gradients of
    noisy copies of an image.

    Args:
        model: A model of images `(B, H, W, C)`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.
        samples: How many noisy copies are looked at; each costs a gradient.
        noise: Standard deviation of the noise, as a share of the range of an image's pixels.
        seed: Seed of the noise, which is the same for all images of a batch: one seed gives one
            map, whatever else is in the batch.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, H, W)`, float32, at least 0: the root of the sum of squares over the channels, in units
        of the answer per level of a pixel.

    Raises:
        ValueError: If the model has no such answer, `samples` is below 1, or `noise` is negative.
    """
    if samples < 1:
        raise UserError(f"`samples` must be at least 1: received {samples}.")
    if not 0 <= noise < np.inf:
        raise UserError(f"`noise` must be at least 0: received {noise}.")
    asked = question(model, target)

    def change(images):
        images = ops.cast(images, "float32")
        chosen = asked.chosen(asked.of(images))
        axes = (1, 2, 3)
        spread = ops.max(images, axes, keepdims=True) - ops.min(images, axes, keepdims=True)
        draws = keras.random.normal((samples, *images.shape[1:]), stddev=noise, seed=seed)

        def add(sample, total):
            return total + _slopes(asked, images + spread * draws[sample], chosen) / samples

        total = ops.fori_loop(0, samples, add, ops.zeros_like(images))
        return ops.sqrt(ops.sum(ops.square(total), axis=-1))

    return change


def _slopes(asked, images, chosen):
    """Returns the gradient of what is asked by the pixels, `(B, H, W, C)`."""
    _, _, slopes = with_gradients(lambda tap: asked.score(tap("images", images), chosen))
    return slopes["images"]
