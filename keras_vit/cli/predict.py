"""`keras-vit predict`: prints or draws what a model answers pictures with."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np

from keras_vit.cli.answers import check_file, print_answers
from keras_vit.cli.task_of import numbers_of, task_of
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, one_line
from keras_vit.images.decode import decode_picture
from keras_vit.images.uncrop import uncropped
from keras_vit.inference import open_artefact

OUTSIDE = 255  # the id of pixels that a model does not see, because its crop leaves them out


def predict(
    model: Path,
    /,
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    top: int = 3,
    out: Path | None = None,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
):
    """Print what a model answers each image with.

    A classifier answers with the most probable classes, a segmentation with the classes of the
    largest areas; with --out it draws its masks. Exit status 0: all images were answered. 1: some
    were. 2: none was, or the model cannot be used.

    Args:
        model: A .keras, .tflite or .onnx file, a SavedModel folder, a folder of its versions, or a
            folder of OpenVINO.
        images: Picture files.
        top: How many classes to print for each image.
        out: Folder for pictures of the answers, for example NAME-overlay.png and NAME-mask.png;
            they have the size of the picture.
        json_lines: Print one JSON object per image instead of a table.
    """
    if top < 1:
        raise UserError(f"--top must be at least 1: received {top}.")
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out must be a folder: {out} is a file.")
    with quiet_stderr():
        artefact = open_artefact(model)
    shown = None
    answers = []
    for path in images:
        try:
            check_file(path)
            pixels = artefact.read_image(path)
            answer = {name: array[0] for name, array in artefact.answer(pixels[None]).items()}
            if not all(np.isfinite(array).all() for array in answer.values()):
                raise UserError(f"{path} is answered with something that is not a finite number.")
            shown = shown or _words_and_show(artefact, answer)
            words, show = shown
            if out is not None:
                _draw(show, artefact, out, path, answer)
            rows = words(answer)
            answers.append((path, rows if words is numbers_of else rows[:top]))
        except (UserError, OSError) as error:
            print(f"keras-vit: {one_line(error)}", file=sys.stderr)
    print_answers(answers, json_lines)
    if len(answers) == len(images):
        return 0
    return 1 if answers else 2


def _words_and_show(artefact, answer):
    """Returns how the task of a model describes and draws its answers."""
    try:
        task = task_of(artefact, len(answer.get("probabilities", ())))
    except UserError:  # a task of somebody's own
        return numbers_of, None
    return task.words or numbers_of, task.show


def _draw(show, artefact, folder, path, answer):
    """Writes pictures of an answer as `folder/<name of the picture>-<what>.png`.

    An answer for each pixel is enlarged to the whole picture.
    """
    if show is None:
        raise UserError(f"--out is for tasks that draw their answers: {artefact.task} draws none.")
    whole = decode_picture(path)
    maps = {
        name: uncropped(array, whole.shape[:2], artefact.preprocessing, OUTSIDE)
        for name, array in answer.items()
        if array.shape == artefact.image_shape[:2]
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in show(whole, answer | maps).items():
        picture.save(folder / f"{path.stem}-{name}.png")
