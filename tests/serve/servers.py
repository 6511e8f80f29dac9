"""Servers in processes of their own."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import httpx
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
