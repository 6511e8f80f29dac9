"""A trained model, loaded from disk to map images to named answers."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import CLASSIFICATION, ROLLOUT


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A model that was loaded from disk.

    Attributes:
        path: Where it was loaded from.
        image_shape: `(H, W, C)` of the images it takes.
        class_names: Names of the classes in their order, or `None` if it holds none.
        answer: Maps images `(B, H, W, C)`, 0 to 255, to a dictionary of arrays `(B, ...)` by name;
            for a classifier `{"probabilities": (B, K)}`, float32.
        runtime: Name and version of the runtime, for example `"onnxruntime 1.20.0"`.
        preprocessing: What is done to a picture before the model sees it; by default the whole
            picture is resized. Its `image_size` is that of `image_shape`.
        loaded: A SavedModel as TensorFlow loaded it, for its other signatures; `None` for other
            formats.
        task: Name of the task that it was trained for.
        options: What `keras_vit.tasks.task_named` needs besides the names of the classes.
        attention: Name of the method that the signature `attention` of a SavedModel answers with.
    """

    path: Path
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    answer: Callable[[np.ndarray], dict[str, np.ndarray]]
    runtime: str = ""
    preprocessing: Preprocessing = Preprocessing()  # noqa: RUF009
    loaded: object = None
    task: str = CLASSIFICATION
    options: dict[str, object] = dataclasses.field(default_factory=dict)
    attention: str = ROLLOUT

    def __post_init__(self):
        sized = dataclasses.replace(self.preprocessing, image_size=self.image_shape[:2])
        object.__setattr__(self, "preprocessing", sized)

    def predict(self, images):
        """Returns the `probabilities` that a classifier answers with.

        Args:
            images: Images `(B, H, W, C)`, 0 to 255.

        Returns:
            The probabilities `(B, K)`, float32.

        Raises:
            ValueError: If it answers with none.
        """
        answers = self.answer(images)
        if "probabilities" not in answers:
            raise UserError(
                "This needs a model that answers with probabilities of classes: "
                f"{self.path} is of the task {self.task}."
            )
        return answers["probabilities"]

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
