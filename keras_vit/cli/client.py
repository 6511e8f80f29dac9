"""`keras-vit client`: sends pictures to a server with TensorFlow Serving's predict API."""

import functools
import sys
from collections.abc import Callable
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
from keras_vit.errors import UserError, one_line
from keras_vit.inference.described import numbers_of, rows_of
from keras_vit.inference.signature import CLASSES, SCORES, VALID, answers_in
from keras_vit.serve.connect import UNREADABLE, Refused, connect

MOST, LARGEST = 16, 16 * 2**20  # pictures and bytes of one request, which servers accept
DAY = 86_400  # seconds


def client(
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    url: str,
    top: int = 3,
    out: Path | None = None,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
    timeout: float = 30.0,
):
    """Ask a server what its model answers each image with.

    `keras-vit serve` says what the model is for, and its answers are printed and drawn as
    `keras-vit predict` does it. Other servers' answers are printed by their names. Exit status 0:
    all images were answered. 1: some were. 2: none was, or the server does not answer.

    Args:
        images: Picture files, JPEG or PNG.
        url: http://HOST:8501/v1/models/NAME for REST, grpc://HOST:8500/NAME for gRPC; a version may
            follow, for example /versions/3.
        top: How many classes to print for each image.
        out: Folder for pictures of the answers, for example NAME-overlay.png and NAME-mask.png;
            they have the size of the picture.
        json_lines: Print one JSON object per image instead of a table.
        timeout: Seconds to wait for an answer.
    """
    check_top(top)
    check_out(out)
    if not 0 < timeout <= DAY:
        raise UserError(f"--timeout must lie in (0, {DAY}]: received {timeout:g}.")
    ask, ask_for_description = connect(url)
    description = functools.cache(lambda: ask_for_description(timeout))
    answers = []
    try:
        for group in _requests(images):
            for path, outputs in _answered(ask, group, timeout):
                if not outputs.get(VALID, True):
                    print(f"keras-vit: {path} cannot be decoded by the server.", file=sys.stderr)
                    continue
                answers.append((path, _shown(description(), outputs, path, top, out)))
    except UserError as error:
        print(f"keras-vit: {error}", file=sys.stderr)
    except UNREADABLE as error:
        reason = one_line(error).rstrip(".")
        print(f"keras-vit: {url} does not answer pictures: {reason}.", file=sys.stderr)
    print_answers(answers, json_lines)
    if len(answers) == len(images):
        return 0
    return 1 if answers else 2


def _shown(model, outputs, path, top, out):
    """Draws an answer where `out` is a folder, and returns the rows that describe it."""
    answer = answers_in(outputs)
    check_finite(path, answer)
    if out is not None and model is None:
        raise UserError("--out needs `keras-vit serve`, which says its task.")
    if out is not None:
        draw(model, answer, out, path)
    if model is not None:
        return rows_of(model, answer, top)
    if CLASSES in outputs and SCORES in outputs:
        pairs = zip(outputs[CLASSES], outputs[SCORES], strict=True)
        return [{"name": str(name), "probability": float(x)} for name, x in pairs][:top]
    return numbers_of(answer)


def _answered(ask: Callable[[list[bytes], float], list[dict]], group, timeout):
    """Yields pairs of a path and an answer; sends the pictures of a refused group one by one."""
    try:
        answers = ask([content for _, content in group], timeout)
    except Refused as error:
        if len(group) > 1:
            for each in group:
                yield from _answered(ask, [each], timeout)
        else:
            print(f"keras-vit: {group[0][0]}: {error}", file=sys.stderr)
        return
    for (path, _), answer in zip(group, answers, strict=True):
        yield path, answer


def _requests(paths):
    """Yields the pictures of each request: lists of pairs of a path and its content."""
    group, size = [], 0
    for path in paths:
        try:
            check_file(path)
            content = path.read_bytes()
        except UserError as error:
            print(f"keras-vit: {error}", file=sys.stderr)
            continue
        except OSError as error:
            print(f"keras-vit: {path}: {error.strerror}.", file=sys.stderr)
            continue
        if group and (len(group) == MOST or size + len(content) > LARGEST):
            yield group
            group, size = [], 0
        group.append((path, content))
        size += len(content)
    if group:
        yield group
