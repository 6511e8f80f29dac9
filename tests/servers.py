"""Servers in processes of their own, and one in a thread of the test's."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn
from ports import free_ports


@contextlib.contextmanager
def running(command, is_ready, **options):
    """Starts a server with its port as the last word and waits until it is ready.

    Yields an `httpx.Client` of it, whose `process` it is. `is_ready` is asked with this client.
    """
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [*command, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if is_ready(client):
                        break
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
            client.process = process
            yield client
    finally:
        process.kill()
        process.communicate()


def serving(path, *flags):
    """`keras-vit serve`."""
    program = Path(sys.executable).with_name("keras-vit")
    command = [program, "serve", str(path), *flags, "--port"]
    return running(command, lambda client: client.get("/readyz").status_code == 200)


@contextlib.contextmanager
def serving_here(app):
    """Serves an app from a thread, over a real socket; yields an `httpx.Client` of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    # Its own configuration of logging would close what pytest captures for Abseil's handler.
    config = uvicorn.Config(app, log_config=None, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def serving_file(path):
    """Serves an export from a thread, and waits until it answers; yields an `httpx.Client`."""
    from keras_vit.serve.app import create_app
    from keras_vit.serve.model import open_served

    with serving_here(create_app(open_served(path))) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        yield client
