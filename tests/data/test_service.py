"""A tf.data service in this process: what it delivers, and what it cannot."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import Split, from_folder, inception_crop, train_batches


@pytest.fixture
def service():
    dispatcher = tf.data.experimental.service.DispatchServer()
    config = tf.data.experimental.service.WorkerConfig
    address = dispatcher.target.split("://")[1]
    workers = [
        tf.data.experimental.service.WorkerServer(config(dispatcher_address=address))
        for _ in range(2)
    ]
    yield dispatcher.target
    del workers, dispatcher


def first_epoch(batches, count):
    parts = list(itertools.islice(batches.as_numpy_iterator(), count))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


@pytest.fixture
def folder(tmp_path):
    for index in range(24):
        place = tmp_path / "train" / f"class {index % 3}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.full((20, 24, 3), 10 * index, "uint8")
        Image.fromarray(pixels).save(place / f"{index:02d}.jpg", quality=95)
    return tmp_path


def test_a_folder_is_decoded_by_the_service_without_its_broken_pictures(service, folder):
    (folder / "train" / "class 0" / "00.jpg").write_bytes(b"\xff\xd8\xff no picture")
    split = from_folder(folder, test_fraction=0.1).splits["train"]
    crop = functools.partial(inception_crop, size=8)
    images, labels = first_epoch(
        train_batches(split, batch_size=4, seed=1, crop=crop, service=service), 5
    )
    values = np.round(images.mean(axis=(1, 2, 3)) / 10).astype(int)
    assert (values % 3 == labels).all() and 0 not in values
    assert images.shape == (20, 8, 8, 3)


def test_what_needs_python_is_refused(service, folder):
    for index in range(9):  # some of them are not in the tenth that is for tests
        Image.new("RGB", (8, 8)).save(folder / "train" / "class 0" / f"flat{index}.png")
    split = from_folder(folder, test_fraction=0.1).splits["train"]
    crop = functools.partial(inception_crop, size=8)
    with pytest.raises(ValueError, match="decodes upright JPEGs.*flat..png"):
        train_batches(split, batch_size=4, seed=1, crop=crop, service=service)


def test_a_split_in_memory_needs_no_service():
    split = Split.in_memory(np.zeros((4, 2, 2, 1), "uint8"), np.zeros(4, int))
    with pytest.raises(ValueError, match="is for pictures in files"):
        train_batches(split, batch_size=2, seed=0, service="grpc://localhost:1")


def test_an_address_that_is_none_is_refused(folder):
    split = from_folder(folder, test_fraction=0.1).splits["train"]
    crop = functools.partial(inception_crop, size=8)
    with pytest.raises(ValueError, match="grpc://host:5000: received 'localhost'"):
        train_batches(split, batch_size=2, seed=0, crop=crop, service="localhost")
    with pytest.raises(ValueError, match="There is no tf.data service at grpc://localhost:1"):
        train_batches(split, batch_size=2, seed=0, crop=crop, service="grpc://localhost:1")
