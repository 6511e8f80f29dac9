"""`keras-vit predict`: prints, writes or draws what a model answers pictures with."""

import collections
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np

from keras_vit.cli.answers import (
    answers_to,
    check_finite,
    check_out,
    check_top,
    draw,
    listed,
    on_picture,
    pictures_to_answer,
    status,
)
from keras_vit.cli.rows import is_table
from keras_vit.cli.whole_pictures import answered_whole
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, one_line
from keras_vit.images.holes import read_mask
from keras_vit.images.preprocessing import images_per_call
from keras_vit.inference import open_artefact
from keras_vit.inference.described import known_task, rows_of, with_threshold
from keras_vit.progress import progress


def predict(
    model: Path,
    /,
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    top: int | None = None,
    threshold: float | None = None,
    mask: Path | None = None,
    out: Path | None = None,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
):
    """Print or write what a model answers each picture with.

    A classifier answers with the most probable classes, a segmentation with the classes of the
    largest areas, a detection with boxes; with a folder as --out they draw masks and boxes.
    Super-resolution enlarges pictures of any size, and inpainting fills their holes; both write
    them into that folder. A picture that cannot be answered is named, and the others are answered.
    Exit status 0: all pictures were answered. 1: some were. 2: none was, or the model cannot be
    used. 130: Ctrl-C; no file is then written.

    Args:
        model: A .keras, .tflite or .onnx file, a SavedModel folder, a folder of its versions, or a
            folder of OpenVINO.
        images: Picture files, folders of them, and patterns in quotes such as 'shots/**/*.jpg'.
        top: How many classes to list for each picture; by default 3, in a .csv file 1, in a .jsonl
            file all. Boxes are all listed, except in a .csv file.
        threshold: Score from which on a box is listed and drawn; by default that of the model.
        mask: A black and white picture of the size of the others, white (128 and more of 255) where
            inpainting fills them; by default they are filled where they are transparent.
        out: A .csv file, for a row for each picture: path, answer, probability, then the next
            classes; or a .jsonl file, for an object on each line; or a folder for pictures of the
            answers, for example NAME-overlay.png and NAME-mask.png, which have the size of the
            picture.
        json_lines: Print one JSON object per picture instead of a table.
    """
    check_top(top)
    is_drawn = out is not None and not is_table(out)
    if is_drawn:
        check_out(out)
    with quiet_stderr():
        artefact = with_threshold(open_artefact(model), threshold)
    missing = _missing(artefact, mask)
    pictures, asked = pictures_to_answer(images, is_drawn)
    (top, columns), answered = listed(artefact, out, top), 0
    with answers_to(out, columns, json_lines) as add:
        for picture, answer in _answered(artefact, pictures, missing):
            try:
                if isinstance(answer, Exception):
                    raise answer
                check_finite(picture.path, answer)
                answer = on_picture(artefact, answer, picture)
                if is_drawn:
                    draw(artefact, answer, out, picture)
            except (UserError, OSError) as error:
                print(f"keras-vit: {one_line(error)}", file=sys.stderr)
            else:
                add(picture.path, rows_of(artefact, answer, top))
                answered += 1
        if is_table(out) and not answered:
            raise UserError(f"No picture is answered: {out} is not written.")
    return status(out, answered, asked)


def _missing(artefact, mask):
    """Reads the flag `--mask`, for a model of a task whose pictures have holes."""
    if mask is None:
        return None
    task = known_task(artefact, {})
    if task is None or not task.alpha:
        raise UserError(
            f"--mask is for models that fill holes: received one of the task {artefact.task}."
        )
    return read_mask(mask)


def _answered(artefact, pictures, missing):
    """Yields each picture and its answers by name, or the error that says why there is none."""
    task = known_task(artefact, {})
    if task is not None and task.whole is not None:
        ask = artefact.answer, artefact.image_shape
        whole = answered_whole(task, *ask, pictures, missing)
        return progress(whole, "answering", len(pictures))
    size = images_per_call(artefact.image_shape[:2])
    groups = [pictures[start : start + size] for start in range(0, len(pictures), size)]

    def read(picture):
        try:
            return artefact.read_image(picture.path)
        except (UserError, OSError) as error:
            return error

    def each():
        for group, read_ones in _ahead(read, groups):
            good = [pixels for pixels in read_ones if isinstance(pixels, np.ndarray)]
            answers = artefact.answer(np.stack(good)) if good else {}
            place = 0
            for picture, pixels in zip(group, read_ones, strict=True):
                if isinstance(pixels, np.ndarray):
                    yield picture, {name: array[place] for name, array in answers.items()}
                    place += 1
                else:
                    yield picture, pixels

    return progress(each(), "answering", len(pictures))


def _ahead(read, groups):
    """Yields groups and what threads read of them, which read the next one meanwhile."""
    pool, waiting = ThreadPoolExecutor(), collections.deque()
    try:
        for group in (*groups, []):
            waiting.append((group, [pool.submit(read, picture) for picture in group]))
            if len(waiting) > 1:
                earlier, futures = waiting.popleft()
                yield earlier, [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
