"""TensorFlow Serving's REST protocol: JSON to arrays and back.

It follows https://www.tensorflow.org/tfx/serving/api_rest: row form (`instances`, `predictions`),
column form (`inputs`, `outputs`), byte strings as `{"b64": ...}`.
"""

import base64
import binascii
import dataclasses
import json

import numpy as np

from keras_vit.errors import UserError

STARTS = {b"\xff\xd8\xff": "a JPEG", b"\x89PNG\r\n": "a PNG", b"GIF8": "a GIF", b"RIFF": "a WebP"}


@dataclasses.dataclass(frozen=True)
class Signature:
    """The one input of a signature; its first axis is the batch.

    Attributes:
        input_name: Name of the input, for example `"images"`.
        dtype: `"float32"`, `"uint8"`, or `"bytes"` for encoded pictures.
        shape: Shape of one example, `(H, W, C)`, or `()` for a byte string.
    """

    input_name: str
    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Request:
    """A predict request.

    Attributes:
        signature_name: Name of the signature.
        inputs: The input of the signature, an array `(B, ...)` or a list of `B` byte strings.
        in_rows: Whether it has the row form, `instances`, so that the answer has `predictions`.
    """

    signature_name: str
    inputs: np.ndarray | list[bytes]
    in_rows: bool


def parse_request(body, signatures):
    """Reads the body of a predict request.

    Args:
        body: The bytes of the body.
        signatures: `Signature`s by name.

    Returns:
        A `Request`.

    Raises:
        ValueError: If the body is no JSON object, names an unknown signature, or its input has the
            wrong name, type, shape or range. The message is TensorFlow Serving's where that has
            one.
    """
    try:
        request = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        what = _kind_of(body)
        advice = "" if what is None else f". The body is {what}. {_how_to_send(signatures)}"
        raise UserError(f"JSON Parse error: {error}{advice}") from None
    if not isinstance(request, dict):
        raise UserError("JSON Value is not an object")
    in_rows = "instances" in request
    if in_rows == ("inputs" in request):
        raise UserError("Request must have either 'inputs' or 'instances'")
    name = request.get("signature_name") or "serving_default"
    if not isinstance(name, str) or name not in signatures:
        shown = json.dumps(name)[:100]  # in ASCII: a name may hold half of a surrogate pair
        raise UserError(f"Serving signature name: {shown} not found in signature def")
    signature = signatures[name]
    value = request["instances" if in_rows else "inputs"]
    if in_rows:
        if not isinstance(value, list) or not value:
            raise UserError("'instances' must be a list of at least one example")
        value = [_unwrap(each, signature) for each in value]
    else:
        value = _unwrap(value, signature)
    if signature.dtype != "bytes" and _is_encoded(value):
        raise UserError(f"The signature {name} takes no pictures. {_how_to_send(signatures)}")
    return Request(name, _inputs(value, signature), in_rows)


def _kind_of(body):
    """Names what people send in place of JSON; `None` where it is something else."""
    for start, what in STARTS.items():
        if body.startswith(start):
            return what
    is_form = body.startswith(b"--") and b"form-data" in body[:1000]
    return "a form" if is_form else None


def _how_to_send(signatures):
    """Says how pictures are sent to a model with these signatures."""
    name = next((name for name, each in signatures.items() if each.dtype == "bytes"), None)
    if name is None:
        return 'This path takes JSON with the pixels of each image: {"instances": [...]}.'
    return (
        f'This path takes JSON: {{"signature_name": "{name}", "instances": [{{"b64": "..."}}]}}, '
        "where b64 is the picture's bytes in base64. The path /show takes the bytes themselves."
    )


def _refuse_constant(name):
    raise UserError(f"{name} is no JSON number")


def _unwrap(value, signature):
    """Returns the input inside an object that names it, or the value itself."""
    if not isinstance(value, dict) or value.keys() == {"b64"}:
        return value
    if value.keys() != {signature.input_name}:
        raise UserError(
            f"The input is called '{signature.input_name}': received {sorted(value)[:5]}"
        )
    return value[signature.input_name]


def _is_encoded(value):
    """Returns whether the first input is a picture in base64."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and first.keys() == {"b64"}


def _inputs(value, signature):
    if not isinstance(value, list) or not value:
        raise UserError(f"'{signature.input_name}' must be a list of at least one example")
    if signature.dtype == "bytes":
        return [_bytes(each) for each in value]
    try:
        array = np.array(value, "float64")
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"'{signature.input_name}' must be numbers, as many in each row") from None
    if array.shape[1:] != signature.shape:
        raise UserError(
            f"'{signature.input_name}' must have the shape {('B', *signature.shape)}: "
            f"received {array.shape}"
        )
    if signature.dtype == "uint8" and not ((array >= 0) & (array <= 255) & (array % 1 == 0)).all():
        raise UserError(f"'{signature.input_name}' must be integers from 0 to 255")
    with np.errstate(over="ignore"):
        array = array.astype(signature.dtype)
    if not np.isfinite(array).all():
        raise UserError(f"'{signature.input_name}' must be finite numbers")
    return array


def _bytes(value):
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error as error:
            raise UserError(f"b64 cannot be decoded: {error}") from None
    raise UserError('A picture must be {"b64": ...}, its bytes in base64')


def format_answer(outputs, in_rows):
    """Formats the answer of a signature.

    Args:
        outputs: Outputs by name, arrays `(B, ...)`.
        in_rows: Whether the request had the row form.

    Returns:
        A dictionary that JSON can hold, with `predictions` in row form, else `outputs`.
    """
    columns = {name: _plain(array) for name, array in outputs.items()}
    if not in_rows:
        return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _plain(array):
    """Returns an array as nested lists; byte strings are decoded as UTF-8."""
    if array.dtype.kind in "OSU":
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in array.ravel()]
        return np.array(texts, object).reshape(array.shape).tolist()
    return array.tolist()
