"""Several views of one picture as one image: where each of them lies."""

import dataclasses

from keras_vit.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSheet:
    """The layout of an image `(S, W, C)` that holds large and small square views of one picture.

    The large views stand side by side; the small ones follow, in columns. So a batch of views is a
    batch of images, whatever their number and sizes.

    Attributes:
        size: Side `S` of a large view in pixels.
        count: Number `G` of large views, at least two.
        small_size: Side of a small view in pixels, at most `S`.
        small_count: Number `L` of small views; 0 for none.

    Raises:
        ValueError: If a number is out of its range.
    """

    size: int
    count: int = 2
    small_size: int = 0
    small_count: int = 0

    def __post_init__(self):
        if self.count < 2 or self.size < 1:
            raise UserError(
                f"There must be at least two large views: received count={self.count}, "
                f"size={self.size}."
            )
        if self.small_count < 0:
            raise UserError(
                f"`small_count` must be 0 or more: received small_count={self.small_count}."
            )
        if self.small_count and not 0 < self.small_size <= self.size:
            raise UserError(
                "Small views must have a side of 1 to that of the large views: received "
                f"small_count={self.small_count}, small_size={self.small_size}, size={self.size}."
            )

    @property
    def views(self):
        """Number `V` of all views."""
        return self.count + self.small_count

    @property
    def width(self):
        """Width `W` of the image in pixels."""
        columns = -(-self.small_count // self._rows) if self.small_count else 0
        return self.count * self.size + columns * self.small_size

    @property
    def corners(self):
        """Upper left corner `(y, x)` of each large view."""
        return [(0, index * self.size) for index in range(self.count)]

    @property
    def small_corners(self):
        """Upper left corner `(y, x)` of each small view, column by column."""
        left = self.count * self.size
        places = (divmod(index, self._rows) for index in range(self.small_count))
        return [(row * self.small_size, left + column * self.small_size) for column, row in places]

    @property
    def _rows(self):
        return self.size // self.small_size
