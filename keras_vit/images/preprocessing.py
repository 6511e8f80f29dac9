"""How evaluation resizes and crops pictures for a model; models and exports store it."""

import dataclasses
import math
import numbers
from typing import Self

from keras_vit.errors import UserError

INTERPOLATIONS = ("bicubic", "bilinear")
FITS = ("crop", "squash", "keep")
OFFSETS = ("round", "floor")
SMALLEST_RATIO = 0.05  # a file from elsewhere could demand images that are enlarged without limit
PIXELS = 2**22  # of the images of one call: 64 of 256x256
CHOICES = {"interpolation": INTERPOLATIONS, "fit": FITS, "crop_offset": OFFSETS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a picture of any size `(h, w, C)` becomes an image `(H, W, C)` of the size of a model.

    The picture is resized, antialiased, to `image_size / crop_ratio` (sides are rounded down), and
    its middle is cropped. Pixels stay 0 to 255: the model's first layer normalises them.

    Attributes:
        image_size: Height and width `(H, W)` in pixels, or one integer for both; `None` where only
            the model knows them.
        crop_ratio: Share of the short side that is kept ("crop percentage"), in `[0.05, 1]`.
        interpolation: `"bicubic"` or `"bilinear"`.
        fit: `"crop"` resizes to cover the size and keeps the aspect ratio; `"squash"` resizes to
            exactly this size; `"keep"` does not resize, except that a picture which is smaller is
            enlarged to cover the size.
        crop_offset: What happens to half a pixel where the crop starts: `"round"` rounds half to
            even as timm and torchvision do, `"floor"` truncates as Hugging Face does.
        mean: Mean that the model's first layer subtracts, on the scale 0 to 1, one number or one
            per channel; `None` where it is not known. For information: no reader applies it.
        std: Standard deviation that the model's first layer divides by, in the same form.

    Raises:
        ValueError: If a value is out of its range.
    """

    image_size: tuple[int, int] | None = None
    crop_ratio: float = 1.0
    interpolation: str = "bicubic"
    fit: str = "crop"
    crop_offset: str = "round"
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None

    def __post_init__(self):
        if self.image_size is not None:
            object.__setattr__(self, "image_size", _checked_size(self.image_size))
        if not _is_number(self.crop_ratio) or not SMALLEST_RATIO <= self.crop_ratio <= 1:
            received = _short(self.crop_ratio)
            raise UserError(f"`crop_ratio` must lie in [{SMALLEST_RATIO}, 1]: received {received}.")
        object.__setattr__(self, "crop_ratio", float(self.crop_ratio))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                received = _short(getattr(self, name))
                raise UserError(f"`{name}` must be {' or '.join(choices)}: received {received}.")
        for name in ("mean", "std"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _checked_scale(name, getattr(self, name)))

    @property
    def resized(self):
        """Height and width that a picture is resized to, or resized to cover, before the crop."""
        return tuple(math.floor(side / self.crop_ratio) for side in self.image_size)

    def but(self, **changes) -> Self:
        """Returns a copy in which some attributes have other values.

        Args:
            **changes: New values by the names of attributes; those that are `None` change nothing.

        Returns:
            A `Preprocessing`.

        Raises:
            ValueError: If a value is out of its range.
        """
        changes = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **changes)

    def to_json(self):
        """Returns a dictionary for JSON of the attributes that are not `None`."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
            if value is not None
        }

    @classmethod
    def from_json(cls, values) -> Self:
        """Makes a `Preprocessing` of the dictionary that `to_json` returned.

        Args:
            values: A dictionary of attributes. Keys that are missing or `None` get the default,
                and other keys are ignored.

        Returns:
            A `Preprocessing`.

        Raises:
            ValueError: If `values` is no dictionary, or a value is out of its range.
        """
        if not isinstance(values, dict):
            raise UserError(f"Preprocessing must be a dictionary: received {_short(values)}.")
        names = [field.name for field in dataclasses.fields(cls)]
        return cls().but(**{name: values[name] for name in names if name in values})


def images_per_call(size, most=64):
    """Returns how many images of a size a model is given at once where all are answered.

    Args:
        size: Height and width in pixels.
        most: The number for small images.

    Returns:
        At most `most`, and at least 1; together they have at most `PIXELS` pixels.
    """
    return max(1, min(most, PIXELS // (size[0] * size[1])))


def _checked_size(size):
    sides = (size, size) if _is_integer(size) else size
    if not isinstance(sides, list | tuple) or len(sides) != 2 or not all(map(_is_integer, sides)):
        raise UserError(f"`image_size` must be a height and a width: received {_short(size)}.")
    if min(sides) < 1:
        raise UserError(f"`image_size` must be at least 1: received {_short(size)}.")
    return tuple(map(int, sides))


def _checked_scale(name, scale):
    values = scale if isinstance(scale, list | tuple) else [scale]
    if not values or not all(_is_number(x) and math.isfinite(x) for x in values):
        raise UserError(f"`{name}` must be a number, or one per channel: received {_short(scale)}.")
    if name == "std" and min(values) <= 0:
        raise UserError(f"`std` must be above 0: received {_short(scale)}.")
    return tuple(map(float, scale)) if isinstance(scale, list | tuple) else float(scale)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _short(value):
    return str(value)[:50]
