"""`keras-vit serve` in a process of its own."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


@contextlib.contextmanager
def serving(path, *flags):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("keras-vit")
    command = [program, "serve", str(path), "--port", str(port)]
    process = subprocess.Popen(
        [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        break
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
            client.process = process
            yield client
    finally:
        process.kill()
        process.communicate()
