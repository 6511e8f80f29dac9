"""A classifier as LiteRT (TFLite) files, from float32 down to four bits."""

import contextlib
import dataclasses
import io
import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_vit.artefacts.litert_file import read_litert
from keras_vit.export.probabilities import write_probabilities
from keras_vit.export.travelling import travelling_texts

SIGNATURE = "serving_default"
GPTQ = "GPTQ"  # as ai-edge-quantizer calls the algorithm
# An operator and its layer, in what the converter says of one that it cannot write.
FOREIGN = re.compile(r'error: loc\(callsite\(fused\["(\w+):", "([^"@]+)')


@dataclasses.dataclass(frozen=True)
class Variant:
    """A kind of LiteRT file.

    Attributes:
        middle: What its name has behind the version, `"-int8"`.
        convert: From a SavedModel's folder and calibration images to the file's bytes.
        is_calibrated: Whether it needs these images.
        largest_loss: As `keras_vit.export.formats.Format` has it.
    """

    middle: str
    convert: Callable
    is_calibrated: bool = False
    largest_loss: float | None = None


def write_litert(
    model, path, name="tflite", *, class_names=None, calibration=None, dynamic_batch=False, **told
):
    """Writes the file `path`: `images` `(1, H, W, C)` in, `probabilities` `(1, K)` out.

    Pixels 0 to 255, built-in operators only, batch 1: a dynamic batch costs operators and is
    refused by delegates. Class names, signature and what is done to a picture are appended as a zip
    archive holding `labels.txt` and `metadata.json`, which runtimes ignore and `unzip` reads, as
    TFLite's metadata does it.

    Args:
        model: A classifier from images to logits, as `servable` returns it.
        path: File to write.
        name: A key of `VARIANTS`.
        class_names: Names in the order of the logits, or `None`.
        calibration: Images `(N, H, W, C)`, uint8, for the variants that need them.
        dynamic_batch: Whether it takes any number of images.
        **told: What `metadata.json` tells beside.

    Raises:
        ValueError: If an operator is none of LiteRT's own; it names the layer.
    """
    variant = VARIANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        write_probabilities(model, folder, batch_size=None if dynamic_batch else 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TensorFlow's own interpreter is going
            try:
                Path(path).write_bytes(variant.convert(folder, calibration))
            except Exception as error:  # the converter's own kind is not public
                if places := sorted({f"{x} of {y}" for x, y in FOREIGN.findall(str(error))}):
                    raise ValueError(
                        f"LiteRT has no such operators of its own: {', '.join(places[:5])}."
                    ) from error
                raise
    told |= dict(signature=SIGNATURE, format=name, batch_size=None if dynamic_batch else 1)
    texts = travelling_texts(model, class_names, **told)
    with zipfile.ZipFile(path, "a") as archive:
        for file, text in texts.items():
            archive.writestr(file, text)


def _converter(folder):
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _float32(folder, _):
    return _converter(folder).convert()


def _float16(folder, _):
    converter = _converter(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _full_int8(folder, calibration):
    converter = _converter(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def _int16(folder, calibration):
    converter = _converter(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(calibration)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]
    return converter.convert()


def _samples(calibration):
    """Yields images one at a time, and two that span the range of pixels: a step is then 1."""
    for image in [*calibration, np.zeros_like(calibration[0]), np.full_like(calibration[0], 255)]:
        yield {"images": image[None].astype("float32")}


def _dynamic_int8(folder, _):
    return _quantized(folder, [dict(num_bits=8)])


def _dense_int8(folder, calibration):
    """What GELU gives is left as it comes: one scale for all of it loses most of the accuracy."""
    configs = [dict(activation_num_bits=8, weight_num_bits=8), dict(num_bits=8, regex="mlp.*out")]
    return _quantized(folder, configs, calibration)


def _int4(folder, calibration):
    """Four bits in the blocks, by GPTQ (arXiv:2210.17323); eight for pixels and logits."""
    configs = [dict(num_bits=8), dict(num_bits=4, regex=r"block\d+", algorithm_key=GPTQ)]
    return _quantized(folder, configs, calibration)


def _quantized(folder, configs, calibration=None):
    """Converts to float32 and quantises the dense layers by `ai-edge-quantizer`.

    Its own calibration is a moving average, which cuts off the outliers of Vision Transformers;
    here it is the true minimum and maximum, but for GPTQ, which asks for other figures. Four bits
    have a scale per 32 weights, or per channel where 32 does not divide.
    """
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    model = _float32(folder, None)
    Path(folder, "float32.tflite").write_bytes(model)
    dense = [each for each in read_litert(Path(folder, "float32.tflite")).operators]
    dense = [each for each in dense if each.name == "FULLY_CONNECTED" and "block" in each.place]
    recipe, granularity = recipe_manager.RecipeManager(), qtyping.QuantGranularity
    for config in configs:
        config = {"regex": ".*", **config}
        config["operation_name"] = qtyping.TFLOperationName.FULLY_CONNECTED
        if config.get("num_bits") == 4 and all(each.shapes[1][1] % 32 == 0 for each in dense):
            config["granularity"] = granularity.BLOCKWISE_32
        static = "activation_num_bits" in config
        (recipe.add_static_config if static else recipe.add_dynamic_config)(**config)
    found = None
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # that keeping all tensors is for looking at them
        if calibration is not None:
            true = {"qsv_update_func": qsv_utils.min_max_update}
            gptq = any(config.get("algorithm_key") == GPTQ for config in configs)
            calibrated = calibrator.Calibrator(model, **({} if gptq else true))
            calibrated.calibrate({SIGNATURE: list(_samples(calibration))}, recipe)
            found = calibrated.get_model_qsvs()
        quantized = quantizer.Quantizer(bytearray(model), recipe.get_quantization_recipe())
        return bytes(quantized.quantize(found, enable_progress_report=False).quantized_model)


VARIANTS = {
    "tflite": Variant("", _float32),
    "tflite-float16": Variant("-float16", _float16, largest_loss=0.3),
    "tflite-int8": Variant("-int8", _dynamic_int8, largest_loss=0.3),
    "tflite-int8-dense": Variant("-int8-dense", _dense_int8, is_calibrated=True, largest_loss=0.3),
    "tflite-int8-full": Variant("-int8-full", _full_int8, is_calibrated=True, largest_loss=1.0),
    "tflite-int16": Variant("-int16", _int16, is_calibrated=True, largest_loss=0.3),
    "tflite-int4": Variant("-int4", _int4, is_calibrated=True, largest_loss=1.5),
}
