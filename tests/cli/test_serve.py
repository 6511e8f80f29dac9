"""`keras-vit serve` where it cannot: what it answers is tested in `tests/serve`."""

import socket

import pytest


@pytest.mark.parametrize(
    "words, message",
    [
        (["{litert}", "--max-batch", "0"], "--max-batch must be at least 1: received 0."),
        (["{litert}", "--port", "{port}"], "Address already in use"),
        (["{keras_file}"], "A .keras file is exported first, then served"),
        (["{saved_model}x"], "There is no model at"),
    ],
)
def test_a_mistake_is_one_line(tiny, run, one_line, words, message):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {**tiny._asdict(), "port": taken.getsockname()[1]}
        code, _, err = run("serve", *[word.format(**places) for word in words])
    assert code == 2 and message in one_line(err)


@pytest.mark.parametrize("host", ["127.0.0.1", "256.1.1.1"])
def test_an_address_that_cannot_be_had_is_named(run, one_line, tiny, host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text, err = run("serve", tiny.saved_model, "--host", host, "--port", port)
    assert (code, text) == (2, "")
    assert f"Nothing can listen at {host}:{port}: " in one_line(err)
