"""A trained classifier on disk as a function from images to probabilities."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import cut_told


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A classifier that was loaded from disk.

    Attributes:
        path: Where it was loaded from.
        image_shape: `(H, W, C)` of the images it takes.
        class_names: Names in the order of the probabilities, or `None` where it carries none.
        predict: From images `(B, H, W, C)`, 0 to 255, to probabilities `(B, K)`, float32.
        runtime: What it runs on, with its version.
        preprocessing: What is done to a picture before: `crop_ratio` and `interpolation`, as
            `keras_vit.images.graph_crop.cut_middle` takes them; empty where it does not say.
        loaded: A SavedModel as TensorFlow loaded it, for its other signatures.
    """

    path: Path
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    predict: Callable[[np.ndarray], np.ndarray]
    runtime: str = ""
    preprocessing: dict = dataclasses.field(default_factory=dict)
    loaded: object = None

    def names_of(self, count):
        """Returns the names of `count` classes, numbers where it carries none.

        Raises:
            ValueError: If it carries more or fewer.
        """
        names = self.class_names or tuple(map(str, range(count)))
        if len(names) != count:
            raise UserError(f"{self.path} carries {len(names)} names for {count} classes.")
        return names

    def read_image(self, picture, formats=None):
        """Reads a picture, a path or bytes, as the model is to see it.

        Args:
            picture: As `keras_vit.images.crop.read_image` takes it.
            formats: Likewise.

        Returns:
            The pixels `(H, W, C)`, uint8.

        Raises:
            FileNotFoundError: As `read_image` does.
            ValueError: Likewise.
        """
        return read_image(
            picture, self.image_shape, formats=formats, **cut_told(self.preprocessing)
        )
