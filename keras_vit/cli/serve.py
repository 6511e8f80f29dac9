"""`keras-vit serve`: a small server with TensorFlow Serving's REST paths."""

import os
import socket
from pathlib import Path
from urllib.parse import quote

from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError, needs_extra


def serve_model(
    model: Path,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8501,
    max_body: int = 32 * 2**20,
    max_pixels: int = 50_000_000,
    max_batch: int = 16,
    max_requests: int = 64,
    threads: int | None = None,
):
    """Serve a SavedModel, a .tflite or an .onnx file over REST, with a page to try it at /.

    The paths are TensorFlow Serving's, for example /v1/models/NAME:predict; /healthz, /readyz and
    /metrics (Prometheus) stand beside them. SIGTERM and Ctrl-C answer what has come, for at most
    ten seconds, and stop.

    Args:
        model: A SavedModel folder, a folder of its versions, a .tflite or .onnx file, or a
            folder of OpenVINO.
        host: Address to listen at; 0.0.0.0 is every one.
        port: Port.
        max_body: Bytes that a request may have.
        max_pixels: Pixels that the pictures of a request may claim together.
        max_batch: Images that are gathered from several requests, and that one may hold.
        max_requests: Requests that wait for their answer; others are refused with 429.
        threads: Threads that compute; all by default.
    """
    limits = dict(
        max_body=max_body, max_pixels=max_pixels, max_batch=max_batch, max_requests=max_requests
    )
    for name, value in limits.items():
        if value < 1:
            raise UserError(f"--{name.replace('_', '-')} must be at least 1: received {value}.")
    if threads is not None and threads < 1:
        raise UserError(f"--threads must be at least 1: received {threads}.")
    if not 0 <= port <= 65_535:
        raise UserError(f"--port must lie in [0, 65535]: received {port}.")
    with needs_extra("serve"):
        import uvicorn

        from keras_vit.serve.app import create_app
        from keras_vit.serve.connections import Impatient
    from keras_vit.serve.model import open_served

    with quiet_stderr():
        served = open_served(model, threads=threads)
    app = create_app(served, **limits)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it. asyncio sets it only on those whose socket names its protocol;
    # without it an answer, sent in two parts, waits 40 ms for what acknowledges the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(
        f"Serving {served.name}, version {served.version}, on {served.runtime}: "
        f"http://{host}:{port}/, http://{host}:{port}/v1/models/{quote(served.name)}:predict",
        flush=True,
    )
    config = uvicorn.Config(
        app,
        http=Impatient,
        log_level="warning",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[listening])
    if app.state.is_stuck:
        os._exit(1)  # Python would wait for the thread that computes
    return 0
