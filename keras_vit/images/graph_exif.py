"""How a picture is turned, inside TensorFlow's graph: the twin of `keras_vit.images.exif`."""

import tensorflow as tf

from keras_vit.images.exif import ORIENTATION

SIZES = [0, 1, 0, 2, 4, 0, 1, 0, 2, 4]  # bytes of TIFF's integers, by their type; others are none
EXIF = [0x4578, 0x6966, 0]  # "Exif\0\0", as numbers of two bytes
CHUNK = [0x6558, 0x4966]  # "eXIf"
END = [0x4945, 0x4E44]  # "IEND"


def orientation(encoded):
    """Returns the orientation, int64 `()`, 1 to 8, that a JPEG or PNG says; 1 where it says none.

    Args:
        encoded: The picture's bytes, a string `()`.
    """
    # To parse costs as much as to decode: most files hold no EXIF, which two searches show.
    holds_exif = tf.reduce_any([_holds(encoded, name) for name in (r"Exif\x00\x00", "eXIf")])
    return tf.cond(holds_exif, lambda: _parse(encoded), lambda: tf.constant(1, tf.int64))


def _holds(encoded, name):
    """Says whether a name stands anywhere in a file, by a search that begins with `memchr`."""
    without = tf.strings.regex_replace(encoded, name, "", replace_global=False)
    return tf.strings.length(without) != tf.strings.length(encoded)


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
    """Returns the orientation that EXIF data says, in the given byte order."""
    data = tf.cast(tf.io.decode_raw(exif, tf.uint8), tf.int64)
    start = _number(data[4:8], 4, is_little)
    claimed = _number(tf.concat([data[start : start + 2], [0, 0]], 0)[:2], 2, is_little)
    count = tf.clip_by_value((tf.size(data, tf.int64) - start - 2) // 12, 0, claimed)
    entries = tf.reshape(data[start + 2 : start + 2 + 12 * count], (-1, 12))
    entries = tf.concat([entries, [[0] * 12]], 0)  # one more, so that there is a last one
    is_tag = _number(entries[:, :2], 2, is_little) == ORIENTATION
    entry = entries[tf.argmax(is_tag)]  # the first one decides
    kind = tf.minimum(_number(entry[2:4], 2, is_little), len(SIZES))
    size = tf.gather(tf.constant([*SIZES, 0], tf.int64), kind)
    is_one = (_number(entry[4:8], 4, is_little) == 1) & (size > 0) & tf.reduce_any(is_tag)
    value = _number(entry[8:12], size, is_little)
    return tf.where(is_one & (value >= 1) & (value <= 8), value, 1)


def _number(data, size, is_little):
    """Returns the numbers that the first `size` of the bytes `(..., n)` say."""
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

    found, head, is_exif = _walk(encoded, 2, 5, step)
    return _part(encoded, found + 10, head[1] - 8, is_exif)


def _exif_of_png(encoded):
    """Returns the data of the first `eXIf` chunk, empty where there is none."""

    def step(head):
        is_exif, is_end = (tf.reduce_all(head[2:] == name) for name in (CHUNK, END))
        return 12 + 65_536 * head[0] + head[1], is_exif | is_end, is_exif

    found, head, is_exif = _walk(encoded, 8, 4, step)
    length = 65_536 * head[0] + head[1]
    return _part(encoded, found + 8, length, is_exif)


def _part(encoded, start, length, is_there):
    """Returns a part of a file, or nothing; a start behind the end would raise the file's bytes."""
    start, length = (tf.where(is_there, number, 0) for number in (start, length))
    return tf.strings.substr(encoded, start, length)


def _walk(encoded, start, numbers, step):
    """Walks from part to part of a file, each of which starts with numbers of two bytes.

    Args:
        encoded: The file, a string `()`.
        start: Place of the first part.
        numbers: How many numbers are read of each part.
        step: Function of these numbers, int64 `(numbers,)`, to how many bytes further the next part
            is, whether the walk stops here, and whether this is what was looked for.

    Returns:
        The place where it stopped, the numbers there, and whether this is what was looked for.
    """
    last = tf.cast(tf.strings.length(encoded), tf.int64) - 2 * numbers

    def head(place):
        data = tf.strings.substr(encoded, tf.clip_by_value(place, 0, last), 2 * numbers)
        return tf.cast(tf.io.decode_raw(data, tf.uint16, little_endian=False), tf.int64)

    def body(place, _):
        distance, stops, _ = step(head(place))
        place = tf.where(stops, place, place + distance)
        return place, stops | (place > last)  # what leads out of the file ends the walk

    def walk():
        first = tf.constant(start, tf.int64)
        place, _ = tf.while_loop(lambda _, stops: ~stops, body, (first, first > last))
        numbers_there = head(place)
        return place, numbers_there, step(numbers_there)[2] & (place <= last)

    def nothing():
        return tf.constant(0, tf.int64), tf.zeros(numbers, tf.int64), tf.constant(False)

    return tf.cond(last < 0, nothing, walk)
