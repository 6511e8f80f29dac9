"""What is learned and what becomes of it: one value of functions for each task."""

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.holes import colours
from keras_vit.tasks.class_names import told_apart
from keras_vit.tasks.result import Result


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A task: what is learned, and what becomes of it.

    Outside of tf.data, truths are NumPy arrays `(B, ...)` or structures of them; answers are
    dictionaries of arrays `(B, ...)` by name, as exports give them.

    Attributes:
        name: Name of the task; exports hold it.
        example: Turns a batch of samples (see `keras_vit.data.sample`), after augmentation, into
            `(x, y)`: images `(B, H, W, C)`, and the truth that answers are scored by. Runs in
            tf.data. Where it draws something, its attribute `draws` is true, and it draws from the
            `key` of each sample.
        loss: Returns the loss of the outputs, as `keras.Model.compile` takes it. Where not all
            entries of an output count, a `keras_vit.losses.WeightedLoss`.
        deploy: Turns a trained model into the one that is saved and exported, which
            `keras_vit.tasks.deploy` takes: from images to a dictionary of answers.
        score: Takes an iterable of pairs, answers and truth of a batch, and returns a `Result`.
        needs: Keys of a sample that `example` reads besides `image`.
        class_names: Names of the classes in their order; empty where there are none.
        options: What else `task_named` needs to make this task again, plain values by name; exports
            hold them.
        sample_size: Turns height and width of the model's images into those of the samples that
            `example` takes; by default they are the same.
        alpha: Whether the model's images have one channel more than the pictures of a source,
            alpha: 255 where pixels are known and 0 where they are missing.
        whole: Answers a picture of any size, in place of one that is resized and cropped. It takes
            a function from images `(B, H, W, C)` to answers by name, the shape `(H, W, C)` of these
            images, and the picture `(h, w, c)`, uint8, `c` 1 or 3, or one more with `alpha`; it
            returns answers by name, without the axis of the batch.
        whole_example: Turns a picture `(h, w, c)`, uint8, into the picture that `whole` answers and
            its truth, for scores of whole pictures; without it, images are scored.
        baselines: Simple ways to answer, to be scored beside a model: functions from images
            `(B, H, W, C)`, uint8, to answers by name, by their own names.
        metrics: Returns the metrics of training, as `keras.Model.compile` takes them.
        target: Turns the truth `y` into the target of the loss, in tf.data; by default they are
            the same.
        trained_on: Turns images and truth into inputs and targets of the graph that trains, in
            tf.data, where this takes other inputs than the deployed one, such as views of an image.
            Without it, the inputs are the images, and `target` makes the targets.
        mix: Turns images, truth and keys `(B,)` into images and targets, in training, and may mix
            examples; see `keras_vit.data.train_batches`. By default, `trained_on` makes both, or
            `target` the targets.
        after_update: Called with the model at the end of each step, in the graph of the step, for
            example to move the average of a teacher. A step whose gradient was not finite has
            changed no weight, and is followed too.
        decide: Turns answers into what is decided, integers `(B, ...)`, by whose equality two
            models agree; `None` where nothing is decided.
        comparable: Turns answers into arrays `(B, ...)` by name that change little where the
            answers do, by which exports are compared with their model; by default the answers
            themselves. For answers in an order that rounding may change.
        title: Turns one truth or one target, `y[i]`, into a short text for a picture's title.
        picture: Draws a truth or a target on its image, `(H, W, C)`, uint8, and returns such an
            image, for galleries.
        show: Draws an answer: takes an image `(H, W, C)`, uint8, and its answers, arrays without
            the axis of the batch, and returns pictures by name, as `PIL.Image`s. `keras-vit
            predict` passes the whole picture, and answers `(H, W)`, which must be ids, enlarged to
            it; ids of what the model did not see are 255.
        panels: Draws an example for sheets and reports: takes an image, its truth and its answers,
            and returns pictures `(H, W, C)`, uint8, by what they show, of one size; by default
            the image, `picture`, and what `show` returns first.
        words: Describes an answer: takes its answers, arrays without the axis of the batch, and
            returns rows, dictionaries of the same keys: a `name`, numbers, and where they are known
            the `index` of a class and its `colour`, as #rrggbb.
        row: Describes an example and its answer in a table: takes its truth and its answers, arrays
            without the axis of the batch, and returns texts and numbers by the name of the column.
        shares: Names of the figures, of all or of a class, that are shares of one; they are printed
            in percent.
        higher_is_better: Whether a higher headline is better.
        truth_is_answered: Whether there is no truth besides what another model answers: exports are
            scored by the answers of the model that they came from, as their truth.
        watched: Name of what chooses the best epoch by its figure of the validation split: one of
            `metrics`, or a figure of `score`, for which the split is answered once more. It is
            better in the same direction as the headline, except for `"loss"`, which is better where
            it is lower.
    """

    name: str
    example: Callable[[dict], tuple]
    loss: Callable[[], object]
    deploy: Callable[[object], object]
    score: Callable[[Iterable[tuple[dict, object]]], Result]
    needs: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    sample_size: Callable[[tuple[int, int]], tuple[int, int]] | None = None
    alpha: bool = False
    whole: Callable[[Callable, tuple[int, int, int], np.ndarray], dict] | None = None
    whole_example: Callable[[np.ndarray], tuple] | None = None
    baselines: Mapping[str, Callable[[np.ndarray], dict]] = dataclasses.field(default_factory=dict)
    metrics: Callable[[], list] = list
    target: Callable[[object], object] | None = None
    trained_on: Callable[[object, object], tuple] | None = None
    mix: Callable | None = None
    after_update: Callable[[object], None] | None = None
    decide: Callable[[dict], np.ndarray] | None = None
    comparable: Callable[[dict], dict] | None = None
    title: Callable[[np.ndarray], str] | None = None
    picture: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    show: Callable[[np.ndarray, dict], dict[str, object]] | None = None
    panels: Callable[[np.ndarray, np.ndarray, dict], dict[str, np.ndarray]] | None = None
    words: Callable[[dict], list[dict]] | None = None
    row: Callable[[np.ndarray, dict], dict] | None = None
    shares: tuple[str, ...] = ()
    higher_is_better: bool = True
    truth_is_answered: bool = False
    watched: str = "loss"

    @property
    def learned(self):
        """Turns images and truth into inputs and targets of the loss; `None` if they are these."""
        if self.trained_on is None and self.target is not None:
            return lambda images, truth: (images, self.target(truth))
        return self.trained_on

    @property
    def is_watched_by_score(self):
        """Whether the figure that chooses the best epoch is one of `score`, and no metric."""
        metrics = [getattr(metric, "name", metric) for metric in self.metrics()]
        return self.watched not in ("loss", *metrics)

    def samples_by(self, preprocessing):
        """Returns how the samples that `example` takes are read.

        Args:
            preprocessing: How the model's images are read, a `Preprocessing` with an `image_size`.

        Returns:
            A `Preprocessing`.
        """
        if self.sample_size is None:
            return preprocessing
        return preprocessing.but(image_size=self.sample_size(preprocessing.image_size))

    @property
    def draws_answers(self):
        """Whether answers are drawn, and not only named."""
        return self.panels is not None or (self.picture is not None and self.show is not None)

    def drawn(self, image, truth, answers):
        """Draws an example.

        Args:
            image: The image `(H, W, C)`, 0 to 255, perhaps with alpha.
            truth: Its truth, or a structure of arrays.
            answers: Its answers by name, arrays without the axis of the batch.

        Returns:
            Pictures `(H, W, C)`, uint8, `C` 1 or 3, by what they show: `panels`, or the picture,
            the truth and the answer; of a task that draws no answers only the picture.
        """
        image = np.clip(image, 0, 255).astype("uint8")
        if self.panels is not None:
            return self.panels(image, truth, answers)
        drawn = {"picture": colours(image)}
        if self.draws_answers:
            answer = next(iter(self.show(image, answers).values())).convert("RGB")
            drawn |= {"truth": self.picture(image, truth), "answer": np.asarray(answer)}
        return drawn

    @property
    def shown_names(self):
        """The names of the classes for people: `crane (134)` where several are called crane."""
        return told_apart(self.class_names)

    @staticmethod
    def numbers_in(row):
        """Returns what a row of `words` says besides the class: a dictionary of numbers by name."""
        return {key: row[key] for key in row if key not in ("name", "index", "colour")}

    def text(self, name, value):
        """Writes a figure: a share as 97.22%, another number with four digits."""
        return f"{value:.2%}" if name in self.shares else f"{value:.4g}"

    def change(self, result, reference):
        """Returns how much better a result is than another, by the headline.

        Args:
            result: A `Result`.
            reference: The `Result` that it is compared with.

        Returns:
            The difference of the headlines, negative where `result` is worse. Where the headline is
            no share, it is divided by that of `reference`.
        """
        (name, value), (_, expected) = result.headline, reference.headline
        change = value - expected if self.higher_is_better else expected - value
        return change if name in self.shares or not expected else change / abs(expected)


def task_named(name, class_names=(), options=None):
    """Makes the task that an export names in its metadata.

    The task `NAME` is made by the function that the module `keras_vit.tasks.NAME` calls `TASK`.

    Args:
        name: Name of the task.
        class_names: Names of the classes in their order.
        options: The task's options.

    Returns:
        A `Task`.

    Raises:
        ValueError: If there is no such task, or it does not take these options.
    """
    module = f"keras_vit.tasks.{name}"
    known = name.isidentifier() and importlib.util.find_spec(module) is not None
    make = getattr(importlib.import_module(module), "TASK", None) if known else None
    if make is None:
        raise UserError(f"keras_vit has no task called {name!r}.")
    try:
        return make(tuple(class_names), **(options or {}))
    except TypeError as error:
        raise UserError(f"The task {name} does not take the options {options}.") from error
