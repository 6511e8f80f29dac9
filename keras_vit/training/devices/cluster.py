"""The processes that train together: their addresses, and how they wait for each other."""

import contextlib
import json
import os
import socket
import time

from keras_vit.errors import UserError

PATIENCE = 30  # seconds after which a waiting worker prints again which workers are missing
PAUSE = 0.5  # seconds between two attempts


def read_cluster(worker=None, workers=None):
    """Reads the number of this worker and the addresses of all, from arguments or `TF_CONFIG`.

    Args:
        worker: Number of this process among the workers, from 0.
        workers: Address and port of each worker, `host:2222`; `None` or empty reads `TF_CONFIG`.

    Returns:
        A dictionary with `worker`, an integer, and `workers`, a list of addresses: 0 and an empty
        list where there is one process only. `TF_CONFIG`'s chief is worker 0.

    Raises:
        ValueError: If an address has no port or appears twice, if `worker` is missing, out of range
            or passed without `workers`, or if `TF_CONFIG` is malformed or makes this process
            neither a chief nor a worker.
    """
    if not workers:
        if worker is not None:
            raise UserError(f"`worker` needs `workers`: received only worker={worker}.")
        return _read_config(os.environ.get("TF_CONFIG") or "{}")
    workers = [address.strip() for address in workers]
    for address in workers:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise UserError(
                f"`workers` must be addresses with ports, host:2222: received {address!r}."
            )
    if len(set(workers)) < len(workers):
        raise UserError(f"`workers` must be different addresses: received {', '.join(workers)}.")
    if worker is None or not 0 <= worker < len(workers):
        raise UserError(
            f"`worker` must say which of the {len(workers)} workers this is, from 0: "
            f"received worker={worker}."
        )
    return {"worker": worker, "workers": workers}


def _read_config(text):
    """Reads `TF_CONFIG`."""
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs = list(cluster.get("chief", []))
        workers = chiefs + list(cluster.get("worker", []))
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"TF_CONFIG must be JSON as TensorFlow describes it: {error}.") from error
    if not workers:
        return {"worker": 0, "workers": []}
    if kind not in ("chief", "worker"):
        raise UserError(
            f"TF_CONFIG must make this process a chief or a worker: received type {kind!r}."
        )
    return read_cluster(index if kind == "chief" else index + len(chiefs), workers)


def wait_for_workers(worker, workers):
    """Waits until all workers run, and prints which are missing.

    TensorFlow itself waits without a message and ignores Ctrl-C. Each worker except the first
    answers at its port with its number, until the first has reached all and sends "go".

    Args:
        worker: Number of this process among the workers, from 0.
        workers: Address and port of each worker.

    Raises:
        ValueError: If this worker's port is taken, or another program or worker answers at the
            address of one.
        ConnectionError: If a worker has ended before all could start.
    """
    missing = dict(enumerate(workers)) if worker == 0 else {0: workers[0]}
    missing.pop(worker, None)
    print(f"Worker {worker} of {len(workers)}, waiting for {_list(missing)} ...", flush=True)
    with _open_port(workers[worker]) as server:
        if worker:
            _answer(server, worker, workers)
            return
    last = time.monotonic()
    while missing:
        for index, address in list(missing.items()):
            if _ask(address, "who", index, workers):
                del missing[index]
        last = _remind(last, missing)
        time.sleep(PAUSE)
    for index, address in enumerate(workers[1:], start=1):
        if not _ask(address, "go", index, workers):
            raise ConnectionError(f"Worker {index} at {address} is gone: start all again.")


def _answer(server, worker, workers):
    """Answers with the number of this worker, until the first one sends "go"."""
    server.settimeout(PAUSE)
    last, question = time.monotonic(), None
    while question != "go":
        last = _remind(last, {0: workers[0]})
        with contextlib.suppress(OSError), server.accept()[0] as client:
            client.settimeout(PAUSE)
            question = client.recv(64).decode(errors="replace").strip()
            client.sendall(json.dumps({"worker": worker, "workers": workers}).encode())


def _ask(address, question, worker, workers):
    """Sends a question to a worker; returns whether it answers.

    Raises:
        ValueError: If another program or worker answers.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PAUSE) as client:
            client.sendall(question.encode())
            client.settimeout(5)
            answer = client.makefile().read()
    except OSError:
        return False
    if answer != json.dumps({"worker": worker, "workers": workers}):
        raise UserError(
            f"{address} must be worker {worker} of {', '.join(workers)}, started with the same "
            f"workers: it answers {answer[:200]!r}."
        )
    return True


def _remind(last, missing):
    """Prints every `PATIENCE` seconds which workers are missing; returns the time of the last."""
    if not missing or time.monotonic() - last < PATIENCE:
        return last
    print(
        f"Still waiting for {_list(missing)}: start the same command there, with its own number as "
        "worker; its port must be reachable from here.",
        flush=True,
    )
    return time.monotonic()


def _list(missing):
    return ", ".join(f"worker {index} at {address}" for index, address in missing.items())


def _open_port(address):
    """Opens the port of an address of this machine; raises a `ValueError` if it is taken."""
    port = int(address.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    try:
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise UserError(f"The port of {address}, this worker, is taken: {error}.") from error
