"""A trained classifier, loaded from disk to map images to probabilities."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A classifier that was loaded from disk.

    Attributes:
        path: Where it was loaded from.
        image_shape: `(H, W, C)` of the images it takes.
        class_names: Names in the order of the probabilities, or `None` if it holds none.
        predict: Maps images `(B, H, W, C)`, 0 to 255, to probabilities `(B, K)`, float32.
        runtime: Name and version of the runtime, for example `"onnxruntime 1.20.0"`.
        preprocessing: What is done to a picture before the model sees it; by default the whole
            picture is resized. Its `image_size` is that of `image_shape`.
        loaded: A SavedModel as TensorFlow loaded it, for its other signatures; `None` for other
            formats.
    """

    path: Path
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    predict: Callable[[np.ndarray], np.ndarray]
    runtime: str = ""
    preprocessing: Preprocessing = Preprocessing()  # noqa: RUF009
    loaded: object = None

    def __post_init__(self):
        sized = dataclasses.replace(self.preprocessing, image_size=self.image_shape[:2])
        object.__setattr__(self, "preprocessing", sized)

    def names_of(self, count):
        """Returns the names of the classes.

        Args:
            count: Number of classes `K`.

        Returns:
            A tuple of `count` names; the indices as texts if the model holds no names.

        Raises:
            ValueError: If the model holds another number of names.
        """
        names = self.class_names or tuple(map(str, range(count)))
        if len(names) != count:
            raise UserError(f"{self.path} holds {len(names)} names for {count} classes.")
        return names

    def read_image(self, picture, formats=None):
        """Reads a picture and preprocesses it for the model.

        Args:
            picture: Path of the file, or its bytes.
            formats: Names of the formats that the file may have, as Pillow calls them; by default
                all that `keras_vit.images.crop.read_image` reads.

        Returns:
            The pixels `(H, W, C)`, uint8.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the picture cannot be read, or has colours and the model takes grey
                images, or the model takes neither 1 nor 3 channels.
        """
        channels = self.image_shape[2]
        return read_image(picture, self.preprocessing, channels=channels, formats=formats)
