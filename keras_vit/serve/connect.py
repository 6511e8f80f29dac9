"""Sends pictures to a server with TensorFlow Serving's predict API, by REST or gRPC."""

import base64
import contextlib
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from keras_vit.errors import UserError, needs_extra, one_line

SIGNATURE = "serve_bytes"
GRPC = re.compile(r"grpc://(?P<host>[^/]+)/(?P<name>[^/]+)(/versions/(?P<version>\d+))?/?")


class Refused(UserError):
    """The server refuses a request; of several pictures, one may be the reason."""


def connect(url):
    """Returns a function that asks a server for the classes of pictures.

    Args:
        url: `http://HOST:8501/v1/models/NAME` for REST, `grpc://HOST:8500/NAME` for gRPC; a version
            may follow, for example `/versions/3`.

    Returns:
        A `Callable[[list[bytes], float], list[dict]]`. It takes the contents of the picture files
        and the seconds to wait for an answer, and returns a dictionary for each picture: `valid`, a
        `bool`, `classes`, a list of names, and `scores`, a list of probabilities. It raises a
        `ValueError` that quotes the server's message; a `Refused` if the pictures are the reason.

    Raises:
        ValueError: If the address has neither form.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # an address in brackets that is none
        parts = urllib.parse.SplitResult("", "", "", "", "")
    if parts.scheme in ("http", "https") and "/v1/models/" in parts.path:
        place = urllib.parse.quote(url.rstrip("/"), safe=":/%[]")
        return lambda pictures, timeout: _ask_rest(place, pictures, timeout)
    if place := GRPC.fullmatch(url):
        return lambda pictures, timeout: _ask_grpc(place, pictures, timeout)
    raise UserError(
        f"--url must be http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME: received {url}."
    )


def _ask_rest(url, pictures, timeout):
    instances = [{"image_bytes": {"b64": base64.b64encode(each).decode()}} for each in pictures]
    body = json.dumps({"signature_name": SIGNATURE, "instances": instances}).encode()
    request = urllib.request.Request(f"{url}:predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            predictions = json.load(response)["predictions"]
        answers = [_answer(row["valid"], row["classes"], row["scores"]) for row in predictions]
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        with contextlib.suppress(ValueError, TypeError, KeyError):
            text = json.loads(text)["error"]
        kind = Refused if error.code in (400, 413) else UserError
        raise kind(f"{url} answers {error.code}: {text}") from error
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        reason = one_line(getattr(error, "reason", error)).rstrip(".")
        raise UserError(f"{url} does not answer as a classifier does: {reason}.") from error
    return _as_many(url, answers, pictures)


def _answer(valid, classes, scores):
    pairs = list(zip(map(str, classes), map(float, scores), strict=True))
    return dict(valid=bool(valid), classes=[x for x, _ in pairs], scores=[x for _, x in pairs])


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
    request.model_spec.signature_name = SIGNATURE
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
        outputs = {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}
        names = [[name.decode() for name in row] for row in outputs["classes"]]
        columns = zip(outputs["valid"], names, outputs["scores"], strict=True)
        answers = [_answer(*column) for column in columns]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"grpc://{place['host']} does not answer as a classifier does: {error}."
        ) from error
    return _as_many(f"grpc://{place['host']}", answers, pictures)
