"""Which features of a set of TensorFlow Datasets (TFDS) are what in a sample."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_vit.data.ignored_boxes import ignored
from keras_vit.data.sources.padding import pad_boxes
from keras_vit.errors import UserError
from keras_vit.images.graph_decode import picture_size

MASKS = ("segmentation_mask", "segmentation_label", "mask")
OBJECTS = "objects"  # a sequence of `bbox` and `label`
IGNORED = ("is_crowd", "is_difficult")  # what objects may have beside, of COCO and of VOC
MAX_BOXES = 100  # of a picture; how many the largest has is not known without reading all


class Stored(NamedTuple):
    """A prepared set of TFDS.

    Attributes:
        builder: The `tfds.core.DatasetBuilder`.
        names: The name of a feature for each of the keys `image`, `label`, `mask` and `boxes` that
            samples have.
        features: A `tfds.features.FeaturesDict` of these features only.
    """

    builder: object
    names: dict[str, str]
    features: object

    @property
    def class_names(self):
        """Names of the classes of labels, or else of boxes, or else of masks, if they have any."""
        key = next(key for key in ("label", "boxes", "mask") if key in self.names)
        feature = self.features[self.names[key]]
        feature = feature.feature["label"] if key == "boxes" else feature
        return tuple(getattr(feature, "names", None) or ())

    @property
    def undecoded(self):
        """Decoders of TFDS that leave pictures and masks encoded."""
        import tensorflow_datasets as tfds

        keys = self.names.keys() & {"image", "mask"}
        return {self.names[key]: tfds.decode.SkipDecoding() for key in keys}

    def as_dataset(self, split, **options):
        """Opens a split as a dataset of samples, always in the same order.

        Args:
            split: A split in TFDS' syntax.
            **options: Further arguments of the builder's `as_dataset`.

        Returns:
            A `tf.data.Dataset` of dicts.
        """
        return self.builder.as_dataset(split=split, **options).map(self.sample)

    def sample(self, example):
        """Makes a sample of an example.

        Args:
            example: A dictionary of tensors, by the names of features.

        Returns:
            A sample, see `keras_vit.data.sample`; `M` of its boxes is `MAX_BOXES`, and a picture
            that has more keeps the first of them. Boxes around crowds and difficult ones are
            ignored, and come last.
        """
        found = {key: example[name] for key, name in self.names.items()}
        objects, mask = found.pop("boxes", None), found.get("mask")
        if mask is not None and mask.dtype != tf.string:
            found["mask"] = mask[..., 0]
        if objects is None:
            return found
        boxes, labels = objects["bbox"], objects["label"]
        for name in IGNORED:
            if name in objects:
                out = objects[name]
                order = tf.argsort(tf.cast(out, tf.int32), stable=True)
                boxes = tf.gather(boxes, order)
                labels = tf.gather(tf.where(out, ignored(labels), labels), order)
        image = found["image"]
        size = picture_size(image) if image.dtype == tf.string else tf.shape(image)[:2]
        sides = tf.cast(tf.tile(size, [2]), tf.float32)  # y x y x
        corners = tf.gather(boxes * sides, [1, 0, 3, 2], axis=1)
        return found | pad_boxes(corners[:MAX_BOXES], labels[:MAX_BOXES], MAX_BOXES)


def choose_features(builder, name):
    """Chooses what samples of a set are made of.

    Args:
        builder: A `tfds.core.DatasetBuilder`.
        name: Name of the set, for messages.

    Returns:
        The name of a feature for each key of `Stored.names`. Boxes are left out where pictures have
        labels of other classes.

    Raises:
        ValueError: If the set holds no images, or nothing is known of them.
    """
    import tensorflow_datasets as tfds

    features, kinds = builder.info.features, tfds.features
    pair = builder.info.supervised_keys
    first, second = pair if isinstance(pair, tuple) and len(pair) == 2 else ("image", "label")
    has = features if isinstance(features, kinds.FeaturesDict) else {}

    def is_picture(feature):
        return isinstance(feature, kinds.Image) and feature.np_dtype == np.uint8

    def is_mask(feature):
        one = isinstance(feature, kinds.Image) and feature.shape[-1] == 1
        return one and np.issubdtype(feature.np_dtype, np.integer)

    def is_objects(feature):
        inner = getattr(feature, "feature", None)
        wanted = {"bbox": kinds.BBoxFeature, "label": kinds.ClassLabel}
        return isinstance(inner, kinds.FeaturesDict) and all(
            key in inner and isinstance(inner[key], kind) for key, kind in wanted.items()
        )

    kinds_of = {
        "image": ((first, "image"), is_picture),
        "label": ((second, "label"), lambda feature: isinstance(feature, kinds.ClassLabel)),
        "mask": ((second, *MASKS), is_mask),
        "boxes": ((OBJECTS,), is_objects),
    }
    names = {}
    for key, (candidates, is_one) in kinds_of.items():
        found = [x for x in candidates if isinstance(x, str) and x in has and is_one(has[x])]
        if found:
            names[key] = found[0]
    if "label" in names and "boxes" in names:
        if has[names["boxes"]].feature["label"].names != has[names["label"]].names:
            del names["boxes"]
    if "image" not in names or len(names) == 1:
        raise UserError(
            f"The set {name!r} of TFDS holds no images with labels, masks or boxes of classes."
        )
    return names
