"""Requests and answers as TensorFlow Serving documents them."""

import base64
import json

import numpy as np
import pytest

from keras_vit.serve.protocol import Signature, format_answer, parse_request

SIGNATURES = {
    "serving_default": Signature("images", "float32", (2, 1, 1)),
    "serve_uint8": Signature("images", "uint8", (2, 1, 1)),
    "serve_bytes": Signature("image_bytes", "bytes", ()),
}
PICTURE = {"b64": base64.b64encode(b"picture").decode()}


def parse(**request):
    return parse_request(json.dumps(request).encode(), SIGNATURES)


IMAGE = [[[1]], [[2]]]


@pytest.mark.parametrize(
    "request_, in_rows",
    [
        (dict(instances=[IMAGE, IMAGE]), True),
        (dict(instances=[{"images": IMAGE}] * 2, signature_name="serving_default"), True),
        (dict(inputs=[IMAGE, IMAGE]), False),
        (dict(inputs={"images": [IMAGE, IMAGE]}, signature_name=""), False),
    ],
)
def test_images_come_in_rows_and_in_columns(request_, in_rows):
    found = parse(**request_)
    assert (found.signature_name or "serving_default", found.in_rows) == (
        "serving_default",
        in_rows,
    )
    assert found.inputs.dtype == "float32"
    np.testing.assert_array_equal(found.inputs, np.array([IMAGE, IMAGE]))


@pytest.mark.parametrize(
    "request_",
    [
        dict(instances=[PICTURE, PICTURE]),
        dict(instances=[{"image_bytes": PICTURE}] * 2),
        dict(inputs=[PICTURE] * 2),
        dict(inputs={"image_bytes": [PICTURE] * 2}),
    ],
)
def test_pictures_come_in_base64(request_):
    assert parse(signature_name="serve_bytes", **request_).inputs == [b"picture"] * 2


@pytest.mark.parametrize(
    "body, message",
    [
        (b"{", "JSON Parse error"),
        (b"\xff", "JSON Parse error"),
        (b"[" * 100_000, "JSON Parse error"),
        (b"[]", "JSON Value is not an object"),
        (b"{}", "either 'inputs' or 'instances'"),
        (b'{"inputs": [], "instances": []}', "either 'inputs' or 'instances'"),
        (b'{"instances": []}', "at least one example"),
        (b'{"inputs": 3}', "at least one example"),
        (b'{"instances": [[1, 2]]}', r"must have the shape \('B', 2, 1, 1\): received \(1, 2\)"),
        (b'{"instances": [[[[1]]], [[[1]], [[2]]]]}', "as many in each row"),
        (b'{"instances": [["a"]]}', "must be numbers"),
        (b'{"instances": [[[[NaN]], [[1]]]]}', "NaN is no JSON number"),
        (b'{"instances": [[[[1e999]], [[1]]]]}', "must be finite numbers"),
        (b'{"instances": [{"pixels": 1}]}', r"The input is called 'images': received \['pixels'\]"),
        (b'{"instances": [1], "signature_name": "x"}', 'Serving signature name: "x" not found'),
        (b'{"instances": [1], "signature_name": [1]}', r"name: \[1\] not found"),
        (
            b'{"instances": [[[[0.5]], [[1]]]], "signature_name": "serve_uint8"}',
            "integers from 0 to 255",
        ),
        (b'{"instances": ["text"], "signature_name": "serve_bytes"}', "A picture must be"),
        (b'{"instances": [{"b64": "?"}], "signature_name": "serve_bytes"}', "b64 cannot be"),
        (b'{"instances": [{"b64": 3}], "signature_name": "serve_bytes"}', "A picture must be"),
    ],
)
def test_what_is_no_request_is_refused(body, message):
    with pytest.raises(ValueError, match=message):
        parse_request(body, SIGNATURES)


def test_answers_go_back_in_the_same_form():
    scores, names = np.array([[0.75, 0.25]]), np.array([["möwe".encode(), b""]], object)
    assert format_answer({"scores": scores}, True) == {"predictions": [[0.75, 0.25]]}
    assert format_answer({"scores": scores}, False) == {"outputs": [[0.75, 0.25]]}
    both = {"scores": scores, "classes": names}
    row = {"scores": [0.75, 0.25], "classes": ["möwe", ""]}
    assert format_answer(both, True) == {"predictions": [row]}
    assert format_answer(both, False) == {"outputs": {name: [row[name]] for name in row}}
    json.dumps(format_answer({"valid": np.array([True])}, True))


@pytest.mark.parametrize(
    "body, what",
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG"),
        (b"\x89PNG\r\n\x1a\n", "a PNG"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n\xff\xd8', "a form"),
    ],
)
def test_who_sends_a_picture_reads_how_to_send_it(body, what):
    with pytest.raises(ValueError) as error:
        parse_request(body, SIGNATURES)
    message = str(error.value)
    assert message.startswith("JSON Parse error") and f"The body is {what}." in message
    assert '{"signature_name": "serve_bytes", "instances": [{"b64": "..."}]}' in message
    assert "/show" in message
    pixels = {"serving_default": SIGNATURES["serving_default"]}
    with pytest.raises(ValueError, match="takes JSON with the pixels"):
        parse_request(body, pixels)


def test_who_forgets_the_signature_of_pictures_reads_its_name():
    with pytest.raises(ValueError, match=r'takes no pictures.*"signature_name": "serve_bytes"'):
        parse(instances=[PICTURE])
