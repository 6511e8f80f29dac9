"""The processes that train together: who they are, and how they meet."""

import contextlib
import json
import os
import socket
import time

PATIENCE = 30  # seconds after which a worker without its peers says so again
PAUSE = 0.5  # seconds between two looks


def read_cluster(worker=None, workers=None):
    """Reads which worker this is and who the others are, from arguments or `TF_CONFIG`.

    Args:
        worker: Which of the workers this process is, from 0.
        workers: Address and port of each worker.

    Returns:
        A dictionary of `worker` and `workers`; of 0 and an empty list where there are none.
        `TF_CONFIG`'s chief is worker 0.

    Raises:
        ValueError: If they are not described well.
    """
    if not workers:
        if worker is not None:
            raise ValueError(f"`worker` needs `workers`: received worker={worker} alone.")
        return _read_config(os.environ.get("TF_CONFIG") or "{}")
    for address in workers:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(
                f"`workers` must be addresses with ports, host:2222: received {address!r}."
            )
    if len(set(workers)) < len(workers):
        raise ValueError(f"`workers` must be different addresses: received {', '.join(workers)}.")
    if worker is None or not 0 <= worker < len(workers):
        raise ValueError(
            f"`worker` must say which of the {len(workers)} workers this is, from 0: "
            f"received worker={worker}."
        )
    return {"worker": worker, "workers": list(workers)}


def _read_config(text):
    """Reads `TF_CONFIG`."""
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs = list(cluster.get("chief", []))
        workers = chiefs + list(cluster.get("worker", []))
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"TF_CONFIG must be JSON as TensorFlow describes it: {error}.") from error
    if not workers:
        return {"worker": 0, "workers": []}
    if kind not in ("chief", "worker"):
        raise ValueError(
            f"TF_CONFIG must make this process a chief or a worker: received type {kind!r}."
        )
    return read_cluster(index if kind == "chief" else index + len(chiefs), workers)


def wait_for_workers(worker, workers):
    """Waits until all workers run, and says for whom.

    TensorFlow itself waits without a word, and deaf to Ctrl-C. All workers but the first listen at
    their ports until TensorFlow answers at the first one's; the first waits for all of them before
    it lets TensorFlow begin.

    Args:
        worker: Which of the workers this process is, from 0.
        workers: Address and port of each worker.

    Raises:
        ValueError: If this worker's port is taken.
    """
    missing = workers[1:] if worker == 0 else workers[:1]
    print(f"Worker {worker} of {len(workers)}, waiting for {', '.join(missing)} ...", flush=True)
    with _port_of(workers[worker], listening=worker > 0):
        told = time.monotonic()
        while missing := [address for address in missing if not _answers(address)]:
            if time.monotonic() - told > PATIENCE:
                told = time.monotonic()
                print(
                    f"Still waiting for {', '.join(missing)}: start the same command there, with "
                    "its own number as worker; its port must be reachable from here.",
                    flush=True,
                )
            time.sleep(PAUSE)


@contextlib.contextmanager
def _port_of(address, *, listening):
    """Holds the port of an address of this machine."""
    port = int(address.rpartition(":")[2])
    with socket.socket() as held:
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("", port))
            if listening:
                held.listen()
        except OSError as error:
            raise ValueError(f"The port of {address}, this worker, is taken: {error}.") from error
        yield


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=PAUSE).close()
    except OSError:
        return False
    return True
