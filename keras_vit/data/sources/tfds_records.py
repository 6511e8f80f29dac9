"""Splits of encoded pictures of TensorFlow Datasets: random access, in memory, or sequential."""

import os

import numpy as np
import tensorflow as tf

from keras_vit.data.splits import EncodedSplit, SequentialSplit
from keras_vit.errors import UserError

FILES_AT_ONCE = 16
LOOKED_AT = 16  # examples
SHUFFLE_BUFFER = 16_384  # encoded pictures; of ImageNet 1.8 GB


def count(stored, split):
    """Counts the examples of a split.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: A split in TFDS' syntax.

    Returns:
        An integer; 0 for a set that TFDS mocks.
    """
    return sum(file.take for file in _files(stored, split))


def size(stored, split):
    """Estimates the size of a split's records from the sizes of its files.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: A split in TFDS' syntax.

    Returns:
        A number of bytes.
    """
    return sum(
        os.path.getsize(file.filename) * file.take / file.examples_in_shard
        for file in _files(stored, split)
    )


def is_annotated(stored, split):
    """Returns whether labels or boxes of a split are known, by its first examples.

    Competitions publish test splits without: TFDS writes labels of -1, and no boxes.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: The name of a split.

    Returns:
        A boolean.
    """
    if is_random_access(stored):
        whole = random_access(stored, split)
        samples = (whole.read(tf.constant(i, tf.int64)) for i in range(min(LOOKED_AT, whole.count)))
    else:
        few = stored.as_dataset(split, decoders=stored.undecoded).take(LOOKED_AT)
        samples = few.as_numpy_iterator()
    for sample in samples:
        known = [np.asarray(sample[key]) for key in ("label", "box_labels") if key in sample]
        if not known or any((values >= 0).any() for values in known):
            return True
    return False


def is_random_access(stored):
    """Returns whether records can be read by their index: whether they are in `array_record` files.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.

    Returns:
        A boolean.
    """
    import tensorflow_datasets as tfds

    formats = stored.builder.info.available_file_formats()
    return tfds.core.FileFormat.ARRAY_RECORD in formats


def random_access(stored, split):
    """Opens a split whose records have an index, without reading it.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set, stored as `array_record`.
        split: A split in TFDS' syntax.

    Returns:
        An `EncodedSplit`; its labels are not known without reading.
    """
    length, record = _array_records(stored, split)

    def read(index):
        return _parse(stored, record(index))

    return EncodedSplit(length, read, f"record {{}} of {split}".format)


def decoded(stored, split):
    """Opens a split as a dataset of samples with decoded images, always in the same order.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: A split in TFDS' syntax.

    Returns:
        A `tf.data.Dataset` of samples.
    """
    import tensorflow_datasets as tfds

    if stored.builder.info.file_format is not tfds.core.FileFormat.ARRAY_RECORD:
        return stored.as_dataset(split)
    length, record = _array_records(stored, split)
    records = tf.data.Dataset.range(length).map(record)
    return records.map(stored.features.deserialize_example).map(stored.sample)


def _array_records(stored, split):
    """Returns how many records a split has, and a function that reads one by its index `()`."""
    import tensorflow_datasets as tfds

    source = stored.builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )

    def record(index):
        read = tf.numpy_function(lambda i: source[int(i)], [index], tf.string, stateful=False)
        return tf.ensure_shape(read, [])

    return len(source), record


def in_memory(stored, split):
    """Reads the encoded pictures of a split, and what is known of them, into memory.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: A split in TFDS' syntax.

    Returns:
        An `EncodedSplit` with known labels, if there are any.
    """
    samples = list(stored.as_dataset(split, decoders=stored.undecoded).as_numpy_iterator())
    arrays = {key: [sample[key] for sample in samples] for key in samples[0]}
    labels = np.array(arrays["label"], "int64") if "label" in arrays else None
    with tf.device("CPU"):  # as in `Split.in_memory`
        tensors = {
            key: tf.constant(values if isinstance(values[0], bytes) else np.stack(values))
            for key, values in arrays.items()
        }

    def read(index):
        return {name: tf.gather(tensor, index) for name, tensor in tensors.items()}

    return EncodedSplit(len(samples), read, f"record {{}} of {split}".format, labels)


def sequential(stored, split):
    """Opens a split of TFRecord files, without reading it.

    A seed fixes the order of the files and the draws of the shuffle buffer. Sixteen files are read
    at a time, one record of each in turn. Worker `w` takes every `workers`-th file, from the `w`-th
    on.

    Args:
        stored: A `keras_vit.data.sources.tfds_features.Stored` set.
        split: A split in TFDS' syntax.

    Returns:
        A `SequentialSplit`.

    Raises:
        ValueError: When its `stream` is called, if there are more workers than files.
    """
    files = _files(stored, split)
    with tf.device("CPU"):
        names = tf.constant([os.fspath(file.filename) for file in files])
        spans = tf.constant([(file.skip, file.take) for file in files], tf.int64)

    def records(name, span):
        return tf.data.TFRecordDataset(name).skip(span[0]).take(span[1])

    def shuffled(seed, worker, workers):
        # A fixed global seed in this function's own graph, so that only `seed` matters. With 0,
        # TensorFlow 2.21 would test the other seed, a tensor, as a Python boolean.
        tf.compat.v1.set_random_seed(1)
        rank = tf.random.stateless_uniform([len(files)], tf.stack([seed, 0]))
        chosen = tf.argsort(rank, stable=True)[worker::workers]
        chosen = tf.data.Dataset.from_tensor_slices(
            (tf.gather(names, chosen), tf.gather(spans, chosen))
        )
        mixed = chosen.interleave(
            records,
            cycle_length=FILES_AT_ONCE,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return mixed.shuffle(SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=False)

    def stream(seed=None, worker=0, workers=1):
        if workers > len(files):
            raise UserError(
                f"Each worker needs a file of its own: received workers={workers}, "
                f"and {stored.builder.name} has {len(files)} of {split}."
            )
        if seed is None:
            in_order = tf.data.Dataset.from_tensor_slices((names, spans)).shard(workers, worker)
            stream = in_order.flat_map(records)
        else:
            seed = tf.data.Dataset.from_tensors(tf.cast(seed, tf.int64))
            stream = seed.flat_map(lambda seed: shuffled(seed, worker, workers))
        return stream.map(lambda record: _parse(stored, record), tf.data.AUTOTUNE)

    return SequentialSplit(sum(file.take for file in files), stream)


def _files(stored, split):
    splits = stored.builder.info.splits
    return splits[split].file_instructions if splits else []


def _parse(stored, record):
    return stored.sample(stored.features.deserialize_example(record, decoders=stored.undecoded))
