"""`keras-vit predict`: prints the most probable classes of pictures."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np

from keras_vit.cli.answers import check_file, print_answers
from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, one_line
from keras_vit.inference import open_artefact


def predict(
    model: Path,
    /,
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    top: int = 3,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
):
    """Print the most probable classes of each image.

    Exit status 0: all images were answered. 1: some were. 2: none was, or the model cannot be used.

    Args:
        model: A .keras, .tflite or .onnx file, a SavedModel folder, a folder of its versions, or a
            folder of OpenVINO.
        images: Picture files.
        top: How many classes to print for each image.
        json_lines: Print one JSON object per image instead of a table.
    """
    if top < 1:
        raise UserError(f"--top must be at least 1: received {top}.")
    with quiet_stderr():
        artefact = open_artefact(model)
    answers = []
    for path in images:
        try:
            check_file(path)
            answers.append((path, _top_classes(artefact, path, top)))
        except (UserError, OSError) as error:
            print(f"keras-vit: {one_line(error)}", file=sys.stderr)
    print_answers(answers, json_lines)
    if len(answers) == len(images):
        return 0
    return 1 if answers else 2


def _top_classes(artefact, path, top):
    (probabilities,) = artefact.predict(artefact.read_image(path)[None])
    if not np.isfinite(probabilities).all():
        raise UserError(f"{path} is answered with something that is not a finite number.")
    names = artefact.names_of(len(probabilities))
    return [
        {"name": names[index], "index": int(index), "probability": float(probabilities[index])}
        for index in np.argsort(-probabilities, kind="stable")[:top]
    ]
