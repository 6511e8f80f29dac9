"""The stem of hybrids: a residual network, whose maps become the patches."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers.patches import patchify
from keras_vit.layers.standardized import StandardizedConv

WIDTH = 64  # channels behind the root, and within the units of the first stage
GROUPS = 32  # of channels, each normed by itself
MOST_STAGES = 4
# What is added to a filter's variance, to its deviation, and to the variance of a group.
EPSILONS = {"timm": (1e-8, 0.0, 1e-5), "flax": (0.0, 1e-5, 1e-6)}


@keras.saving.register_keras_serializable("keras_vit")
class ResNetStem(keras.layers.Layer):
    """Turns images `(B, H, W, C)` into patches `(B, N, p*p*F)` of the maps of a residual network.

    The hybrids of "An Image is Worth 16x16 Words" (arXiv:2010.11929, section 3.1) and of "How to
    train your ViT?" (arXiv:2106.10270, section 3.2): a ResNet with bottlenecks (arXiv:1512.03385),
    standardised kernels (arXiv:1903.10520) and group norms (arXiv:1803.08494). Its root, a 7x7
    convolution and a maximum of 3x3 places, shrinks images by 4; each stage after the first halves
    the sides again. The maps of `F` channels are then cut into patches of `p = P / stride` places.

    Args:
        patch_size: By how much the sides shrink in all `P`, a multiple of `stem_stride(blocks)`;
            divides the image.
        blocks: Units of each stage: `(2, 2, 2, 2)` is R26, `(3, 4, 6, 3)` R50, `(3, 4, 9)` the R50
            of the base model; empty is the root only.
        epsilons: Whose small numbers keep norms from dividing by zero, `"timm"`'s or those of
            Google's `"flax"`: kernels of one answer a little differently with those of the other.

    Raises:
        ValueError: If `check_resnet` refuses the sizes.
    """

    def __init__(self, patch_size, *, blocks=(), epsilons="timm", **kwargs):
        super().__init__(**kwargs)
        check_resnet(patch_size, blocks, epsilons)
        self.patch_size = patch_size
        self.blocks = tuple(blocks)
        self.epsilons = epsilons
        options = dict(epsilons=epsilons, dtype=self.dtype_policy)
        self.root = _convolution(WIDTH, 7, strides=2, name="root", **options)
        self.root_norm = _norm(name="root_norm", **options)
        self.units = [
            ResidualUnit(
                WIDTH << stage,
                strides=2 if stage and not place else 1,
                has_shortcut=not place,
                name=f"stage{stage}_unit{place}",
                **options,
            )
            for stage, count in enumerate(self.blocks)
            for place in range(count)
        ]

    def build(self, shape):
        self.root.build(shape)
        shape = (*shape[:-1], WIDTH)
        self.root_norm.build(shape)
        for unit in self.units:
            unit.build(shape)
            shape = (*shape[:-1], 4 * unit.width)

    def call(self, images):
        x = ops.relu(self.root_norm(self.root(images)))
        x = ops.max_pool(x, 3, strides=2, padding="same", data_format="channels_last")
        for unit in self.units:
            x = unit(x)
        return patchify(x, self.patch_size // stem_stride(self.blocks))


@keras.saving.register_keras_serializable("keras_vit")
class ResidualUnit(keras.layers.Layer):
    """Adds to maps `(B, H, W, C)` what three convolutions see in them: `(B, H/s, W/s, 4*width)`.

    "Deep Residual Learning" (arXiv:1512.03385, figure 5, right), with the stride in the 3x3
    convolution. At first the three add nothing: the last norm begins with factors of zero, as
    Google's does (arXiv:1706.02677, section 5.1).

    Args:
        width: Channels within; the result has four times as many.
        strides: By how much the sides shrink `s`.
        has_shortcut: Whether a convolution takes the maps to the shape of the result.
        epsilons: As `ResNetStem` takes it.
    """

    def __init__(self, width, *, strides=1, has_shortcut=True, epsilons="timm", **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.strides = strides
        self.has_shortcut = has_shortcut
        self.epsilons = epsilons
        options = dict(epsilons=epsilons, dtype=self.dtype_policy)
        shapes = ((width, 1, 1), (width, 3, strides), (4 * width, 1, 1))
        self.convolutions = [
            _convolution(filters, size, strides=step, name=f"convolution{place}", **options)
            for place, (filters, size, step) in enumerate(shapes, start=1)
        ]
        self.norms = [
            _norm(name=f"norm{place}", gamma_initializer=factors, **options)
            for place, factors in enumerate(("ones", "ones", "zeros"), start=1)
        ]
        if has_shortcut:
            self.shortcut = _convolution(4 * width, 1, strides=strides, name="shortcut", **options)
            self.shortcut_norm = _norm(name="shortcut_norm", **options)

    def build(self, shape):
        if self.has_shortcut:
            self.shortcut.build(shape)
            self.shortcut_norm.build((*shape[:-1], self.shortcut.filters))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = (*shape[:-1], convolution.filters)
            norm.build(shape)

    def call(self, maps):
        kept = self.shortcut_norm(self.shortcut(maps)) if self.has_shortcut else maps
        convolution1, convolution2, convolution3 = self.convolutions
        norm1, norm2, norm3 = self.norms
        x = ops.relu(norm1(convolution1(maps)))
        x = ops.relu(norm2(convolution2(x)))
        return ops.relu(kept + norm3(convolution3(x)))


def stem_stride(blocks):
    """Returns by how much a residual network with `blocks` units in its stages shrinks images."""
    return 4 << max(0, len(blocks) - 1)


def check_resnet(patch_size, blocks, epsilons="timm"):
    """Checks what a `ResNetStem` is made of.

    Args:
        patch_size: As `ResNetStem` takes it.
        blocks: As `ResNetStem` takes it.
        epsilons: As `ResNetStem` takes it.

    Raises:
        ValueError: If there are more than four stages or one without a unit, `patch_size` is no
            multiple of what they shrink by, or the epsilons are nobody's.
    """
    if len(blocks) > MOST_STAGES or any(count < 1 for count in blocks):
        raise UserError(
            f"A residual network has up to {MOST_STAGES} stages of at least one unit: received "
            f"stem_blocks={tuple(blocks)}."
        )
    if patch_size % stem_stride(blocks):
        raise UserError(
            f"A residual network with stem_blocks={tuple(blocks)} needs a `patch_size` that is a "
            f"multiple of {stem_stride(blocks)}: received {patch_size}."
        )
    if epsilons not in EPSILONS:
        raise UserError(
            f"`stem_epsilons` must be one of {', '.join(EPSILONS)}: received {epsilons!r}."
        )


def _convolution(filters, size, *, epsilons, **options):
    under, beside, _ = EPSILONS[epsilons]
    return StandardizedConv(filters, size, under_root=under, beside_root=beside, **options)


def _norm(*, epsilons, **options):
    return keras.layers.GroupNormalization(GROUPS, epsilon=EPSILONS[epsilons][-1], **options)
