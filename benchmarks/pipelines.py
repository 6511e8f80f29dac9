"""The pipelines that `benchmarks.input_pipeline` compares.

Those for small images take `images` `(N, 32, 32, 3)`, uint8, and `labels` `(N,)`; those for JPEG
files take a `folder` with a folder per class. All return an iterable of batches.
"""

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.pictures import CLASSES, natural_images
from keras_vit.data import Split, from_folder, inception_crop, train_batches
from keras_vit.data.augment import (
    chain,
    mix,
    rand_augment,
    random_crop,
    random_erasing,
    random_flip,
)

# (a) Small images in memory

SMALL_BATCH = 128
RAND_AUGMENT = functools.partial(rand_augment, num_ops=2, magnitude=9)


def ours_small(images, labels):
    """Builds our pipeline for small images."""
    crop = functools.partial(random_crop, padding=4)
    erase = functools.partial(random_erasing, rate=0.25)
    return train_batches(
        Split.in_memory(images, labels),
        batch_size=SMALL_BATCH,
        seed=0,
        augment=chain(crop, random_flip, RAND_AUGMENT, erase),
        mix=functools.partial(mix, num_classes=CLASSES, mixup=0.8, cutmix=1.0, smoothing=0.1),
    )


def shuffled(images, labels):
    """Builds a shuffled `tf.data.Dataset` of small batches, which the layers of others augment."""
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).repeat()
    return dataset.batch(SMALL_BATCH, drop_remainder=True)


def keras_cv_small(images, labels):
    """Builds the pipeline of KerasCV's layers for small images."""
    import keras_cv

    pad = keras.layers.ZeroPadding2D(4)
    crop = keras_cv.layers.RandomCrop(32, 32)
    changes = [
        keras_cv.layers.RandomFlip("horizontal"),
        keras_cv.layers.RandAugment((0, 255), augmentations_per_image=2, magnitude=0.3),
        keras_cv.layers.RandomApply(
            keras_cv.layers.RandomCutout((0.15, 0.6), (0.15, 0.6)), rate=0.25
        ),
    ]
    blend = keras_cv.layers.RandomChoice(
        [keras_cv.layers.MixUp(0.8), keras_cv.layers.CutMix(1.0)], batchwise=True
    )

    def augment(images, labels):
        images = crop(pad(tf.cast(images, tf.float32)), training=True)
        for change in changes:
            images = change(images, training=True)
        mixed = blend({"images": images, "labels": tf.one_hot(labels, CLASSES)}, training=True)
        return tf.cast(mixed["images"], tf.uint8), mixed["labels"]

    return parallel(shuffled(images, labels), augment)


def keras_small(images, labels):
    """Builds the pipeline of Keras' own layers for small images."""
    pad, crop = keras.layers.ZeroPadding2D(4), keras.layers.RandomCrop(32, 32)
    changes = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandAugment((0, 255), num_ops=2, factor=0.3),
        keras.layers.RandomErasing(0.25, value_range=(0, 255)),
    ]
    blends = [keras.layers.MixUp(0.8), keras.layers.CutMix(1.0)]

    def augment(images, labels):
        images = crop(pad(tf.cast(images, tf.float32)), training=True)
        for change in changes:
            images = change(images, training=True)
        mixed = {"images": images, "labels": tf.one_hot(labels, CLASSES)}
        first, second = (functools.partial(blend, mixed, training=True) for blend in blends)
        mixed = tf.cond(tf.random.uniform([]) < 0.5, first, second)
        return tf.cast(mixed["images"], tf.uint8), mixed["labels"]

    return parallel(shuffled(images, labels), augment)


def timm_small(images, labels):
    """Builds the pipeline of timm's transforms in a torch DataLoader for small images."""
    from timm.data import create_transform
    from timm.data.mixup import FastCollateMixup
    from torchvision import transforms

    after = create_transform(
        32,
        is_training=True,
        scale=(1, 1),
        ratio=(1, 1),
        auto_augment="rand-m9-mstd0",
        re_prob=0.0,
        use_prefetcher=True,  # leaves the pixels uint8
    )
    # timm crops by area; a crop with padding comes before, and only flip and RandAugment after.
    steps = [transforms.RandomCrop(32, padding=4), *after.transforms[1:]]
    blend = FastCollateMixup(mixup_alpha=0.8, cutmix_alpha=1.0, label_smoothing=0.1, num_classes=10)
    examples = TorchArrays(images, labels, transforms.Compose(steps))
    return torch_batches(examples, SMALL_BATCH, blend, erase=True)


# (b) JPEG files

LARGE_BATCH = 32
SIZE = 224


