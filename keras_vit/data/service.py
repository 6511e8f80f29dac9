"""Reads and decodes pictures on other machines, by tf.data's service."""

import dataclasses
import hashlib
import socket
import urllib.parse
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.order import mapped
from keras_vit.errors import UserError
from keras_vit.images.graph_decode import is_plain_jpeg

SAMPLE = 100  # pictures that are checked before the service gets all of them


def served_batches(
    split,
    order,
    finish: Callable[[tf.Tensor, dict], object],
    crop: Callable[[dict, tf.Tensor], dict],
    service,
    job=None,
):
    """Streams batches of an `EncodedSplit` without end, read and decoded by a service.

    A service gives consumers that name the same job one stream to share, whatever their datasets
    are. The workers of a training name one job, so that every example goes to one of them, at most
    once an epoch. The order is not kept. Broken pictures are lost, and so are those that a worker
    of the service held when it died.

    Args:
        split: The split; its pictures must be upright JPEGs, grey or RGB.
        order: The `keras_vit.data.order.Order` of its examples. The workers of the service share
            the work, not those of the training.
        finish: Is called with the counters `(B,)`, int64, and samples of each batch; what it
            returns is streamed.
        crop: Is called with a sample and its counter `()`, int64, and returns the sample with an
            image `(H, W, 3)`, uint8.
        service: Address of the service's dispatcher, `"grpc://10.0.0.9:5000"`.
        job: Name of the training; without one, the stream is not shared.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        ValueError: If the split is no `EncodedSplit`, the address is malformed, nothing answers
            there, or one of a hundred sampled pictures is no JPEG that TensorFlow can decode
            without Python.
    """
    if not split.named:
        raise UserError("A tf.data service is for pictures in files that are read in any order.")
    _check_reachable(service)
    for index in np.linspace(0, split.count - 1, min(SAMPLE, split.count)).astype("int64"):
        if not _is_plain(split, index):
            raise UserError(
                "A tf.data service decodes only upright JPEGs, grey or RGB: received "
                f"{split.path(int(index))}."
            )

    whole = dataclasses.replace(order, worker=0, workers=1)

    def example(counter):  # the same as the ordinal, as there is one worker
        sample = split.read(whole.indices(counter[None])[0])
        if "mask" in sample:
            raise UserError("A tf.data service decodes no masks.")
        return counter, crop(sample, counter)

    counters = tf.data.Dataset.range(whole.start, whole.end)
    examples = mapped(counters, example, tf.data.AUTOTUNE).ignore_errors()
    served = examples.apply(
        tf.data.experimental.service.distribute(
            processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
            service=service,
            job_name=_job_name(job, split, whole),
        )
    )
    return mapped(order.batch(served), finish)


def _job_name(job, split, order):
    """Names the stream by all that its examples depend on, so that no other stream is joined."""
    if job is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((job, dataclasses.astuple(order))).encode())
    for index in range(split.count):
        digest.update(split.path(index).encode(errors="surrogatepass") + b"\0")
    return f"keras_vit-{digest.hexdigest()}"


def _check_reachable(service):
    """Refuses an address at which TensorFlow would wait for ever."""
    try:
        address = urllib.parse.urlsplit(service)
        host, port = address.hostname, address.port
    except ValueError:  # a port that is no number, a broken IPv6 address
        host = port = None
    if not host or not port or address.scheme != "grpc":
        raise UserError(f"`service` must look like grpc://host:5000: received {service!r}.")
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise UserError(f"There is no tf.data service at {service}: {error}.") from error


def _is_plain(split, index):
    try:
        return bool(is_plain_jpeg(split.read(tf.constant(index))["image"]))
    except tf.errors.OpError:
        return True  # broken pictures are left out
