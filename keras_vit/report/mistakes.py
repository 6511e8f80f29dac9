"""The worst mistakes: pictures, the truth and what was answered."""

from pathlib import PurePath

from keras_vit.report.embedded import picture

NAMED = 3  # answers of a picture whose truth is none of those that have a name


def mistake(task, example, path_of=None):
    """Describes an example whose answer is bad.

    Args:
        task: The `keras_vit.tasks.Task`.
        example: A `keras_vit.evaluation.worst.Example`.
        path_of: As `keras_vit.report.Report` has it.

    Returns:
        A dictionary: `pictures`, pairs of an embedded picture and what it shows; `file`, the name
        of its file without the folders, or an empty text; `truth`, a text;
        `answers`, pairs of a name and its number as text, the first one first; `of_truth`, the
        number that the truth got, or an empty text; `goodness`, a number as text.
    """
    truth = task.title(example.truth) if task.title else ""
    rows = task.words(example.answers) if task.words else []
    of_truth = [_number(task, row) for row in rows if row["name"] == truth]
    rows = rows[: 1 if of_truth else NAMED]
    return dict(
        pictures=[(picture(each), title) for title, each in task.drawn(*example[:3]).items()],
        file=PurePath(path_of(example.place)).name if path_of else "",
        truth=truth,
        answers=[(row["name"], _number(task, row)) for row in rows],
        of_truth=of_truth[0] if of_truth else "",
        goodness=f"{example.goodness:.3g}",
    )


def _number(task, row):
    numbers = task.numbers_in(row).values()
    return ", ".join(value if isinstance(value, str) else f"{value:.3f}" for value in numbers)
