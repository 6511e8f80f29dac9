"""Asks a server with TensorFlow Serving's API, by REST or gRPC, about its model and pictures."""

import base64
import contextlib
import functools
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from keras_vit.errors import UserError, needs_extra, one_line
from keras_vit.inference.signature import BYTES
from keras_vit.serve.metadata import read_described

GRPC = re.compile(r"grpc://(?P<host>[^/]+)/(?P<name>[^/]+)(/versions/(?P<version>\d+))?/?")
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)  # from answers of another form


class Refused(UserError):
    """The server refuses a request; of several pictures, one may be the reason."""


def connect(url):
    """Returns functions that ask a server.

    Args:
        url: `http://HOST:8501/v1/models/NAME` for REST, `grpc://HOST:8500/NAME` for gRPC; a version
            may follow, for example `/versions/3`.

    Returns:
        A pair. The first, `Callable[[list[bytes], float], list[dict]]`, takes the contents of the
        picture files and the seconds to wait for an answer, and returns for each picture the
        outputs of `serve_bytes`, arrays by name. It raises a `ValueError` that quotes the server's
        message; a `Refused` if the pictures are the reason. The second, `Callable[[float],
        Described | None]`, takes such seconds and returns what the server says of its model;
        `None` where it says no more than TensorFlow Serving does.

    Raises:
        ValueError: If the address has neither form.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # an address in brackets that is none
        parts = urllib.parse.SplitResult("", "", "", "", "")
    if parts.scheme in ("http", "https") and "/v1/models/" in parts.path:
        place = urllib.parse.quote(url.rstrip("/"), safe=":/%[]")
        ask = functools.partial(_ask_rest, place)
        return ask, functools.partial(_described, place)
    if place := GRPC.fullmatch(url):
        return functools.partial(_ask_grpc, place), lambda timeout: None
    raise UserError(
        f"--url must be http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME: received {url}."
    )


def _ask_rest(url, pictures, timeout):
    instances = [{"image_bytes": {"b64": base64.b64encode(each).decode()}} for each in pictures]
    body = json.dumps({"signature_name": BYTES, "instances": instances}).encode()
    request = urllib.request.Request(f"{url}:predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            predictions = json.load(response)["predictions"]
        answers = [{name: np.asarray(value) for name, value in row.items()} for row in predictions]
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        with contextlib.suppress(ValueError, TypeError, KeyError):
            text = json.loads(text)["error"]
        kind = Refused if error.code in (400, 413) else UserError
        raise kind(f"{url} answers {error.code}: {text}") from error
    except (*UNREADABLE, OSError, http.client.HTTPException) as error:
        reason = one_line(getattr(error, "reason", error)).rstrip(".")
        raise UserError(f"{url} does not answer pictures: {reason}.") from error
    return _as_many(url, answers, pictures)


def _described(url, timeout):
    try:
        with urllib.request.urlopen(f"{url}/metadata", timeout=timeout) as response:
            return read_described(json.load(response))
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _as_many(url, answers, pictures):
    """Returns the answers; raises a `ValueError` unless there is one for each picture."""
    if len(answers) != len(pictures):
        raise UserError(f"{url} answers {len(pictures)} pictures with {len(answers)} predictions.")
    return answers


def _ask_grpc(place, pictures, timeout):
    with needs_extra("export"):
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = place["name"]
    request.model_spec.signature_name = BYTES
    if place["version"]:
        request.model_spec.version.value = int(place["version"])
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(pictures))
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(place["host"], options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout)
        except grpc.RpcError as error:
            code = error.code().name
            kind = Refused if code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED") else UserError
            raise kind(f"grpc://{place['host']} answers {code}: {error.details()}") from error
    try:
        outputs = {name: _texts(tf.make_ndarray(proto)) for name, proto in response.outputs.items()}
        rows = zip(*outputs.values(), strict=True)
        answers = [dict(zip(outputs, map(np.asarray, row), strict=True)) for row in rows]
    except UNREADABLE as error:
        raise UserError(f"grpc://{place['host']} does not answer pictures: {error}.") from error
    return _as_many(f"grpc://{place['host']}", answers, pictures)


def _texts(array):
    """Returns an array, with texts in place of byte strings."""
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
