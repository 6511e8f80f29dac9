"""`keras-vit client`: sends pictures to a server with TensorFlow Serving's predict API."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cyclopts

from keras_vit.cli.answers import check_file, print_answers
from keras_vit.errors import UserError
from keras_vit.serve.connect import Refused, connect

MOST, LARGEST = 16, 16 * 2**20  # pictures and bytes of one request, which servers accept
DAY = 86_400  # seconds


def client(
    *images: Annotated[Path, cyclopts.Parameter(required=True, negative=(), json_list=False)],
    url: str,
    top: int = 3,
    json_lines: Annotated[bool, cyclopts.Parameter(name="--json", negative=())] = False,
    timeout: float = 30.0,
):
    """Ask a server for the classes of each image.

    Exit status 0: all images were answered. 1: some were. 2: none was, or the server does not
    answer.

    Args:
        images: Picture files, JPEG or PNG.
        url: http://HOST:8501/v1/models/NAME for REST, grpc://HOST:8500/NAME for gRPC; a version may
            follow, for example /versions/3.
        top: How many classes to print for each image, five at most.
        json_lines: Print one JSON object per image instead of a table.
        timeout: Seconds to wait for an answer.
    """
    if not 1 <= top <= 5:
        raise UserError(f"--top must lie in [1, 5]: received {top}.")
    if not 0 < timeout <= DAY:
        raise UserError(f"--timeout must lie in (0, {DAY}]: received {timeout:g}.")
    ask = connect(url)
    answers = []
    try:
        for group in _requests(images):
            for path, answer in _answered(ask, group, timeout):
                if not answer["valid"]:
                    print(f"keras-vit: {path} cannot be decoded by the server.", file=sys.stderr)
                    continue
                pairs = list(zip(answer["classes"], answer["scores"], strict=True))[:top]
                classes = [{"name": name, "probability": float(score)} for name, score in pairs]
                answers.append((path, classes))
    except ValueError as error:
        print(f"keras-vit: {error}", file=sys.stderr)
    print_answers(answers, json_lines)
    if len(answers) == len(images):
        return 0
    return 1 if answers else 2


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
