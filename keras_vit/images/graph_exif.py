"""Reads the EXIF orientation inside TensorFlow's graph, by the rule of `keras_vit.images.exif`."""

from collections.abc import Callable

import tensorflow as tf

from keras_vit.images.exif import ORIENTATION

SIZES = [0, 1, 0, 2, 4, 0, 1, 0, 2, 4]  # bytes per integer by TIFF's type; 0 is no integer
EXIF = [0x4578, 0x6966, 0]  # "Exif\0\0", as numbers of two bytes
CHUNK = [0x6558, 0x4966]  # "eXIf"
END = [0x4945, 0x4E44]  # "IEND"


def orientation(encoded):
    """Reads the EXIF orientation of a JPEG or PNG.

    Args:
        encoded: The bytes of the picture, a string `()`.

    Returns:
        An int64 tensor `()`, 1 to 8; 1 (upright) where the file holds no orientation.
    """
    # Parsing costs as much as decoding; most files hold no EXIF, which two searches show.
    holds_exif = tf.reduce_any([_holds(encoded, name) for name in (r"Exif\x00\x00", "eXIf")])
    return tf.cond(holds_exif, lambda: _parse(encoded), lambda: tf.constant(1, tf.int64))


def _holds(encoded, name):
    """Returns whether a file holds a name anywhere, by a search that begins with `memchr`."""
    without = tf.strings.regex_replace(encoded, name, "", replace_global=False)
    return tf.strings.length(without) != tf.strings.length(encoded)


# More than 600 operations: traced once, not again for every dataset and export.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _parse(encoded):
    is_jpeg = tf.strings.substr(encoded, 0, 2) == b"\xff\xd8"
    is_png = tf.strings.substr(encoded, 0, 8) == b"\x89PNG\r\n\x1a\n"
    exif = tf.case(
        [(is_jpeg, lambda: _exif_of_jpeg(encoded)), (is_png, lambda: _exif_of_png(encoded))],
        default=lambda: tf.constant(b""),
    )
    is_little = tf.strings.substr(exif, 0, 4) == b"II*\x00"
    is_big = tf.strings.substr(exif, 0, 4) == b"MM\x00*"
    return tf.cond(
        (is_little | is_big) & (tf.strings.length(exif) >= 8),
        lambda: _orientation_in(exif, is_little),
        lambda: tf.constant(1, tf.int64),
    )


def _orientation_in(exif, is_little):
    """Reads the orientation, int64 `()`, in EXIF data of the given byte order."""
    data = tf.cast(tf.io.decode_raw(exif, tf.uint8), tf.int64)
    start = _number(data[4:8], 4, is_little)
    claimed = _number(tf.concat([data[start : start + 2], [0, 0]], 0)[:2], 2, is_little)
    count = tf.clip_by_value((tf.size(data, tf.int64) - start - 2) // 12, 0, claimed)
    entries = tf.reshape(data[start + 2 : start + 2 + 12 * count], (-1, 12))
    entries = tf.concat([entries, [[0] * 12]], 0)  # so that there is at least one
    is_tag = _number(entries[:, :2], 2, is_little) == ORIENTATION
    entry = entries[tf.argmax(is_tag)]  # the first one decides
    kind = tf.minimum(_number(entry[2:4], 2, is_little), len(SIZES))
    size = tf.gather(tf.constant([*SIZES, 0], tf.int64), kind)
    is_one = (_number(entry[4:8], 4, is_little) == 1) & (size > 0) & tf.reduce_any(is_tag)
    value = _number(entry[8:12], size, is_little)
    return tf.where(is_one & (value >= 1) & (value <= 8), value, 1)


def _number(data, size, is_little):
    """Reads the first `size` of the bytes `(..., n)` as integers `(...)`, int64."""
    places = tf.range(tf.shape(data, tf.int64)[-1])
    size = tf.cast(size, tf.int64)
    powers = tf.where(is_little, places, size - 1 - places)
    weights = tf.where(places < size, tf.bitwise.left_shift(tf.ones_like(places), 8 * powers), 0)
    return tf.reduce_sum(data * weights, axis=-1)


def _exif_of_jpeg(encoded):
    """Returns the data of the first `Exif` segment before the scan, empty where there is none."""

    def step(head):
        is_exif = (head[0] == 0xFFE1) & (head[1] >= 8) & tf.reduce_all(head[2:] == EXIF)
        stops = is_exif | (head[0] < 0xFF00) | (head[0] == 0xFFDA) | (head[0] == 0xFFD9)
        has_length = (head[0] != 0xFF01) & ((head[0] < 0xFFD0) | (head[0] > 0xFFD8))
        distance = 2 + tf.where(has_length, tf.maximum(head[1], 2), 0)
        return tf.where(head[0] != 0xFFFF, distance, 1), stops, is_exif

    place, head, is_exif = _walk(encoded, 2, 5, step)
    return _part(encoded, place + 10, head[1] - 8, is_exif)


def _exif_of_png(encoded):
    """Returns the data of the first `eXIf` chunk, empty where there is none."""

    def step(head):
        is_exif, is_end = (tf.reduce_all(head[2:] == name) for name in (CHUNK, END))
        return 12 + 65_536 * head[0] + head[1], is_exif | is_end, is_exif

    place, head, is_exif = _walk(encoded, 8, 4, step)
    length = 65_536 * head[0] + head[1]
    return _part(encoded, place + 8, length, is_exif)


def _part(encoded, start, length, is_there):
    """Returns a part of a file, or an empty string where it is not there.

    A start behind the end of the file would raise an error that quotes all bytes of the file.
    """
    start, length = (tf.where(is_there, number, 0) for number in (start, length))
    return tf.strings.substr(encoded, start, length)


def _walk(
    encoded,
    start,
    numbers,
    step: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]],
):
    """Walks from part to part of a file, each of which starts with integers of two bytes.

    Args:
        encoded: The bytes of the file, a string `()`.
        start: Position of the first part, in bytes.
        numbers: How many integers are read at the start of each part.
        step: Is called with these integers, int64 `(numbers,)`, and returns the distance to the
            next part in bytes, whether the walk stops here, and whether the part is the one that is
            looked for.

    Returns:
        The position where the walk stopped, the integers there, and whether this is the part that
        is looked for.
    """
    last = tf.cast(tf.strings.length(encoded), tf.int64) - 2 * numbers

    def head(place):
        data = tf.strings.substr(encoded, tf.clip_by_value(place, 0, last), 2 * numbers)
        return tf.cast(tf.io.decode_raw(data, tf.uint16, little_endian=False), tf.int64)

    def body(place, _):
        distance, stops, _ = step(head(place))
        place = tf.where(stops, place, place + distance)
        return place, stops | (place > last)  # the end of the file ends the walk

    def walk():
        first = tf.constant(start, tf.int64)
        place, _ = tf.while_loop(lambda _, stops: ~stops, body, (first, first > last))
        numbers_there = head(place)
        return place, numbers_there, step(numbers_there)[2] & (place <= last)

    def nothing():
        return tf.constant(0, tf.int64), tf.zeros(numbers, tf.int64), tf.constant(False)

    return tf.cond(last < 0, nothing, walk)
