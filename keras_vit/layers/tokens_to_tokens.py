"""A stem of small blocks: windows of the image become tokens, and windows of these the patches."""

import keras
from keras import ops

from keras_vit.layers.block import TransformerBlock
from keras_vit.layers.conv_stems import halvings
from keras_vit.layers.patches import patchify


@keras.saving.register_keras_serializable("keras_vit")
class TokensToTokens(keras.layers.Layer):
    """Turns images `(B, H, W, C)` into patches `(B, N, 9*64)`, step by step.

    "Tokens-to-Token ViT" (arXiv:2101.11986, section 3.1): overlapping windows of the image become
    tokens, a small block lets them attend to each other, and windows of their map become the next
    tokens; the last windows are the patches. The first windows are of 7x7 pixels at a stride of 4
    where patches have 8 pixels or more, else 3x3 at a stride of 2, as all further ones. Attention
    between all windows of the first step costs most by far: its memory grows with the fourth power
    of the side of an image. The blocks are those of the encoder, behind a dense layer to their
    width; the paper's change the width inside of their attention.

    Args:
        patch_size: By how much the sides shrink, a power of two from 4; divides the image.
        token_width: Numbers per token of the blocks between.
        norm_epsilon: Epsilon of the norms.

    Raises:
        ValueError: If `patch_size` is no power of two from 4, or does not divide the image.
    """

    def __init__(self, patch_size, *, token_width=64, norm_epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        steps = halvings(patch_size, least=4)
        self.patch_size = patch_size
        self.windows = ((7, 4),) + ((3, 2),) * (steps - 2) if steps > 2 else ((3, 2), (3, 2))
        self.projections, self.blocks = [], []
        for step in range(len(self.windows) - 1):
            self.projections.append(
                keras.layers.Dense(token_width, dtype=self.dtype_policy, name=f"projection{step}")
            )
            self.blocks.append(
                TransformerBlock(
                    1,
                    token_width,
                    norm_epsilon=norm_epsilon,
                    dtype=self.dtype_policy,
                    name=f"tokens{step}",
                )
            )

    def build(self, shape):
        _, height, width, channels = shape
        for (side, stride), projection, block in zip(
            self.windows, self.projections, self.blocks, strict=False
        ):
            height, width = height // stride, width // stride
            projection.build((None, height * width, side * side * channels))
            channels = projection.units
            block.build((None, height * width, channels))

    def call(self, images):
        x = unfolded(images, *self.windows[0])
        for window, projection, block in zip(
            self.windows[1:], self.projections, self.blocks, strict=True
        ):
            _, rows, columns, _ = x.shape
            tokens = block(projection(patchify(x, 1)))
            x = unfolded(ops.reshape(tokens, (-1, rows, columns, projection.units)), *window)
        return patchify(x, 1)


def unfolded(maps, side, stride):
    """Joins the numbers of overlapping square windows of maps `(B, H, W, C)`.

    Args:
        maps: The maps; `stride` divides both sides.
        side: Side of a window, at least `stride`; around the maps are zeros.
        stride: From one window to the next.

    Returns:
        Maps `(B, H / stride, W / stride, side * side * C)`: the windows row by row, channels last.
    """
    _, height, width, _ = maps.shape
    before = (side - stride + 1) // 2
    after = max(0, side - stride - before)
    padded = ops.pad(maps, ((0, 0), (before, after), (before, after), (0, 0)))
    last = height - stride + 1, width - stride + 1
    windows = [
        padded[:, y : y + last[0] : stride, x : x + last[1] : stride]
        for y in range(side)
        for x in range(side)
    ]
    return ops.concatenate(windows, axis=-1)
