"""What a report is made of."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Curves:
    """What was measured over the epochs of a training.

    Attributes:
        values: By name, pairs of the epochs, from 1, and the numbers at their ends. What was
            measured on validation pictures begins with `val_`, as in Keras' history.
        learning_rate: The learning rate at the end of each epoch; may be empty.
        kept: The epoch whose weights were kept; the last one if `None`.
        validated_on: Name of the split that the numbers `val_` are of.
    """

    values: Mapping[str, tuple[Sequence[int], Sequence[float]]]
    learning_rate: Sequence[float] = ()
    kept: int | None = None
    validated_on: str = "val"

    @classmethod
    def of(cls, history, *, every=1, **rest):
        """Makes them from the history of `fit`.

        Args:
            history: A `keras.callbacks.History`, of all epochs.
            every: Epochs between two evaluations.
            **rest: The other attributes.

        Returns:
            `Curves`.
        """
        epochs = [epoch + 1 for epoch in history.epoch]
        values = {
            name: (
                epochs[every - 1 :: every][: len(numbers)]
                if name.startswith("val_")
                else epochs[len(epochs) - len(numbers) :],  # some are logged from a later epoch on
                numbers,
            )
            for name, numbers in history.history.items()
        }
        return cls(values, **rest)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Pictures with a title each.

    Attributes:
        images: Images `(N, H, W, C)`, 0 to 255.
        titles: `N` texts, which may be empty.
    """

    images: np.ndarray
    titles: Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What `write_page` shows. A part that is empty or `None` is left out.

    Attributes:
        task: The `keras_vit.tasks.Task`.
        model: Name of the model, or its path.
        data: Name of the set of pictures, or its path.
        split: Name of the split that `result` is of.
        result: The `keras_vit.tasks.Result`.
        notes: Sentences that a reader must know to judge the figures.
        baselines: What other ways to learn the same reach: headlines by name and by split.
        pictures: Number of pictures by name of the split.
        per_class: Number of pictures of each class `(K,)`, by name of the split, in the order of
            `task.class_names`.
        sheet: A `Sheet` of training pictures as they are trained on.
        curves: The `Curves` of the training.
        worst: `keras_vit.evaluation.worst.Example`s, the worst first.
        path_of: Returns the path of the picture of an example, by its `place`; `None` where
            pictures have none.
        comparisons: `keras_vit.evaluation.Comparison`s, that of the exported model first.
        compared_on: What they were compared on, for example `"153 pictures of test"`.
        settings: Values by name.
        defaults: Their defaults by name.
        commands: Pairs: what a command does, and the command.
        device: What computed, for example `"CPU"`.
    """

    task: object
    model: str
    data: str
    split: str
    result: object
    notes: Sequence[str] = ()
    baselines: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, int] = dataclasses.field(default_factory=dict)
    per_class: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    sheet: Sheet | None = None
    curves: Curves | None = None
    worst: Sequence[object] = ()
    path_of: Callable[[int], str] | None = None
    comparisons: Sequence[object] = ()
    compared_on: str = ""
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    defaults: Mapping[str, object] = dataclasses.field(default_factory=dict)
    commands: Sequence[tuple[str, str]] = ()
    device: str = ""
