"""Reading on other machines: tf.data's service between the pictures and the trainer."""

import dataclasses
import hashlib
import socket
import urllib.parse

import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.images.graph_decode import is_plain_jpeg

ENDLESS = np.iinfo("int64").max
SAMPLE = 100  # pictures looked at before the service is trusted with all


def service_examples(split, order, crop, start, service, job=None):
    """Streams `(ordinal, image, label)` of an `EncodedSplit`, read and decoded by a service.

    A service gives consumers that name the same job one stream to share, whatever their datasets
    are. The workers of a training name one job, so that every example goes to one of them, at most
    once an epoch. Order is not kept; broken pictures, and what a worker of the service held when
    it died, are lost.

    Args:
        split: The split, of JPEGs.
        order: Its `Order`, of one worker.
        crop: A function of an encoded picture `()` and its counter `()` that returns an image
            `(S, S, 3)`.
        start: Ordinal of the first example.
        service: Address of the service's dispatcher, `"grpc://10.0.0.9:5000"`.
        job: Name of the training; without one, nobody shares the stream.

    Raises:
        ValueError: If the address does not look like one, nothing answers there, or a picture needs
            Python to be decoded, which is not where the service is.
    """
    _check_reachable(service)
    for index in np.linspace(0, split.count - 1, min(SAMPLE, split.count)).astype("int64"):
        if not _is_plain(split, index):
            raise UserError(
                "A tf.data service decodes upright JPEGs, grey or RGB, and nothing else: received "
                f"{split.path(int(index))}."
            )

    def example(ordinal):
        counter = order.counters(ordinal)
        encoded, label = split.read(order.indices(counter[None])[0])
        return ordinal, crop(encoded, counter), label

    ordinals = tf.data.Dataset.range(start, ENDLESS)
    examples = ordinals.map(example, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    return examples.apply(
        tf.data.experimental.service.distribute(
            processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
            service=service,
            job_name=_job_name(job, split, order, start),
        )
    )


def _job_name(job, split, order, start):
    """Names the stream by all that its examples depend on, so that no other stream is joined."""
    if job is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((job, dataclasses.astuple(order), start)).encode())
    for index in range(split.count):
        digest.update(split.path(index).encode(errors="surrogatepass") + b"\0")
    return f"keras_vit-{digest.hexdigest()}"


def _check_reachable(service):
    """Raises a `ValueError` where TensorFlow would wait for ever."""
    address = urllib.parse.urlsplit(service)
    if address.scheme != "grpc" or not address.hostname or not address.port:
        raise UserError(f"`service` must look like grpc://host:5000: received {service!r}.")
    try:
        socket.create_connection((address.hostname, address.port), timeout=10).close()
    except OSError as error:
        raise UserError(f"There is no tf.data service at {service}: {error}.") from error


def _is_plain(split, index):
    try:
        return bool(is_plain_jpeg(split.read(tf.constant(index))[0]))
    except tf.errors.OpError:
        return True  # broken, and left out
