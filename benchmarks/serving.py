"""Servers under a rising number of clients: ours, and a minimal one of FastAPI and torch.

    python -m benchmarks.serving

ViT-Ti/16 at 224 pixels, 1,000 classes, random weights. Every client sends JPEG pictures, one after
the other, over a connection that stays open, and waits for each answer. The servers run all the
time and take turns of some seconds at each number of clients. Clients and servers share
the cores. Answers with status 200 are counted. The torch server takes part if the extra `[parity]`
is installed.
"""

import base64
import concurrent.futures
import contextlib
import dataclasses
import http.client
import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.pictures import write_jpegs
from keras_vit.command_line import describe, run_recipe
from keras_vit.export import export
from keras_vit.models import vit
from keras_vit.tasks import classifier

OURS = ("savedmodel", "tflite", "tflite-int8")


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    clients: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Numbers of clients that send requests at the same time."""
    seconds: float = 4.0
    """Seconds of a turn."""
    rounds: int = 2
    """Number of turns of each server."""
    pictures: int = 32
    """Number of different JPEG pictures, 500 by 375 pixels, 110 kB."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: Port that it listens on.
        path: Path that pictures are posted to.
        body: Makes the body of a request from the contents of a picture file.
    """

    port: int
    path: str
    body: Callable[[bytes], bytes | str]


def run(config):
    """Measures all servers, then prints and writes the table; `config` is a `Config`."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        write_jpegs(folder, config.pictures)
        pictures = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
        model = classifier(vit("Ti/16", image_size=224), 1000)
        paths = export(model, Path(folder, "exported"), to=OURS)
        servers = {}
        for name, path in zip(OURS, paths, strict=True):
            servers[name] = stack.enter_context(_ours(path))
        if importlib.util.find_spec("torch"):
            servers["torch"] = stack.enter_context(_torch())
        for server in servers.values():
            _load(server, pictures, 2, 2.0)  # warm
        turns = {(name, clients): [] for name in servers for clients in config.clients}
        with Progress(transient=True) as progress:
            task = progress.add_task("turns", total=len(turns) * config.rounds)
            for clients in config.clients:
                for _ in range(config.rounds):
                    for name, server in servers.items():
                        turns[name, clients].append(
                            _load(server, pictures, clients, config.seconds)
                        )
                        progress.advance(task)
    with open(config.out, "w", encoding="utf-8") as file:
        for console in (Console(), Console(file=file, width=100)):
            console.print(_table(turns))
            console.print("milliseconds of all answers; images/s and ratio: median of the rounds")
            console.print(
                f"{describe(config, 'out')}\n{machine()}\npython -m benchmarks.serving",
                highlight=False,
            )


@contextlib.contextmanager
def _ours(path):
    def body(picture):
        instances = [{"b64": base64.b64encode(picture).decode()}]
        return json.dumps({"signature_name": "serve_bytes", "instances": instances})

    program = Path(sys.executable).with_name("keras-vit")
    with _running([program, "serve", path]) as port:
        yield Server(port, "/v1/models/exported:predict", body)


@contextlib.contextmanager
def _torch():
    with _running([sys.executable, "-m", "uvicorn", "benchmarks.torch_rival:app"]) as port:
        yield Server(port, "/predict", lambda picture: picture)


@contextlib.contextmanager
def _running(command):
    """Starts a server on a free port, waits until it accepts connections and yields the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*map(str, command), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{command} has stopped.")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _load(server, pictures, clients, seconds):
    """Returns images per second, the seconds of each answer, and the number of errors."""
    bodies = [server.body(picture) for picture in pictures]
    end = time.perf_counter() + seconds

    def ask(first):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        answers, errors, number = [], 0, first
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                connection.request("POST", server.path, bodies[number % len(bodies)])
                response = connection.getresponse()
                response.read()
                is_answer = response.status == 200
            except (OSError, http.client.HTTPException):  # the next request opens a new one
                connection.close()
                is_answer = False
            if is_answer:
                answers.append(time.perf_counter() - start)
            else:
                errors += 1
            number += 1
        connection.close()
        return answers, errors

    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(ask, range(clients)))
    taken = time.perf_counter() - start
    answers = np.concatenate([times for times, _ in done])
    return len(answers) / taken, answers, sum(errors for _, errors in done)


def _table(turns):
    table = Table("server", box=None)
    for heading in ("clients", "p50", "p95", "p99", "images/s", "ratio to torch", "errors"):
        table.add_column(heading, justify="right")
    for (name, clients), rounds in turns.items():
        rates, answers, errors = zip(*rounds, strict=True)
        answers = np.concatenate(answers)
        milliseconds = 1000 * np.percentile(answers, (50, 95, 99)) if len(answers) else [np.nan] * 3
        ratio = "-"
        if rivals := turns.get(("torch", clients)):
            ratios = [
                rate / rival[0] for rate, rival in zip(rates, rivals, strict=True) if rival[0]
            ]
            ratio = f"{np.median(ratios):.2f}" if ratios else "-"
        cells = [*(f"{each:.0f}" for each in milliseconds), f"{np.median(rates):.1f}", ratio]
        table.add_row(name, str(clients), *cells, str(sum(errors)))
    return table


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
