"""`keras-vit serve`: runs a small server with TensorFlow Serving's REST paths."""

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

    The paths are TensorFlow Serving's, for example /v1/models/NAME:predict, and /healthz, /readyz
    and /metrics (Prometheus). On SIGTERM and Ctrl-C the server answers the requests that have
    arrived, for at most ten seconds, and stops.

    Args:
        model: A SavedModel folder, a folder of its versions, a .tflite or .onnx file, or a
            folder of OpenVINO.
        host: Address to listen on; 0.0.0.0 stands for all addresses of the machine.
        port: Port to listen on.
        max_body: Largest body of a request, in bytes.
        max_pixels: Largest sum of the pixels of a request's pictures, by their headers.
        max_batch: Most images of a request, and of a batch that is gathered from several requests.
        max_requests: Most requests that may wait for their answer; further ones are refused with
            status 429.
        threads: How many threads compute; all by default.
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
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:  # which names no address
        raise UserError(f"Nothing can listen at {host}:{port}: {error.strerror}.") from error
    # Connections inherit TCP_NODELAY; asyncio sets it only where the socket names its protocol.
    # Without it an answer, which is sent in two parts, waits 40 ms until the first is acknowledged.
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
