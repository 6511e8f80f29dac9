"""Exports a model in several formats at once, under the next version number."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

import filelock

from keras_vit.errors import UserError
from keras_vit.export.check_exports import check_exports
from keras_vit.export.explanation import check_explanation
from keras_vit.export.formats import FORMATS, check_formats
from keras_vit.export.prepare import prepare_folder
from keras_vit.export.saved_model import has_tokens
from keras_vit.export.servable import servable
from keras_vit.export.tf_serving import write_warm_up
from keras_vit.files import sync
from keras_vit.inference.signature import PROBABILITIES
from keras_vit.inference.versions import REJECTED, versions
from keras_vit.progress import doing
from keras_vit.tasks import class_names_of, deploy, preprocessing_of

NO_TOKENS = (
    "The model is no Vision Transformer of keras_vit, or attends within windows: its SavedModel "
    "has no {missing}. Images must be pixels from 0 to 255."
)


@dataclasses.dataclass
class Staged:
    """Exports under temporary names, before they become a version.

    Attributes:
        paths: The path of each export, by the name of its format.
        version: Their version number, `None` until the `with` block ends.
        rejected: Names of the formats whose exports are renamed to `.rejected`.
        notes: Remarks for the user, a sentence each.
    """

    paths: dict[str, Path]
    version: int | None = None
    rejected: set[str] = dataclasses.field(default_factory=set)
    notes: list[str] = dataclasses.field(default_factory=list)

    def name(self, format_name):
        """Returns the name of an export in the folder of the versions, for example `3-int8.tflite`.

        Args:
            format_name: Name of its format, a key of `FORMATS`.

        Returns:
            The name of the file or folder.
        """
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
    attention=None,
    failures=None,
    written=lambda path: None,
):
    """Writes exports under temporary names; when the `with` block ends, they become a version.

    The version is one above the highest in the folder, 1 in an empty folder. The SavedModel is
    renamed last, so TensorFlow Serving, which watches `folder`, never loads an incomplete version.
    An interrupted export leaves none.

    Args:
        model: A model for `keras_vit.tasks.deploy`: a classifier from images to logits, or one
            from images to a dictionary of answers. It is exported in float32 whatever it was
            trained in.
        folder: Folder of the versions, for example `saved_models/digits`; made if it is missing.
        to: Names of formats, keys of `FORMATS`, or one name.
        class_names: Names of the classes in their order; by default those that the model stores.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing`; by default the one that the
            model stores.
        calibration: Images `(N, H, W, C)`, uint8, that calibrate the integer formats.
        dynamic_batch: Whether LiteRT files take any number of images instead of one.
        attention: What the signature `attention` of the SavedModel answers with, a name of
            `keras_vit.export.explanation.NAMES`; by default attention rollout, where the model has
            it.
        failures: Dictionary to which the error of each format that cannot be written is added, by
            the format's name, while the others are written; if `None`, the first error is raised.
        written: Called with the path of each export as soon as it is whole.

    Yields:
        A `Staged`.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` refuses the model, the names are not `K`
            single lines, a format is unknown, not installed, or lacks its calibration images,
            `attention` is no method that explains the model, no format can be written, or
            TensorFlow cannot load from a folder of this name.
        OSError: If nothing can be written to the folder.
    """
    to = (to,) if isinstance(to, str) else tuple(to)
    class_names = _check(model, to, class_names, calibration)
    check_explanation(model, attention, to)
    folder = prepare_folder(folder)
    preprocessing = preprocessing or preprocessing_of(model)
    carried = dict(class_names=class_names, preprocessing=preprocessing)
    model = servable(model)
    options = dict(calibration=calibration, dynamic_batch=dynamic_batch, converted={})
    options |= dict(attention=attention)
    with _unfinished(folder) as partial:
        staged = Staged({})
        may_have_tokens = PROBABILITIES in deploy(model).shapes
        if "savedmodel" in to and may_have_tokens and not has_tokens(model):
            missing = (
                "signature `features`" if attention else "signatures `features` and `attention`"
            )
            staged.notes.append(NO_TOKENS.format(missing=missing))
        for name in to:
            path = partial / (name + FORMATS[name].suffix)
            try:
                with doing(f"writing {name}"):
                    FORMATS[name].write(
                        model, path, **carried, **{x: options[x] for x in FORMATS[name].options}
                    )
            except Exception as error:  # converters raise errors of any class
                if failures is None:
                    raise
                failures[name] = error
                continue
            if name == "savedmodel":
                try:
                    write_warm_up(path, folder.resolve().name)
                except UserError as error:
                    staged.notes.append(f"The SavedModel has no warm-up requests: {error}")
            staged.paths[name] = path
            written(path)
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
    """Returns a lock that other exports to the folder respect."""
    return filelock.FileLock(folder / ".lock", thread_local=False)


@contextlib.contextmanager
def _unfinished(folder):
    """Makes a folder for unfinished exports; removes it, and those that killed exports left.

    Each is locked as long as its export runs: the system releases a lock when its process dies.
    """
    with _locked(folder):
        for left in folder.glob(".export-*"):
            lock = _locked(left)
            with contextlib.suppress(filelock.Timeout):  # its export is still running
                lock.acquire(blocking=False)
                lock.release()  # some systems cannot remove an open file
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
    """Exports a model as the next version in a folder and checks what was written.

    By default that is `folder/<version>/`, a SavedModel, and `folder/<version>.tflite`.

    Args:
        model: A classifier from images `(B, H, W, C)`, 0 to 255, to logits `(B, K)`, or a model
            from such images to a dictionary of answers `(B, ...)`, named after its task.
        folder: Folder of the versions, for example `saved_models/digits`; made if it is missing.
        **options: Further arguments of `stage`, for example `to`.

    Returns:
        A tuple of the paths, in the order of `to`.

    Raises:
        ValueError: If `stage` refuses the arguments, or an export does not answer as the model
            does; no version is then made.
        OSError: If nothing can be written to the folder.
    """
    with stage(model, folder, **options) as staged:
        with doing("checking the exports"):
            check_exports(model, staged.paths)
    for note in staged.notes:
        print(note)
    return tuple(staged.paths.values())


def _check(model, to, class_names, calibration):
    """Checks the arguments of `stage`; returns the class names, or `None` where there are none."""
    shapes = deploy(model).shapes
    check_formats(to)
    calibrated = [name for name in to if FORMATS[name].is_calibrated]
    if calibrated and (calibration is None or not len(calibration)):
        raise UserError(f"{', '.join(calibrated)} must be calibrated on images: received none.")
    if class_names is None:
        class_names = class_names_of(model)
    if class_names is None:
        return None
    names = _one_line_each(class_names)
    count = shapes[PROBABILITIES][-1] if PROBABILITIES in shapes else len(names)
    if len(names) != count:
        raise UserError(
            "`class_names` must hold one name per class: "
            f"received {len(names)} names for {count} classes."
        )
    return names


def _one_line_each(class_names):
    names = [str(name) for name in class_names]
    for name in names:
        if name and name.splitlines() != [name]:
            raise UserError(f"A class name must be one line: received {name!r}.")
    return names
