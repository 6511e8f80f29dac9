"""The server, over a real socket: answers, limits, health, and what hostile requests get."""

import asyncio
import base64
import concurrent.futures
import contextlib
import io
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from google.protobuf import json_format
from PIL import Image
from servers import serving, serving_here
from starlette.exceptions import HTTPException
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap
from thinned import thinned
from zoo import png_header, with_claim_before

from keras_vit.inference import open_artefact
from keras_vit.serve.app import create_app
from keras_vit.serve.limits import Bodies, claimed_pixels
from keras_vit.serve.model import ServedModel
from keras_vit.serve.protocol import Signature

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8)).astype("uint8")


def encoded(pixels=PICTURE):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


LARGE = encoded(np.random.default_rng(0).integers(0, 256, (64, 64)).astype("uint8"))


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


# A request of one image, one of whose pixels is to be said.
IMAGE = json.dumps({"instances": np.zeros((1, 8, 8, 1), int).tolist()}).encode()
IMAGE = IMAGE.replace(b"0", b"%s", 1)


@pytest.fixture(scope="module", params=thinned(["litert", "saved_model"], fast=1))
def server(request, tiny):
    with serving(getattr(tiny, request.param), "--max-body", "200000") as client:
        yield client, open_artefact(tiny.keras_file)


def predict(client, name="tiny", **request):
    return client.post(f"/v1/models/{name}:predict", content=json.dumps(request))


def test_every_form_of_a_request_gets_the_models_answer(server):
    client, artefact = server
    (expected,) = artefact.predict(PICTURE[None, ..., None])
    image = PICTURE[..., None].tolist()
    for signature, instance in (
        ("serve", image),
        ("serve_uint8", {"images": image}),
        ("serve_bytes", b64(encoded())),
    ):
        answer = predict(client, signature_name=signature, instances=[instance] * 2)
        assert answer.status_code == 200, answer.text
        for row in answer.json()["predictions"]:
            np.testing.assert_allclose(row["probabilities"], expected, atol=1e-5)
            assert row["classes"][0] == artefact.class_names[expected.argmax()]
            assert row.get("valid", True)
    answer = predict(client, inputs={"images": [image]}).json()["outputs"]
    np.testing.assert_allclose(answer["probabilities"], [expected], atol=1e-5)


def test_a_broken_picture_does_not_fail_its_neighbours(server):
    pictures = [b64(encoded()), b64(b"no picture"), b64(LARGE[: len(LARGE) // 2])]
    rows = predict(server[0], signature_name="serve_bytes", instances=pictures).json()
    assert [row["valid"] for row in rows["predictions"]] == [True, False, False]
    assert rows["predictions"][1]["scores"] == [0, 0, 0]


def test_other_formats_and_narrow_pictures_do_no_harm(server):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "TIFF")
    narrow = encoded(np.zeros((900_000, 1), "uint8"))  # less than libpng's own limit
    pictures = [b64(file.getvalue()), b64(narrow), b64(encoded())]
    answer = predict(server[0], signature_name="serve_bytes", instances=pictures)
    assert answer.status_code == 200
    assert [row["valid"] for row in answer.json()["predictions"]] == [False, False, True]
    assert server[0].get("/readyz").status_code == 200


def test_requests_at_the_same_time_share_batches(server):
    client, artefact = server
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8, 1)).astype("uint8")
    expected = artefact.predict(images)

    def ask(image):
        while True:
            answer = predict(client, signature_name="serve_uint8", instances=[image.tolist()])
            if answer.status_code != 429:
                return answer.json()["predictions"][0]["probabilities"]

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, images))
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    text = client.get("/metrics").text
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    batches, examples = (float(found[f"keras_vit_batch_size_{x}"]) for x in ("count", "sum"))
    assert examples > batches  # some were shared
    assert float(found['keras_vit_requests_total{status="200"}']) >= 40


