"""What fixes a Vision Transformer: the table of sizes and the fields of a configuration."""

import dataclasses
import operator

from keras_vit.errors import UserError
from keras_vit.layers import (
    CompactTokenizer,
    ConvStem,
    Patches,
    ResNetStem,
    ShiftedPatches,
    TokensToTokens,
    patch_grid,
)
from keras_vit.layers.attention import check_heads
from keras_vit.layers.conv_stems import halvings
from keras_vit.layers.resnet_stem import check_resnet, stem_stride
from keras_vit.layers.windows import check_windows

# Ti: "Training data-efficient image transformers" (arXiv:2012.12877), table 1; S, B, L, g: "Scaling
# Vision Transformers" (arXiv:2106.04560), table 2; H: "An Image is Worth 16x16 Words"
# (arXiv:2010.11929), table 1; mu: only for tests.
SIZES = {
    "mu": dict(width=32, depth=1, mlp_dim=128, num_heads=2),
    "Ti": dict(width=192, depth=12, mlp_dim=768, num_heads=3),
    "S": dict(width=384, depth=12, mlp_dim=1536, num_heads=6),
    "B": dict(width=768, depth=12, mlp_dim=3072, num_heads=12),
    "L": dict(width=1024, depth=24, mlp_dim=4096, num_heads=16),
    "H": dict(width=1280, depth=32, mlp_dim=5120, num_heads=16),
    "g": dict(width=1408, depth=40, mlp_dim=6144, num_heads=16),
}

STEMS = {  # how an image becomes patches, by the `stem` of a configuration
    "linear": Patches,
    "spt": ShiftedPatches,
    "conv": ConvStem,
    "cct": CompactTokenizer,
    "t2t": TokensToTokens,
    "resnet": ResNetStem,
}