def ours_large(folder):
    """Builds our pipeline for JPEG files."""
    return train_batches(
        from_folder(folder).splits["train"],
        batch_size=LARGE_BATCH,
        seed=0,
        crop=functools.partial(inception_crop, size=SIZE),
        augment=chain(random_flip, RAND_AUGMENT),
    )


def decoded(folder, change: Callable[[tf.Tensor], tf.Tensor]):
    """Decodes JPEG files whole and changes each image to `SIZE`, for the layers of others."""
    files = tf.data.Dataset.list_files(str(Path(folder, "*", "*.jpg")), shuffle=True).repeat()

    def read(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.ensure_shape(change(tf.cast(image, tf.float32)), (SIZE, SIZE, 3)), 0

    return parallel(files, read).batch(LARGE_BATCH, drop_remainder=True)


def keras_cv_large(folder):
    """Builds the pipeline of KerasCV's layers for JPEG files."""
    import keras_cv

    crop = keras_cv.layers.RandomCropAndResize((SIZE, SIZE), (0.08, 1.0), (3 / 4, 4 / 3))
    flip = keras_cv.layers.RandomFlip("horizontal")
    change = keras_cv.layers.RandAugment((0, 255), augmentations_per_image=2, magnitude=0.3)

    def augment(images, labels):
        images = change(flip(images, training=True), training=True)
        return tf.cast(images, tf.uint8), labels

    return parallel(decoded(folder, functools.partial(crop, training=True)), augment)


def keras_large(folder):
    """Builds the pipeline of Keras' own layers for JPEG files.

    Keras has no Inception crop: a random crop of a fixed size replaces it.
    """
    resize = keras.layers.Resizing(256, 256, crop_to_aspect_ratio=True)
    crop = keras.layers.RandomCrop(SIZE, SIZE)
    flip = keras.layers.RandomFlip("horizontal")
    change = keras.layers.RandAugment((0, 255), num_ops=2, factor=0.3)

    def augment(images, labels):
        images = change(flip(images, training=True), training=True)
        return tf.cast(images, tf.uint8), labels

    return parallel(decoded(folder, lambda x: crop(resize(x), training=True)), augment)


def timm_large(folder):
    """Builds the pipeline of timm's transforms in a torch DataLoader for JPEG files."""
    from timm.data import ImageDataset, create_transform
    from timm.data.loader import fast_collate

    transform = create_transform(
        SIZE, is_training=True, auto_augment="rand-m9-mstd0", use_prefetcher=True
    )
    examples = ImageDataset(str(folder), transform=transform)
    return torch_batches(examples, LARGE_BATCH, fast_collate)


def parallel(dataset, function: Callable):
    """Maps a `tf.data.Dataset` in parallel and prefetches, as our own pipelines do."""
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


class TorchArrays:
    """A data set of arrays for torch's DataLoader; `transform` augments an image."""

    def __init__(self, images, labels, transform: Callable[[Image.Image], object]):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class torch_batches:  # noqa: N801
    """An endless iterable of the batches of a torch DataLoader, erased at random as timm does."""

    def __init__(self, examples, batch_size, collate: Callable[[list], tuple], erase=False):
        from timm.data.random_erasing import RandomErasing
        from torch.utils.data import DataLoader

        self.loader = DataLoader(
            examples, batch_size, shuffle=True, drop_last=True, collate_fn=collate
        )
        self.erase = RandomErasing(0.25, mode="pixel", device="cpu") if erase else None

    def __iter__(self):
        while True:
            for images, labels in self.loader:
                yield (self.erase(images.float()) if self.erase else images), labels


def rivals(folder):
    """Returns all pipelines, `{(case, name): (batches, batch size)}`, ours first in each case."""
    images = natural_images(2000, 32, 32)
    labels = np.arange(len(images)) % CLASSES
    table = {
        ("a", "keras_vit"): (ours_small(images, labels), SMALL_BATCH),
        ("a", "KerasCV"): (keras_cv_small(images, labels), SMALL_BATCH),
        ("a", "Keras"): (keras_small(images, labels), SMALL_BATCH),
        ("b", "keras_vit"): (ours_large(folder), LARGE_BATCH),
        ("b", "KerasCV"): (keras_cv_large(folder), LARGE_BATCH),
        ("b", "Keras"): (keras_large(folder), LARGE_BATCH),
    }
    if importlib.util.find_spec("timm"):
        import torch

        torch.set_num_threads(1)
        table["a", "timm"] = timm_small(images, labels), SMALL_BATCH
        table["b", "timm"] = timm_large(folder), LARGE_BATCH
    return dict(sorted(table.items(), key=lambda item: item[0][0]))