def test_status_metadata_health_and_page(server):
    client = server[0]
    status = client.get("/v1/models/tiny").json()["model_version_status"][0]
    assert status == {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    metadata = client.get("/v1/models/tiny/versions/1/metadata").json()
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serve"]
    dims = [each["size"] for each in signature["inputs"]["images"]["tensor_shape"]["dim"]]
    assert dims == ["-1", "8", "8", "1"]
    described = json_format.ParseDict(metadata["metadata"]["signature_def"], SignatureDefMap())
    outputs = described.signature_def["serve_bytes"].outputs
    assert {name: DataType.Name(outputs[name].dtype) for name in outputs} == {
        "probabilities": "DT_FLOAT",
        "scores": "DT_FLOAT",
        "classes": "DT_STRING",
        "valid": "DT_BOOL",
    }
    assert [side.size for side in outputs["probabilities"].tensor_shape.dim] == [-1, 3]
    assert client.get("/healthz").status_code == 200
    assert "<title>tiny</title>" in client.get("/").text


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        ("tiny:predict", b"{", 400, "JSON Parse error"),
        ("tiny:predict", b"\xff\xfe", 400, "JSON Parse error"),
        ("tiny:predict", b"[" * 100_000, 400, "JSON Parse error"),
        ("tiny:predict", b"{}", 400, "either 'inputs' or 'instances'"),
        ("tiny:predict", b'{"instances": [[1, 2]]}', 400, "must have the shape"),
        ("tiny:predict", b'{"instances": [1], "signature_name": "x"}', 400, "not found in sig"),
        ("tiny:predict", b" " * 300_000, 413, "A request may have 200000 bytes"),
        ("tiny:predict", IMAGE % b"1e300", 400, "must be finite numbers"),
        ("tiny:predict", IMAGE % (b"9" * 400), 400, "must be numbers"),
        (
            "tiny:predict",
            b'{"instances": [1], "signature_name": "\\ud800"}',
            400,
            "not found in sig",
        ),
        ("other:predict", b"{}", 404, "Could not find any versions of model other"),
        ("tiny/versions/9:predict", b"{}", 404, "Could not find version 9 of model tiny"),
        ("tiny:classify", b"{}", 405, "Method Not Allowed"),
    ],
)
def test_what_is_no_request_gets_its_status(server, path, body, status, message):
    answer = server[0].post(f"/v1/models/{path}", content=body)
    assert answer.status_code == status and message in answer.json()["error"]
    assert server[0].get("/readyz").status_code == 200


def test_bombs_and_crowds_of_pictures_are_refused(server):
    bomb = predict(
        server[0], signature_name="serve_bytes", instances=[b64(png_header(60_000, 60_000))]
    )
    assert bomb.status_code == 400 and "50,000,000 pixels" in bomb.json()["error"]
    many = [b64(png_header(2_000, 2_000))] * 16
    bombs = predict(server[0], signature_name="serve_bytes", instances=many)
    assert bombs.status_code == 400 and "received 64,000,000" in bombs.json()["error"]
    jpeg = io.BytesIO()
    Image.fromarray(PICTURE).save(jpeg, "JPEG", progressive=True)
    scan = jpeg.getvalue()[jpeg.getvalue().rindex(b"\xff\xda") : -2]
    slow = jpeg.getvalue()[:-2] + 200 * scan + b"\xff\xd9"
    scans = predict(server[0], signature_name="serve_bytes", instances=[b64(slow)])
    assert scans.status_code == 400 and "may have 100 scans" in scans.json()["error"]
    crowd = predict(server[0], signature_name="serve_bytes", instances=[b64(encoded())] * 17)
    assert crowd.status_code == 400 and "may hold 16 images: received 17" in crowd.json()["error"]


def test_who_sends_too_much_reads_why(server):
    """And sees no broken connection: urllib sends all before it reads."""
    url = f"{server[0].base_url}/v1/models/tiny:predict"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url, b" " * 40_000_000, timeout=30)
    with error.value as answer:
        assert answer.code == 413


