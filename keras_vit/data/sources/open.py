"""Opens any source by the text that names it on a command line."""

import os
from pathlib import Path

from keras_vit.data.sources.coco import from_coco
from keras_vit.data.sources.digits import digits
from keras_vit.data.sources.folder import from_folder
from keras_vit.data.sources.table import from_table
from keras_vit.data.sources.tfds import UnknownSetError, from_tfds
from keras_vit.data.sources.voc import from_voc
from keras_vit.errors import UserError

BOXES = {"voc": (from_voc, "Pascal VOC"), "coco": (from_coco, "COCO")}  # by what precedes a folder


def open_source(text, *, data_dir=None, test_fraction=None, strict=True, to_judge=False):
    """Opens `digits`, a folder, a `.csv` or `.jsonl` table, or a set of TFDS by its name.

    Args:
        text: What to open. `folder:DIR` is always a folder, whatever `DIR` looks like; `voc:DIR`
            and `coco:DIR` are folders with boxes in the format of Pascal VOC or COCO. Where there
            is no such folder, they are sets of TFDS, as `voc:5.0.0` is.
        data_dir: Folder of prepared sets of TFDS; only for a set of TFDS.
        test_fraction: Share of the test split, between 0 and 1; only for a folder or table that has
            none.
        strict: Whether a class without a training picture in a folder, or a row of a table that
            cannot be used, is an error. If not, `Source.faults` names them.
        to_judge: Whether a model is to be judged on the source, not trained. Then it needs neither
            a split called `train` nor a second class, and without splits it becomes one split,
            `all`, unless `test_fraction` is passed.

    Returns:
        A `Source`.

    Raises:
        ValueError: If there is no such source, it cannot be opened, or an argument is passed that
            it does not take.
    """
    text = os.fspath(text)
    how = dict(test_fraction=test_fraction, strict=strict, to_judge=to_judge)
    kind, _, rest = text.partition(":")
    if kind in BOXES and os.path.isdir(folder := os.path.expanduser(rest)):
        _refuse("data_dir", data_dir, text)
        return _with_boxes(kind, folder, how)
    path = os.path.expanduser(text.removeprefix("folder:"))
    if not path:
        raise UserError(f"A source must have a name: received {text!r}.")
    is_folder = text.startswith("folder:") or os.path.isdir(path)
    if is_folder or Path(path).suffix.lower() in (".csv", ".jsonl"):
        _refuse("data_dir", data_dir, text)
        open_files = from_folder if is_folder else from_table
        return open_files(path, **how)
    if text != "digits":
        _check_name(text, path)
    _refuse("test_fraction", test_fraction, text)
    if text == "digits":
        _refuse("data_dir", data_dir, text)
        return digits()
    try:
        return from_tfds(text, data_dir=data_dir, to_judge=to_judge)
    except UnknownSetError as error:
        if "/" in text:
            raise UserError(f"There is no folder or file {text}, and {error}") from error
        raise UserError(
            f"{text} is neither digits, a folder, a .csv nor a .jsonl file: {error}"
        ) from error


def _with_boxes(kind, folder, how):
    read, name = BOXES[kind]
    source = read(Path(folder), **how)
    if source is None:
        raise UserError(f"`{kind}:` needs a folder with annotations of {name}: {folder} has none.")
    return source


def _check_name(text, path):
    """Refuses a path, which cannot be a name of TFDS such as `eurosat/rgb:2.0.0`."""
    if os.path.isfile(path):
        raise UserError(f"A file must end in .csv or .jsonl to be a source: received {text}.")
    if os.path.lexists(path):
        raise UserError(f"A source must be a folder or a file, or a link to one: received {text}.")
    holder, _, rest = text.partition("/")
    starts_as_path = text[0] in "./~" or rest and os.path.isdir(holder)
    if starts_as_path or "\\" in text or text.endswith("/") or "." in text.partition(":")[0]:
        raise UserError(f"There is no folder or file {path}.")


def _refuse(name, value, text):
    if value is not None:
        raise UserError(f"`{name}` does not apply to {text}: received {name}={value}.")
