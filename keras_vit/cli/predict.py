"""`keras-vit predict`: prints or draws what a model answers pictures with."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts

from keras_vit.cli.answers import (
    check_file,
    check_finite,
    check_out,
    check_top,
    draw,
    print_answers,
)
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, one_line
from keras_vit.inference import open_artefact
from keras_vit.inference.described import rows_of


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
    check_top(top)
    check_out(out)
    with quiet_stderr():
        artefact = open_artefact(model)
    answers = []
    for path in images:
        try:
            check_file(path)
            pixels = artefact.read_image(path)
            answer = {name: array[0] for name, array in artefact.answer(pixels[None]).items()}
            check_finite(path, answer)
            if out is not None:
                draw(artefact, answer, out, path)
            answers.append((path, rows_of(artefact, answer, top)))
        except (UserError, OSError) as error:
            print(f"keras-vit: {one_line(error)}", file=sys.stderr)
    print_answers(answers, json_lines)
    if len(answers) == len(images):
        return 0
    return 1 if answers else 2
