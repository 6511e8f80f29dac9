"""The server, over a real socket: answers, limits, health, and what hostile requests get."""

import base64
import concurrent.futures
import io
import json
import os
import signal
import socket

import numpy as np
import pytest
from PIL import Image
from servers import serving
from zoo import png_header

from keras_vit.artefacts import open_artefact

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8)).astype("uint8")


def encoded(pixels=PICTURE):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


LARGE = encoded(np.random.default_rng(0).integers(0, 256, (64, 64)).astype("uint8"))


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


@pytest.fixture(scope="module", params=["saved_model", "litert"])
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
    crowd = predict(server[0], signature_name="serve_bytes", instances=[b64(encoded())] * 17)
    assert crowd.status_code == 400 and "may hold 16 images: received 17" in crowd.json()["error"]


def test_a_body_that_lies_about_its_length_is_refused(server):
    def endless():
        for _ in range(1000):
            yield b" " * 1000

    answer = server[0].post("/v1/models/tiny:predict", content=endless())
    assert answer.status_code == 413


@pytest.mark.slow
def test_a_thousand_connections_leave_it_serving(tiny):
    with serving(tiny.litert) as client:
        port = client.base_url.port
        idle = []
        try:
            for _ in range(1000):
                idle.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            image = PICTURE[..., None].tolist()
            assert predict(client, instances=[image]).status_code == 200
        finally:
            for each in idle:
                each.close()
        assert predict(client, instances=[image]).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully(tiny, number):
    with serving(tiny.litert) as client:
        image = PICTURE[..., None].tolist()
        assert predict(client, instances=[image]).status_code == 200
        client.close()
        os.kill(client.process.pid, number)
        client.process.wait(20)
        assert "Traceback" not in client.process.stderr.read()
