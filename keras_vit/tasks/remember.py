"""What a model stores beside its weights: class names and preprocessing."""

import dataclasses

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing


class Remembers:
    """A layer that stores class names and preprocessing, and saves them with the model."""

    class_names: list[str] | None
    preprocessing: Preprocessing | None

    def name_classes(self, class_names):
        """Stores the names of the classes.

        Args:
            class_names: Names in the order of the classes, or `None`.

        Raises:
            ValueError: If they are no list of texts.
        """
        if class_names is not None and not (
            isinstance(class_names, list | tuple) and all(isinstance(x, str) for x in class_names)
        ):
            raise UserError(f"`class_names` must be texts: received {str(class_names)[:50]}.")
        self.class_names = class_names

    def remember(self, preprocessing):
        """Stores `preprocessing`, except the size of the images, which the model's input has.

        Args:
            preprocessing: A `keras_vit.images.preprocessing.Preprocessing`, its `to_json()`, or
                `None` where it is not known.

        Raises:
            ValueError: If a dictionary is no `to_json()` of a `Preprocessing`.
        """
        if preprocessing is not None and not isinstance(preprocessing, Preprocessing):
            preprocessing = Preprocessing.from_json(preprocessing)
        if preprocessing is not None:
            preprocessing = dataclasses.replace(preprocessing, image_size=None)
        self.preprocessing = preprocessing

    def get_config(self):
        preprocessing = self.preprocessing and self.preprocessing.to_json()
        remembered = {"class_names": self.class_names, "preprocessing": preprocessing}
        return {**super().get_config(), **remembered}
