"""A source of images: a name, class names and splits."""

import dataclasses
from collections.abc import Mapping

from keras_vit.data.sample import named_key
from keras_vit.data.splits import EncodedSplit, SequentialSplit, Split, reduced
from keras_vit.errors import UserError, first_few

PLURAL = {"label": "labels", "mask": "masks", "box_labels": "classes of boxes"}


@dataclasses.dataclass(frozen=True)
class Source:
    """A set of images.

    Attributes:
        name: Name of the set, in messages and reports.
        class_names: The `K` names, in the order of what `keras_vit.data.sample.named_key` chooses:
            of the labels, or else of the labels of boxes, or else of the ids in masks. None where
            they are not known.
        splits: A split for each of their names, such as `"train"` and `"test"`.
        notes: Sentences on what was found and not used, or used in a way that could surprise.
        faults: Sentences on what must be repaired before anything is trained or evaluated; empty
            unless the source was opened with `strict=False`.
        version: Version and splits of a set of TensorFlow Datasets; else empty.

    Raises:
        ValueError: If a class name is no text on one line, or a label that is known without
            reading has no name.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split | EncodedSplit | SequentialSplit]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    version: str = ""

    def __post_init__(self):
        for name in self.class_names:
            if not _is_line(name):
                raise UserError(
                    "Names of classes must be text in UTF-8, on one line: received "
                    f"{name!r} in {self.name}."
                )
        for name, split in self.splits.items():
            if split.labels is None or not split.count:
                continue
            lowest, highest = int(split.labels.min()), int(split.labels.max())
            if lowest < 0 or highest >= len(self.class_names):
                raise UserError(
                    f"Labels must lie in [0, {len(self.class_names)}), a name for each: received "
                    f"{lowest if lowest < 0 else highest} in {name} of {self.name}."
                )

    def require(self, keys, user):
        """Refuses a source whose samples lack something.

        Args:
            keys: Keys of the samples that are needed, see `keras_vit.data.sample`.
            user: What needs them, the first words of the sentence.

        Raises:
            ValueError: If samples lack one.
        """
        for key in keys:
            if any(key not in split.keys for split in self.splits.values()):
                what = PLURAL.get(key, key)
                raise UserError(f"{user} needs {what}, and the pictures of {self.name} have none.")

    def only(self, keys):
        """Leaves out of the samples what nobody needs: it is neither read nor moved.

        Args:
            keys: Keys of the samples that are needed besides `image`.

        Returns:
            A `Source`. It has no class names where they belong to something that is left out.
        """
        keys = {"image", *keys}
        named = named_key(next(iter(self.splits.values())).keys)
        return dataclasses.replace(
            self,
            splits={name: reduced(split, keys) for name, split in self.splits.items()},
            class_names=self.class_names if named in keys else (),
        )

    def class_name(self, label):
        """Returns the name of an integer label; for a label of no class, the number as text."""
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)

    def __str__(self):
        counts = ", ".join(f"{split.count:,} {name}" for name, split in self.splits.items())
        some_split = next(iter(self.splits.values()))
        size = "pictures of any size"
        if some_split.image_shape:
            size = "x".join(map(str, some_split.image_shape)) + " pixels"
        classes = "no labels"
        if self.class_names:
            plural = "es" if len(self.class_names) > 1 else ""
            names = first_few(self.class_names, 5)
            classes = f"{len(self.class_names):,} class{plural} ({names})"
        guarantees = {split.guarantee for split in self.splits.values()} - {""}
        return "; ".join([f"{self.name}: {classes}, {size}, {counts}", *guarantees])


def _is_line(name):
    """Returns whether a name can be a line of a UTF-8 file; those of some folders cannot."""
    try:
        return bool(name.encode()) and name.splitlines() == [name]
    except (AttributeError, UnicodeEncodeError):
        return False
