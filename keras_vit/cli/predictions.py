"""`predictions.csv` of `keras-vit evaluate`: a row for each picture."""

import contextlib

import numpy as np

from keras_vit.cli.rows import csv_file

NAME = "predictions.csv"


class Predictions:
    """Writes what each picture of a split is and what it is answered with, or how well.

    The first column is the path of a picture, or its number where it has none. The others are what
    the task makes of a picture, `Task.row`, written as the answers come; of a task without that,
    the column `score` holds `Result.each`.

    Args:
        folder: Folder of the file, a `pathlib.Path`, or `None` to write nothing.
        task: The `keras_vit.tasks.Task`.
        split: The split that is answered.
    """

    def __init__(self, folder, task, split):
        self._path = folder and folder / NAME
        self._task, self._split = task, split
        self._numbers, self._file = [], None

    @contextlib.contextmanager
    def opened(self):
        """Opens the file, which is in its place when the `with` block ends without an error."""
        if self._path is None or self._task.row is None:
            yield
            return
        with csv_file(self._path) as self._file:
            yield

    def numbered(self, batches):
        """Yields images and truth of batches that hold the numbers of their examples, too."""
        for (images, truth), numbers in batches:
            self._numbers.append(numbers)
            yield images, truth

    def add(self, images, truth, answers):
        """Writes the rows of the batch that `numbered` yielded last."""
        if self._file is None:
            return
        from keras import tree

        for place, number in enumerate(self._numbers[-1]):
            truth_and_answers = tree.map_structure(lambda x, at=place: x[at], (truth, answers))
            row = self._task.row(*truth_and_answers)
            if place == 0 and len(self._numbers) == 1:
                self._file.writerow(["path", *row])
            self._file.writerow([self._name(number), *row.values()])

    def written(self, result):
        """Writes the figures of each picture where there are no other rows.

        Args:
            result: The `keras_vit.tasks.Result` of all pictures.

        Returns:
            A list of the name of the file, empty where nothing is known of single pictures.
        """
        if self._file is None and result.each is None:
            return []
        if self._file is None:
            numbers = (number for numbers in self._numbers for number in numbers)
            with csv_file(self._path) as file:
                file.writerow(["path", "score"])
                for number, figure in zip(numbers, result.each.tolist(), strict=True):
                    file.writerow([self._name(number), figure])
        return [NAME]

    def path_of(self, place):
        """Returns the path of a picture, or its number as text, by its place among the answers."""
        sizes = np.cumsum([len(numbers) for numbers in self._numbers])
        batch = int(np.searchsorted(sizes, place, side="right"))
        return str(self._name(self._numbers[batch][place - sizes[batch]]))

    def _name(self, number):
        return self._split.path(int(number)) if self._split.named else int(number)
