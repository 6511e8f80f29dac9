"""All formats at once, under the next version number."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

import filelock

from keras_vit.errors import UserError
from keras_vit.export.check_exports import check_exports
from keras_vit.export.formats import FORMATS, check_formats
from keras_vit.export.saved_model import has_tokens
from keras_vit.export.servable import servable
from keras_vit.export.tf_serving import write_warm_up
from keras_vit.files import sync
from keras_vit.inference.versions import REJECTED, versions
from keras_vit.tasks import class_names_of, preprocessing_of, to_probabilities

NO_TOKENS = (
    "The model is no Vision Transformer of keras_vit: its SavedModel has no signatures `features` "
    "and `attention`. Images must be pixels from 0 to 255."
)


@dataclasses.dataclass
class Staged:
    """Exports under temporary names, before they become a version.

    Attributes:
        paths: The path of each export, by the name of its format.
        version: Their number, `None` until they are published.
        rejected: Names of the formats that are put aside.
        notes: What a person should know, a sentence each.
    """

    paths: dict[str, Path]
    version: int | None = None
    rejected: set[str] = dataclasses.field(default_factory=set)
    notes: list[str] = dataclasses.field(default_factory=list)

    def name(self, format_name):
        """Returns the name of an export in the folder of the versions."""
        name = f"{self.version}{FORMATS[format_name].suffix}"
        return name + REJECTED * (format_name in self.rejected)


@contextlib.contextmanager
def stage(
    model,
    folder,
    *,
    to=("savedmodel", "tflite"),
    class_names=None,
    preprocessing=None,
    calibration=None,
    dynamic_batch=False,
    failures=None,
):
    """Writes exports under temporary names; when the `with` block ends, they become a version.

    The version is one above the highest there is, 1 in an empty folder. The SavedModel is renamed
    last, so TensorFlow Serving, which watches `folder`, never loads a version that is not
    complete; an export that is interrupted leaves none.

    Args:
        model: A classifier from images to logits; exported in float32 whatever it was trained in.
        folder: Folder of the versions, for example `saved_models/digits`; made if it is missing.
        to: Names of `FORMATS`.
        class_names: Names in the order of the logits; by default those that `classifier` was given.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing`; by default the one that the
            model remembers.
        calibration: Images `(N, H, W, C)`, uint8, that calibrate the integer formats.
        dynamic_batch: Whether LiteRT files take any number of images, and not one.
        failures: Dictionary that takes, by format, the errors of those that cannot be written, so
            that the others can; where `None`, the first error is raised.

    Yields:
        A `Staged`.

    Raises:
        ValueError: If the model gives no logits `(B, K)`, the names are not `K` lines, a format is
            unknown, not installed, or lacks its calibration, none can be written, or the folder's
            name is one that TensorFlow cannot load from.
        OSError: If nothing can be written to the folder.
    """
    class_names = _check(model, to, class_names, calibration)
    folder = prepare_folder(folder)
    preprocessing = preprocessing or preprocessing_of(model)
    carried = dict(class_names=class_names, preprocessing=preprocessing)
    model = servable(model)
    options = dict(calibration=calibration, dynamic_batch=dynamic_batch)
    with _unfinished(folder) as partial:
        staged = Staged({})
        if "savedmodel" in to and not has_tokens(model):
            staged.notes.append(NO_TOKENS)
        for name in to:
            path = partial / (name + FORMATS[name].suffix)
            try:
                FORMATS[name].write(
                    model, path, **carried, **{key: options[key] for key in FORMATS[name].options}
                )
            except Exception as error:  # converters raise what they like
                if failures is None:
                    raise
                failures[name] = error
                continue
            if name == "savedmodel":
                write_warm_up(path, folder.resolve().name)
            staged.paths[name] = path
        if not staged.paths:
            raise UserError(f"No format could be written: {next(iter(failures.values()))}")
        yield staged
        for path in partial.rglob("*"):
            sync(path)
        with _locked(folder):  # two exports at once get two versions
            staged.version = max(versions(folder), default=0) + 1
            for name in sorted(staged.paths, key=lambda name: name == "savedmodel"):
                os.rename(staged.paths[name], folder / staged.name(name))
                staged.paths[name] = folder / staged.name(name)
            sync(folder)


def _locked(folder):
    """Keeps other exports to a folder from what must be done at once."""
    return filelock.FileLock(folder / ".lock", thread_local=False)


@contextlib.contextmanager
def _unfinished(folder):
    """Makes a folder for what is not finished; removes it, and those that killed exports left.

    Each is locked as long as its export lives: the system lets a lock go when its process dies.
    """
    with _locked(folder):
        for left in folder.glob(".export-*"):
            lock = _locked(left)
            with contextlib.suppress(filelock.Timeout):  # its export is at work
                lock.acquire(blocking=False)
                lock.release()  # some systems remove no file that is open
                shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
        lock = _locked(partial)
        lock.acquire(blocking=False)
    try:
        yield partial
    finally:
        lock.release()
        shutil.rmtree(partial, ignore_errors=True)


def export(model, folder, **options):
    """Writes `folder/<version>/`, a SavedModel, and `folder/<version>.tflite`, or other formats.

    Args:
        model: As `stage` takes it.
        folder: Folder of the versions, as `stage` takes it.
        **options: Arguments of `stage`.

    Returns:
        The paths, in the order of `to`.

    Raises:
        ValueError: As `stage` does, or if what was written does not answer as the model does; no
            version is then made.
        OSError: If nothing can be written to the folder.
    """
    with stage(model, folder, **options) as staged:
        check_exports(model, staged.paths)
    for note in staged.notes:
        print(note)
    return tuple(staged.paths.values())


def prepare_folder(folder):
    """Makes sure, before the work and not after it, that versions can be written to `folder`.

    Args:
        folder: Folder of the versions; made if it is missing.

    Returns:
        Its `pathlib.Path`.

    Raises:
        ValueError: If its path holds a character that TensorFlow takes for a pattern, or that is
            punctuation where TensorFlow Serving is configured.
        OSError: If nothing can be written to it.
    """
    folder = Path(folder)
    if set("[]*?") & set(str(folder)):
        raise UserError(f"TensorFlow loads no model from a path with [, ], * or ?: {folder}.")
    if set('",\\\n') & set(str(folder.resolve())):
        raise UserError(
            f"A path that is served holds no quotation mark, comma, backslash or newline: {folder}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    return folder


def _check(model, to, class_names, calibration):
    """Returns the class names, or raises a `ValueError`."""
    to_probabilities(model)
    check_formats(to)
    needy = [name for name in to if FORMATS[name].is_calibrated]
    if needy and (calibration is None or not len(calibration)):
        raise UserError(f"{', '.join(needy)} must be calibrated on images: received none.")
    if class_names is None:
        class_names = class_names_of(model)
    return None if class_names is None else _one_line_each(class_names, model.output_shape[-1])


def _one_line_each(class_names, count):
    names = [str(name) for name in class_names]
    if len(names) != count:
        raise UserError(
            "`class_names` must hold one name per class: "
            f"received {len(names)} names for {count} classes."
        )
    for name in names:
        if name and name.splitlines() != [name]:
            raise UserError(f"A class name must be one line: received {name!r}.")
    return names