def test_a_body_that_lies_about_its_length_is_refused(server):
    def endless():
        for _ in range(1000):
            yield b" " * 1000

    answer = server[0].post("/v1/models/tiny:predict", content=endless())
    assert answer.status_code == 413


@pytest.mark.slow
def test_a_thousand_connections_leave_it_serving_and_are_closed(tiny):
    """A third of them say nothing, a third stop in the first line, and a third in the body."""
    sent = (b"", b"POST /v1/models/tiny:predict HTT", HEAD.encode() + BODY[:1])
    with serving(tiny.litert) as client:
        place, image = ("127.0.0.1", client.base_url.port), PICTURE[..., None].tolist()
        with contextlib.ExitStack() as stack:
            crowd = []
            for number in range(1000):
                crowd.append(stack.enter_context(socket.create_connection(place, timeout=60)))
                crowd[-1].sendall(sent[number % 3])
            assert predict(client, instances=[image]).status_code == 200
            for each in (*crowd[::150], *crowd[1::150]):
                assert each.recv(4096) == b""
        assert predict(client, instances=[image]).status_code == 200


@pytest.mark.slow
def test_bodies_that_do_not_come_are_told_so_and_closed():
    def run(name, inputs):
        return {"y": np.zeros((len(inputs), 1))}

    with contextlib.ExitStack() as stack:
        client = stack.enter_context(serving_here(create_app(model_that(run), timeout=2)))
        place, crowd = ("127.0.0.1", client.base_url.port), []
        for _ in range(200):
            crowd.append(stack.enter_context(socket.create_connection(place, timeout=60)))
            crowd[-1].sendall(HEAD.replace("tiny", "x").encode() + BODY[:1])
        assert ask_of(client).status_code == 200
        for each in crowd[::20]:
            assert each.recv(4096).startswith(b"HTTP/1.1 408")
        assert ask_of(client).status_code == 200


BODY = IMAGE % b"7"
HEAD = f"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"


