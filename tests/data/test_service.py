"""A tf.data service in this process: what it delivers, and what it cannot."""

import functools
import itertools
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import Split, from_folder, inception_crop, train_batches
from keras_vit.errors import UserError


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


def corner(sample, key):
    """A crop that is quick to trace."""
    image = tf.io.decode_jpeg(sample["image"], channels=3)[:8, :8]
    return sample | {"image": tf.ensure_shape(image, (8, 8, 3))}


def batches_of(folder, service, *, job=None, **options):
    split = from_folder(folder).splits["train"]
    options = {"batch_size": 4, "seed": 1, **options}
    return train_batches(split, crop=corner, service=service, job=job, **options)


def paint(folder, level):
    """Makes every picture of a folder one of this grey level."""
    for path in folder.rglob("*.jpg"):
        Image.new("RGB", (24, 20), (level,) * 3).save(path)
    return folder


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
    with pytest.raises(ValueError, match="decodes only upright JPEGs.*flat..png"):
        train_batches(split, batch_size=4, seed=1, crop=crop, service=service)


def test_a_split_in_memory_needs_no_service():
    split = Split.in_memory(np.zeros((4, 2, 2, 1), "uint8"), np.zeros(4, int))
    with pytest.raises(ValueError, match="is for pictures in files"):
        train_batches(split, batch_size=2, seed=0, service="grpc://localhost:1")


def test_an_address_that_is_none_is_refused(folder):
    split = from_folder(folder, test_fraction=0.1).splits["train"]
    crop = functools.partial(inception_crop, size=8)
    for address in ("localhost", "grpc://localhost", "grpc://localhost:port", "grpc://[::1"):
        with pytest.raises(UserError, match="grpc://host:5000: received"):
            train_batches(split, batch_size=2, seed=0, crop=crop, service=address)
    with pytest.raises(ValueError, match="There is no tf.data service at grpc://localhost:1"):
        train_batches(split, batch_size=2, seed=0, crop=crop, service="grpc://localhost:1")


@pytest.mark.parametrize("jobs", [(None, None), ("one", "one")])
def test_two_trainings_on_one_service_see_their_own_pictures(service, folder, tmp_path, jobs):
    white = paint(shutil.copytree(folder / "train", tmp_path / "white"), 255)
    runs = [
        batches_of(place, service, job=job).as_numpy_iterator()
        for place, job in zip((paint(folder / "train", 0), white), jobs, strict=True)
    ]
    for _ in range(5):
        assert [next(run)[0].mean() for run in runs] == [0, 255]


@pytest.mark.parametrize("changed", [{"job": "two"}, {"seed": 2}, {"start_step": 3}])
def test_a_training_that_goes_on_does_not_join_its_old_stream(service, folder, changed):
    killed = batches_of(paint(folder, 0), service, job="one").as_numpy_iterator()
    assert next(killed)[0].mean() == 0  # and it is not given back, as a killed process's is not
    paint(folder, 255)
    resumed = batches_of(folder, service, **{"job": "one", **changed}).as_numpy_iterator()
    assert [next(resumed)[0].mean() for _ in range(5)] == [255] * 5


def test_two_workers_of_a_training_share_its_pictures(service, tmp_path):
    for index in range(64):
        place = tmp_path / "train" / f"class {index % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 20), (4 * index,) * 3).save(place / f"{index:02d}.jpg", quality=95)
    shares = [
        batches_of(tmp_path, service, job="one", worker=worker, workers=2).as_numpy_iterator()
        for worker in range(2)
    ]
    seen = [np.round(next(share)[0].mean((1, 2, 3)) / 4) for _ in range(8) for share in shares]
    assert len(np.concatenate(seen)) == 32
    assert len(np.unique(np.concatenate(seen))) > 27  # strangers would see the same ones twice


def test_workers_without_a_name_for_their_training_are_refused(folder):
    with pytest.raises(ValueError, match="need one name, `job`: received workers=2, job=None"):
        batches_of(folder, "grpc://localhost:1", workers=2)