LEAST = {  # the smallest value of each integer in a configuration
    "patch_size": 1,
    "channels": 1,
    "width": 1,
    "depth": 1,
    "mlp_dim": 1,
    "num_heads": 1,
    "num_registers": 0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Fixes the shapes and the math of a Vision Transformer.

    Attributes:
        image_size: Height and width `(H, W)` in pixels, or one number for both.
        patch_size: Side `P` of a square patch in pixels; divides the image.
        stem: How images become patches, which a dense layer then projects: `"linear"` cuts them;
            `"spt"` is `ShiftedPatches`, `"conv"` `ConvStem`, `"t2t"` `TokensToTokens` and `"cct"`
            `CompactTokenizer` of `keras_vit.layers`, for small data. Those of `"cct"` are not
            projected. `"resnet"` is `ResNetStem`, that of the hybrids of ViT and AugReg.
        stem_blocks: Units of each stage of a `"resnet"`; empty is its root only.
        stem_epsilons: Whose epsilons a `"resnet"` has, `"timm"`'s or those of Google's `"flax"`.
        channels: Channels `C` per pixel.
        width: Numbers per token `D`.
        depth: Number of blocks.
        mlp_dim: Hidden units of each MLP.
        num_heads: Attention heads; divides `width`.
        class_token: Whether a class token precedes the patches.
        distillation_token: Whether a distillation token precedes the patches.
        num_registers: How many registers precede the patches.
        position: `"learned"`, `"sincos_2d"`, `"sincos_1d"` or `"none"`.
        prefix_positions: Whether class and distillation tokens have a learned position.
        mid_positions: Whether a learned table of positions of all tokens is added between each two
            blocks, too, as in YOLOS (arXiv:2106.00666, section 3.1).
        patch_bias: Whether the projection of the patches has a bias.
        pre_norm: Whether a norm `pre_norm` precedes the blocks, as in CLIP (arXiv:2103.00020).
        final_norm: Whether a norm `norm` follows the blocks; without it, a head normalises the
            pooled feature, as MAE's fine-tuning does (arXiv:2111.06377, appendix A.1).
        activation: `"gelu"`, exact, `"gelu_tanh"`, `"quick_gelu"` or `"swiglu"`.
        norm_epsilon: Epsilon of every norm.
        qkv_bias: Whether the projection to queries, keys and values has a bias.
        qk_norm: Whether attention normalises queries and keys.
        layer_scale: Initial value of LayerScale, or `None` for no LayerScale.
        locality: Whether no token attends to itself, and each head learns the scale of its scores
            ("Vision Transformer for Small-Size Datasets", arXiv:2112.13492, section 3.3).
        window: Side in patches of the windows within which the blocks attend, with relative
            positions; in every second block the windows are shifted by half their side ("Swin
            Transformer", arXiv:2103.14030). Divides the grid, and needs `class_token=False` and no
            other prefix token. `None` attends globally.
        global_blocks: How many blocks attend globally in spite of `window`: the last one and others
            spread evenly before it. The windows of the other blocks then are not shifted, and have
            no relative positions ("Exploring Plain Vision Transformer Backbones for Object
            Detection", arXiv:2203.16527, section 3). `None` shifts windows, as described above.

    Raises:
        ValueError: If `patch_size` does not divide the image or does not suit the stem, `num_heads`
            does not divide `width`, `window` does not divide the grid or meets prefix tokens,
            `global_blocks` meets no `window`, or a number is no integer or out of its range.
    """

    image_size: int | tuple[int, int] = 224
    patch_size: int = 16
    stem: str = "linear"
    stem_blocks: tuple[int, ...] = ()
    stem_epsilons: str = "timm"
    channels: int = 3
    width: int
    depth: int
    mlp_dim: int
    num_heads: int
    class_token: bool = True
    distillation_token: bool = False
    num_registers: int = 0
    position: str = "learned"
    prefix_positions: bool = True
    mid_positions: bool = False
    patch_bias: bool = True
    pre_norm: bool = False
    final_norm: bool = True
    activation: str = "gelu"
    norm_epsilon: float = 1e-6
    qkv_bias: bool = True
    qk_norm: bool = False
    layer_scale: float | None = None
    locality: bool = False
    window: int | None = None
    global_blocks: int | None = None

    def __post_init__(self):
        size = self.image_size
        sides = size if isinstance(size, (tuple, list)) else (size, size)
        if len(sides) != 2:
            raise UserError(f"`image_size` must be one side or two: received {size}.")
        sides = tuple(_integer("image_size", side, least=1) for side in sides)
        object.__setattr__(self, "image_size", sides)
        for name, least in LEAST.items():
            number = _integer(name, getattr(self, name), least=least)
            object.__setattr__(self, name, number)
        if not 0 < self.norm_epsilon < 1:
            raise UserError(
                f"`norm_epsilon` must lie between 0 and 1: received {self.norm_epsilon}."
            )
        if self.stem not in STEMS:
            raise UserError(f"`stem` must be one of {', '.join(STEMS)}: received {self.stem!r}.")
        if not isinstance(self.stem_blocks, (tuple, list)):
            raise UserError(f"`stem_blocks` must be a tuple: received {self.stem_blocks!r}.")
        blocks = tuple(_integer("stem_blocks", count, least=1) for count in self.stem_blocks)
        object.__setattr__(self, "stem_blocks", blocks)
        if self.stem == "resnet":
            check_resnet(self.patch_size, blocks, self.stem_epsilons)
        elif blocks or self.stem_epsilons != "timm":
            raise UserError(
                "`stem_blocks` and `stem_epsilons` are those of stem='resnet': received "
                f"stem={self.stem!r}, stem_blocks={blocks}, stem_epsilons={self.stem_epsilons!r}."
            )
        _check_stem(self.stem, self.patch_size)
        check_heads(self.width, self.num_heads)
        patch_grid(self.image_size, self.patch_size)
        if self.window is not None:
            if self.class_token or self.distillation_token or self.num_registers:
                raise UserError(
                    "`window` takes no prefix tokens: pass class_token=False and no other."
                )
            check_windows(self.grid, _integer("window", self.window, least=1))
        if self.global_blocks is not None:
            number = _integer("global_blocks", self.global_blocks, least=0)
            if self.window is None or number > self.depth:
                raise UserError(
                    f"`global_blocks` needs a `window` and at most {self.depth} blocks: received "
                    f"window={self.window}, global_blocks={number}."
                )

    def window_of(self, index):
        """Returns how a block attends, as options of `TransformerBlock`.

        Args:
            index: Index of the block.
        """
        if self.window is None:
            return {}
        if self.global_blocks is not None:
            passed = [place * self.global_blocks // self.depth for place in (index, index + 1)]
            is_global = passed[0] < passed[1]
            return {} if is_global else dict(grid=self.grid, window=self.window)
        alone = self.grid == (self.window, self.window)
        shift = self.window // 2 if index % 2 and not alone else 0
        how = dict(grid=self.grid, window=self.window, shift=shift)
        return {**how, "relative_positions": True}

    @classmethod
    def of(cls, name, **overrides):
        """Returns the configuration that a name such as `"S/16"` stands for.

        Args:
            name: A size of `SIZES`, a slash, and the patch size in pixels.
            **overrides: Fields to change, for example `image_size`.

        Returns:
            A `ViTConfig`.

        Raises:
            ValueError: If the name is not of this form, its size is unknown, or a field is wrong.
            TypeError: If an override is no field of `ViTConfig`.
        """
        size, slash, patch_size = name.partition("/")
        if size not in SIZES or not slash or not patch_size.isdecimal():
            raise UserError(
                f"A model's name is one of {', '.join(SIZES)}, a slash and the patch size, "
                f"for example 'S/16': received {name!r}."
            )
        return cls(**{**SIZES[size], "patch_size": int(patch_size), **overrides})

    @property
    def grid(self):
        """Rows and columns of patches, `(H // P, W // P)`."""
        return patch_grid(self.image_size, self.patch_size)

    @property
    def cut_size(self):
        """Side of the squares that a `"linear"` or `"resnet"` stem cuts, in its own places."""
        return self.patch_size // (stem_stride(self.stem_blocks) if self.stem == "resnet" else 1)


def _check_stem(stem, patch_size):
    """Raises a `ValueError` if a stem cannot shrink images by `patch_size`."""
    if stem == "spt" and patch_size < 2:
        raise UserError(
            f"Shifts by half a patch need a `patch_size` from 2: received {patch_size}."
        )
    if stem in ("conv", "cct", "t2t"):
        halvings(patch_size, least=4 if stem == "t2t" else 2)


def _integer(name, value, *, least):
    try:
        number = operator.index(value)
    except TypeError:
        raise UserError(f"`{name}` must be an integer: received {value!r}.") from None
    if number < least:
        raise UserError(f"`{name}` must be at least {least}: received {number}.")
    return number
