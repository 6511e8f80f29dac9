"""`keras-vit client` against the real stubs over a real gRPC socket, and documented REST."""

import base64
import io
import json
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keras_vit.inference import open_artefact


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """TensorFlow Serving's predict call, answered by a SavedModel."""

    def __init__(self, path):
        self.loaded = tf.saved_model.load(str(path))
        self.seen = []

    def Predict(self, request, context):  # noqa: N802 - the stubs' own name
        self.seen.append((request.model_spec.name, request.model_spec.version.value))
        if request.model_spec.name == "nameless":  # a model of somebody else
            return predict_pb2.PredictResponse()
        if request.model_spec.name == "streets":
            response = predict_pb2.PredictResponse()
            count = len(tf.make_ndarray(request.inputs["image_bytes"]))
            response.outputs["mask"].CopyFrom(tf.make_tensor_proto(np.ones((count, 4, 6), "int32")))
            response.outputs["valid"].CopyFrom(tf.make_tensor_proto([True] * count))
            return response
        if request.model_spec.name != "tiny":
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
        function = self.loaded.signatures[request.model_spec.signature_name]
        inputs = {name: tf.constant(tf.make_ndarray(x)) for name, x in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in function(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture
def grpc_server(tiny):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    servicer = Servicer(tiny.saved_model)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}", servicer
    server.stop(0)


@pytest.fixture
def rest_server():
    """Answers as TensorFlow Serving documents it, and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        asked = []

        def do_POST(self):  # noqa: N802 - the base class's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.asked.append((self.path, body))
            if "missing" in self.path:
                return self.reply(404, {"error": "Could not find any versions of model missing"})
            if "odd" in self.path:
                return self.reply(200, {"outputs": []})
            if "numbers" in self.path:
                row = {"classes": ["a"], "scores": ["high"], "valid": True}
                return self.reply(200, {"predictions": [row]})
            if "ragged" in self.path:
                return self.reply(200, {"predictions": [{"mask": [[1, 2], [3]]}]})
            if "wrong" in self.path:
                return self.reply(200, {"predictions": [{"mask": [[7] * 6] * 4}]})
            if "lists" in self.path:
                return self.reply(200, {"predictions": [[[1, 2], [3, 4]]]})
            if "list" in self.path:
                return self.reply(200, [])
            if "streets" in self.path:
                return self.reply(200, {"predictions": [{"mask": [[1] * 6] * 4, "valid": True}]})
            if "small" in self.path and len(body["instances"]) > 1:
                return self.reply(400, {"error": "A request may hold 1 images: received 2"})
            if "picky" in self.path:
                return self.reply(413, {"error": "A request may have 5 bytes"})
            if "short" in self.path:
                return self.reply(200, {"predictions": []})
            row = {"classes": ["möwe", "spatz"], "scores": [0.75, 0.25], "valid": True}
            self.reply(200, {"predictions": [row] * len(body["instances"])})

        def do_GET(self):  # noqa: N802 - the base class's name
            if "wrong" not in self.path:
                return self.reply(404, {"error": "Not found"})
            sides = [{"size": str(side)} for side in (-1, 4, 6, 3)]
            signature = {"inputs": {"images": {"tensor_shape": {"dim": sides}}}}
            signatures = {"signature_def": {"serving_default": signature}}
            known = dict(task="segmentation", options={}, class_names=["sky"], preprocessing={})
            self.reply(200, {"metadata": {"signature_def": signatures}, **known})

        def reply(self, status, answer):
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/models", Handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (8, 8)).astype("uint8")).save(path)
    (tmp_path / "broken.png").write_bytes(paths[0].read_bytes()[:60])
    return paths


def test_pictures_are_answered_over_grpc(grpc_server, pictures, tiny, run):
    url, servicer = grpc_server
    code, text, err = run("client", *pictures, "--url", f"{url}/tiny/versions/1", "--json")
    assert (code, err) == (0, "")
    assert servicer.seen == [("tiny", 1)]
    artefact = open_artefact(tiny.keras_file)
    for line, path in zip(text.splitlines(), pictures, strict=True):
        answer = json.loads(line)
        (expected,) = artefact.predict(np.asarray(Image.open(path))[None, ..., None])
        assert answer["image"] == str(path)
        best = answer["classes"][0]
        assert best["name"] == artefact.class_names[expected.argmax()]
        assert best["probability"] == pytest.approx(expected.max(), abs=1e-5)


def test_a_broken_picture_is_named(grpc_server, pictures, tmp_path, run, one_line):
    url = grpc_server[0] + "/tiny"
    broken = tmp_path / "broken.png"
    code, text, err = run("client", pictures[0], broken, "--url", url, "--json")
    assert code == 1 and "broken.png cannot be decoded by the server.\n" in err
    (line,) = text.splitlines()
    assert json.loads(line)["image"] == str(pictures[0])
    code, text, err = run("client", tmp_path / "none.png", "--url", url)
    assert (code, text) == (2, "") and "none.png: No such file" in one_line(err)


def test_pictures_are_asked_over_rest_as_documented(rest_server, pictures, run):
    url, asked = rest_server
    code, text, err = run("client", *pictures, "--url", f"{url}/birds/")
    assert (code, err) == (0, "") and text.count("möwe") == 2
    ((path, body),) = asked
    assert path == "/v1/models/birds:predict" and body["signature_name"] == "serve_bytes"
    contents = [base64.b64decode(each["image_bytes"]["b64"]) for each in body["instances"]]
    assert contents == [path.read_bytes() for path in pictures]
    assert Image.open(io.BytesIO(contents[0])).size == (8, 8)


def test_many_pictures_are_several_requests_and_each_is_answered(rest_server, pictures, run):
    url, asked = rest_server
    asked.clear()
    code, text, err = run("client", *[*pictures] * 10, "--url", f"{url}/grey birds", "--json")
    assert (code, err) == (0, "")
    assert [json.loads(line)["image"] for line in text.splitlines()] == [*map(str, pictures)] * 10
    assert [len(body["instances"]) for _, body in asked] == [16, 4]
    assert {path for path, _ in asked} == {"/v1/models/grey%20birds:predict"}


@pytest.mark.parametrize(
    "url, message",
    [
        ("{rest}/missing", "answers 404: Could not find any versions of model missing"),
        ("{rest}/odd", "does not answer pictures: 'predictions'"),
        ("{rest}/numbers", "does not answer pictures: could not convert string"),
        ("{grpc}/nameless", "answers 1 pictures with 0 predictions"),
        ("{rest}/list", "does not answer pictures: list indices"),
        ("{rest}/wrong", "does not answer pictures: tuple index out of range"),
        ("{rest}/ragged", "does not answer pictures: setting an array element"),
        ("{rest}/lists", "does not answer pictures: 'list' object has no attribute 'items'"),
        ("{rest}/short", "answers 1 pictures with 0 predictions"),
        ("{rest}/picky", "0.png: {rest}/picky answers 413: A request may have 5 bytes"),
        ("http://{grpc_place}/v1/models/x", "does not answer"),
        ("{grpc}/missing", "answers NOT_FOUND: Servable not found"),
        ("http://127.0.0.1:1/v1/models/x", "does not answer pictures: Connection refused."),
        ("grpc://127.0.0.1:1/x", "answers UNAVAILABLE"),
        ("ftp://host/x", "--url must be http://HOST"),
        ("grpc://host", "--url must be http://HOST"),
        ("http://host:8501/", "--url must be http://HOST"),
        ("http://[::1/v1/models/x", "--url must be http://HOST"),
    ],
)
def test_a_server_that_does_not_answer_is_one_line(
    rest_server, grpc_server, pictures, run, one_line, url, message
):
    places = dict(rest=rest_server[0], grpc=grpc_server[0])
    url = url.format(**places, grpc_place=places["grpc"].removeprefix("grpc://"))
    code, text, err = run("client", pictures[0], "--url", url, "--timeout", 5)
    assert (code, text) == (2, "") and message.format(**places) in one_line(err)


def test_where_several_pictures_are_refused_each_is_asked_alone(rest_server, pictures, run):
    code, text, err = run("client", *pictures, "--url", f"{rest_server[0]}/small", "--json")
    assert (code, err) == (0, "")
    assert [json.loads(line)["image"] for line in text.splitlines()] == [*map(str, pictures)]


@pytest.mark.parametrize("timeout", [0, "inf", 1e20])
def test_a_timeout_is_at_most_a_day(pictures, run, one_line, timeout):
    url = "http://127.0.0.1:1/v1/models/x"
    code, _, err = run("client", pictures[0], "--url", url, "--timeout", timeout)
    assert code == 2 and "--timeout must lie in (0, 86400]" in one_line(err)


def test_a_server_that_says_nothing_of_its_model_gives_numbers(
    rest_server, pictures, run, one_line, tmp_path
):
    """As TensorFlow Serving does, which knows names and shapes of answers only."""
    words = ["client", pictures[0], "--url", f"{rest_server[0]}/streets"]
    code, text, err = run(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(text)["classes"] == [{"name": "mask", "value": "4 x 6 numbers"}]
    code, text, err = run(*words, "--out", tmp_path / "drawn")
    assert (code, text) == (2, "") and "--out needs `keras-vit serve`" in one_line(err)
    code, text, err = run(*words, "--threshold", 0.5)
    assert (code, text) == (2, "") and "--threshold needs `keras-vit serve`" in one_line(err)


def test_numbers_come_over_grpc_by_name(grpc_server, pictures, run):
    url = grpc_server[0] + "/streets"
    code, text, err = run("client", *pictures, "--url", url, "--json")
    assert (code, err) == (0, "")
    for line in text.splitlines():
        assert json.loads(line)["classes"] == [{"name": "mask", "value": "4 x 6 numbers"}]