def wait_until(holds, seconds=30):
    """Waits until a function returns true; fails if it does not within some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_read(client):
    """Waits until the server has read what was sent before: it answers in the order of arrival."""
    for _ in range(3):
        assert client.get("/healthz").status_code == 200


def takes_connections(place):
    try:
        socket.create_connection(place, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_what_has_come_before_it_stops(tiny, number):
    with serving(tiny.litert) as client:
        place = ("127.0.0.1", client.base_url.port)
        with socket.create_connection(place, timeout=20) as connection:
            connection.sendall(HEAD.encode() + BODY[:10])
            wait_until_read(client)
            client.close()
            os.kill(client.process.pid, number)
            wait_until(lambda: not takes_connections(place))
            connection.sendall(BODY[10:])
            answer = connection.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 200")
        client.process.wait(20)
        assert "Traceback" not in client.process.stderr.read()


def test_half_a_body_keeps_no_one_waiting(tiny):
    with serving(tiny.litert, "--max-requests", "1") as client:
        place = ("127.0.0.1", client.base_url.port)
        with socket.create_connection(place, timeout=20) as slow:
            slow.sendall(HEAD.encode() + BODY[:10])
            wait_until_read(client)
            assert client.post("/v1/models/tiny:predict", content=BODY).status_code == 200
        # It has hung up in the middle of its body.
        wait_until(lambda: 'requests_total{status="400"} 1.0' in client.get("/metrics").text)
        assert client.post("/v1/models/tiny:predict", content=BODY).status_code == 200


def ask_of(client):
    request = {"instances": [[1, 2]], "signature_name": "serve"}
    return client.post("/v1/models/x:predict", json=request)


def model_that(run):
    return ServedModel("x", "1", "none", {"serve": Signature("images", "float32", (2,))}, run, {})


def test_a_busy_server_tells_others_to_come_back():
    begun, ended = threading.Event(), threading.Event()

    def run(name, inputs):
        begun.set()
        ended.wait(20)
        return {"y": np.zeros((len(inputs), 1))}

    app = create_app(model_that(run), max_requests=1)
    with serving_here(app) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask_of, client)
        begun.wait(20)
        wait_until(lambda: app.state.requests == 1)
        busy = ask_of(client)
        assert busy.status_code == 429 and busy.headers["retry-after"] == "1"
        ended.set()
        assert first.result().status_code == 200


def test_bodies_that_are_half_read_are_bounded_together():
    begun, ended = asyncio.Event(), asyncio.Event()

    class Slow:
        headers = {}

        async def stream(self):
            yield b" " * 600
            begun.set()
            await ended.wait()

    async def read():
        bodies = Bodies(max_body=1000, max_held=1000, timeout=5)
        first = asyncio.create_task(bodies.read(Slow()))
        await begun.wait()
        with pytest.raises(HTTPException) as error:
            await bodies.read(Slow())
        ended.set()
        assert error.value.status_code == 429 and len(await first) == 600
        assert len(await bodies.read(Slow())) == 600  # there is room again

    asyncio.run(read())


@pytest.mark.parametrize(
    "picture, pixels",
    [
        (b"", 0),
        (b"GIF89a", 0),
        (b"\x89PNG", 0),
        (b"\x89PNG and nothing else", 0),
        (b"\xff\xd8\xff\xc0\x00", 0),
        (png_header(300, 7), 2100),
        # What stands between segments is skipped; of two frames the larger counts.
        (
            b"\xff\xd8\0\0\xff\xff\xfe\0\3!\xff\xc2\0\7\x08\0\5\0\6\xff\xc0\0\7\x08\0\2\0\3\xff\xda",
            30,
        ),
    ],
)
def test_pixels_are_read_off_a_header(picture, pixels):
    assert claimed_pixels(picture) == pixels


def test_what_decoders_read_is_read_off_a_header():
    for kind in ("JPEG", "PNG"):
        file = io.BytesIO()
        Image.new("RGB", (7, 30)).save(file, kind, exif=Image.Exif(), progressive=True)
        assert claimed_pixels(file.getvalue()) == 210
    content = with_claim_before(file.getvalue())
    assert Image.open(io.BytesIO(content)).size == (7, 30) and claimed_pixels(content) == 210
    with pytest.raises(ValueError, match="may have 1000 segments"):
        claimed_pixels(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_000_000)


def test_it_lives_before_it_is_ready_and_says_what_a_model_lacks():
    started = threading.Event()

    def run(name, inputs):
        started.wait(20)
        raise ValueError("no such operator")

    with serving_here(create_app(model_that(run))) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        state = client.get("/v1/models/x").json()["model_version_status"][0]["state"]
        assert state == "LOADING"
        started.set()
        answer = ask_of(client)
        assert answer.status_code == 500 and "at fault" in answer.json()["error"]
        assert "no such operator" in client.get("/readyz").json()["error"]
        ended = client.get("/v1/models/x").json()["model_version_status"][0]
        assert ended["state"] == "END" and ended["status"]["error_message"] == "no such operator"


def test_what_takes_too_long_is_given_up():
    ended = threading.Event()

    def run(name, inputs):
        ended.wait(20)
        return {"y": np.zeros((len(inputs), 1))}

    with serving_here(create_app(model_that(run), timeout=0.1)) as client:
        assert ask_of(client).status_code == 504
        ended.set()


def test_a_model_that_still_computes_does_not_hold_the_stop():
    begun, ended = threading.Event(), threading.Event()

    def run(name, inputs):
        begun.set()
        ended.wait(20)
        raise ValueError

    app = create_app(model_that(run))
    with serving_here(app):
        begun.wait(20)
    assert app.state.is_stuck
    ended.set()
