"""Writes a model as LiteRT (TFLite) files, from float32 down to four bits."""

import dataclasses
import functools
import re
import shutil
import tempfile
import warnings
import weakref
import zipfile
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.evaluation.litert_graph import read_litert
from keras_vit.export.answers import write_answers
from keras_vit.export.metadata import metadata_texts
from keras_vit.export.quantize import ALL, GPTQ, SIGNATURE, Rule, quantize
from keras_vit.export.servable import servable
from keras_vit.files import atomic_write

# An operator and its layer, in the converter's error about one that it cannot write.
FOREIGN = re.compile(r'error: loc\(callsite\(fused\["(\w+):", "([^"@]+)')


@dataclasses.dataclass(frozen=True)
class Variant:
    """One kind of LiteRT file.

    Attributes:
        middle: What follows the version in its name, for example `"-int8"`.
        convert: Returns the bytes of the file. It takes a `Converted` and calibration images
            `(N, H, W, C)`, uint8, or `None`.
        is_calibrated: Whether it needs calibration images.
        is_whole: Whether it computes only with integers.
        is_quantized: Whether it is written by `quantize`, which needs a package of its own.
        largest_loss: Percentage points of the headline that it may lose, or `None`, as in
            `keras_vit.export.formats.Format`.
    """

    middle: str
    convert: Callable[["Converted", np.ndarray | None], bytes]
    is_calibrated: bool = False
    is_whole: bool = False
    is_quantized: bool = True
    largest_loss: float | None = None


def write_litert(
    model,
    path,
    name="tflite",
    *,
    class_names=None,
    preprocessing=None,
    calibration=None,
    dynamic_batch=False,
    converted=None,
):
    """Writes a LiteRT file: `images` `(1, H, W, C)` in, named answers `(1, ...)` out.

    Pixels run from 0 to 255. Only built-in operators are used. The batch is 1, because a dynamic
    batch costs operators and delegates refuse it. A zip archive with `labels.txt` and
    `metadata.json` (signature, preprocessing) is appended, as TFLite's metadata is: runtimes ignore
    it and `unzip` reads it.

    Args:
        model: A model for `keras_vit.tasks.deploy`, as `servable` returns it.
        path: File to write.
        name: A key of `VARIANTS`.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: A `Preprocessing`; by default the whole picture is resized.
        calibration: Images `(N, H, W, C)`, uint8, for the variants that need them.
        dynamic_batch: Whether it takes any number of images.
        converted: A dictionary, in which what several files of one model are made from is kept for
            the next one.

    Raises:
        ValueError: If LiteRT has no built-in operator for a layer; if, in a format of integers
            only, an operator computes in floating point, or `dynamic_batch` is set; or if
            `keras_vit.tasks.deploy` refuses the model.
    """
    variant = VARIANTS[name]
    if variant.is_whole and dynamic_batch:
        raise UserError(f"{name} is of batch 1: LiteRT has no dynamic batch for integers.")
    converted = {} if converted is None else converted
    if variant.is_whole not in converted:
        written = servable(model, whole_numbers=True) if variant.is_whole else model
        converted[variant.is_whole] = Converted(written, dynamic_batch)
    batch_size = None if dynamic_batch else 1
    more = dict(signature=SIGNATURE, format=name, batch_size=batch_size)
    texts = metadata_texts(model, class_names, preprocessing, **more)
    with atomic_write(path) as unfinished:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TensorFlow will remove its own interpreter
            try:
                images = calibration if variant.is_calibrated else None
                unfinished.write_bytes(variant.convert(converted[variant.is_whole], images))
            except Exception as error:  # the class of the converter's errors is not public
                if places := sorted({f"{x} of {y}" for x, y in FOREIGN.findall(str(error))}):
                    raise UserError(
                        f"LiteRT has no such operators of its own: {', '.join(places[:5])}."
                    ) from error
                raise
        if variant.is_whole:
            floats = [each for each in read_litert(unfinished).operators if each.is_float]
            if floats:
                places = ", ".join(f"{each.name} of {each.place}" for each in floats[:5])
                raise UserError(f"These operators have no integer form here: {places}.")
        with zipfile.ZipFile(unfinished, "a") as archive:
            for file, text in texts.items():
                archive.writestr(file, text)


class Converted:
    """What LiteRT files of one model are made from, each made when it is first asked for.

    Args:
        model: A model for `keras_vit.tasks.deploy`, as `servable` returns it.
        dynamic_batch: Whether the files take any number of images.
    """

    def __init__(self, model, dynamic_batch):
        self._model, self._batch_size = model, None if dynamic_batch else 1

    @functools.cached_property
    def folder(self):
        """Path of a SavedModel, which goes when this object does."""
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        write_answers(self._model, folder, batch_size=self._batch_size)
        return folder

    @functools.cached_property
    def float32(self):
        """The bytes of a file of float32."""
        return self.converter().convert()

    def converter(self):
        """Returns a converter of TensorFlow."""
        keys = dict(signature_keys=[SIGNATURE])
        converter = tf.lite.TFLiteConverter.from_saved_model(self.folder, **keys)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter


def _float32(converted, _):
    return converted.float32


def _float16(converted, _):
    converter = converted.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _quantized(*rules, **options):
    """Returns a `Variant.convert` to float32, then by `rules` as `quantize` takes them."""

    def convert(converted, calibration):
        return quantize(converted.float32, rules, calibration, **options)

    return convert


def _whole(*rules, **options):
    """Returns a `Variant.convert` to integers only, in 16 bits except for `rules`.

    LiteRT cannot multiply 16-bit activations with an 8-bit constant, which the query of attention
    pooling becomes: that product has 8 bits.
    """
    everything = Rule(activations=16, operators=ALL)
    pooling = Rule(activations=8, operators=("BATCH_MATMUL",), where=r"/pool.*/MatMul(;|$)")
    return _quantized(everything, pooling, *rules, **options)


# Dense layers of the blocks, except those fed by GELU (one activation scale costs most of the
# accuracy) and the projection of the patches (costs some).
CALIBRATED = Rule(activations=8, where=r"block\d+.*(qkv|attention[^;]*out|hidden)")

VARIANTS = {
    "tflite": Variant("", _float32, is_quantized=False),
    "tflite-float16": Variant("-float16", _float16, is_quantized=False, largest_loss=0.3),
    "tflite-int8": Variant("-int8", _quantized(Rule()), largest_loss=0.3),
    "tflite-int8-dense": Variant(
        "-int8-dense",
        _quantized(Rule(), CALIBRATED),
        is_calibrated=True,
        largest_loss=0.3,
    ),
    # Norms, softmax, GELU and sums have 16 bits. LiteRT cannot convert 16 bits to bytes, so what
    # computes the answers has 8.
    "tflite-int8-full": Variant(
        "-int8-full",
        _whole(
            CALIBRATED,
            Rule(activations=8, operators=ALL, where="^StatefulPartitionedCall"),
            bytes_outside=True,
        ),
        is_calibrated=True,
        is_whole=True,
        largest_loss=1.0,
    ),
    "tflite-int16": Variant(
        "-int16", _whole(), is_calibrated=True, is_whole=True, largest_loss=0.3
    ),
    # Four bits in the blocks, by GPTQ (arXiv:2210.17323); eight for pixels, logits, and the
    # projections to queries and keys, whose products lose most.
    "tflite-int4": Variant(
        "-int4",
        _quantized(
            Rule(),
            Rule(weights=4, where=r"block\d+", algorithm=GPTQ),
            Rule(where=r"block\d+.*qkv"),
        ),
        is_calibrated=True,
        largest_loss=1.5,
    ),
}
