"""`keras-vit client`: sends pictures to a server with TensorFlow Serving's predict API."""

import functools
import sys
from pathlib import Path
from typing import Annotated

import cyclopts

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
from keras_vit.errors import UserError, one_line
from keras_vit.inference.described import numbers_of, rows_of, with_threshold
from keras_vit.inference.signature import CLASSES, SCORES, VALID, answers_in

DAY = 86_400  # seconds


def client(
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    url: str,
    top: int | None = None,
    threshold: float | None = None,
    out: Path | None = None,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
    timeout: float = 30.0,
):
    """Ask a server what its model answers each image with.

    `keras-vit serve` says what the model is for, and its answers are printed and drawn as
    `keras-vit predict` does it. Other servers' answers are printed by their names. Exit status 0:
    all images were answered. 1: some were. 2: none was, or the server does not answer.

    Args:
        images: Picture files, JPEG or PNG, folders of them, and patterns in quotes such as
            'shots/**/*.jpg'.
        url: http://HOST:8501/v1/models/NAME for REST, grpc://HOST:8500/NAME for gRPC; a version may
            follow, for example /versions/3.
        top: How many classes to list for each picture; by default 3, in a .csv file 1, in a .jsonl
            file all that the server names. Boxes are all listed, except in a .csv file.
        threshold: Score from which on a box is listed and drawn; by default that of the model.
        out: A .csv or .jsonl file, or a folder for pictures of the answers, as `keras-vit predict`
            writes them.
        json_lines: Print one JSON object per image instead of a table.
        timeout: Seconds to wait for an answer.
    """
    from keras_vit.cli.ask_server import Unanswered, answers_of  # and with it, all of HTTP
    from keras_vit.serve.connect import UNREADABLE, connect

    check_top(top)
    is_drawn = out is not None and not is_table(out)
    if is_drawn:
        check_out(out)
    if not 0 < timeout <= DAY:
        raise UserError(f"--timeout must lie in (0, {DAY}]: received {timeout:g}.")
    ask, ask_for_description = connect(url)
    pictures, asked = pictures_to_answer(images, is_drawn)
    model = ask_for_description(timeout)
    if model is None and threshold is not None:
        raise UserError("--threshold needs `keras-vit serve`, which says its task.")
    model = with_threshold(model, threshold)
    (top, columns), answered = listed(model, out, top), 0
    with answers_to(out, columns, json_lines) as add:
        try:
            ask = functools.partial(ask, timeout=timeout)
            for picture, outputs in answers_of(model, ask, pictures):
                if (wrong := _wrong(picture.path, outputs)) is not None:
                    print(f"keras-vit: {wrong}", file=sys.stderr)
                    continue
                folder = out if is_drawn else None
                add(picture.path, _shown(model, outputs, picture, top, folder))
                answered += 1
        except (UserError, Unanswered) as error:
            print(f"keras-vit: {error}", file=sys.stderr)
        except UNREADABLE as error:
            reason = one_line(error).rstrip(".")
            print(f"keras-vit: {url} does not answer pictures: {reason}.", file=sys.stderr)
        if is_table(out) and not answered:
            raise UserError(f"No picture is answered: {out} is not written.")
    return status(out, answered, asked)


def _wrong(path, outputs):
    """Returns a sentence on why outputs are no answer to a picture, or `None`."""
    if not outputs.get(VALID, True):
        return f"{path} cannot be decoded by the server."
    try:
        check_finite(path, answers_in(outputs))
    except UserError as error:
        return str(error)
    return None


def _shown(model, outputs, picture, top, folder):
    """Draws an answer where there is a folder for it, and returns the rows that describe it."""
    answer = answers_in(outputs)
    if folder is not None and model is None:
        raise UserError("--out needs `keras-vit serve`, which says its task.")
    if model is not None:
        answer = on_picture(model, answer, picture)
    if folder is not None:
        draw(model, answer, folder, picture)
    if model is not None:
        return rows_of(model, answer, top)
    if CLASSES in outputs and SCORES in outputs:
        pairs = zip(outputs[CLASSES], outputs[SCORES], strict=True)
        return [{"name": str(name), "probability": float(x)} for name, x in pairs][:top]
    return numbers_of(answer)
