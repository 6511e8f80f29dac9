"""Quantises LiteRT files with ai-edge-quantizer."""

import contextlib
import dataclasses
import functools
import io
import tempfile
import warnings
from pathlib import Path

from keras_vit.errors import UserError, needs_extra
from keras_vit.evaluation.litert_graph import read_litert

SIGNATURE = "serving_default"
GPTQ = "GPTQ"  # as ai-edge-quantizer calls the algorithm
DENSE = ("FULLY_CONNECTED",)
ALL = (  # the operators that our models become
    *DENSE,
    "ADD",
    "BATCH_MATMUL",
    "BROADCAST_TO",
    "CONCATENATION",
    "CONV_2D",
    "DIV",
    "GELU",
    "LOGISTIC",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "PACK",
    "PAD",
    "RELU",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RSQRT",
    "SLICE",
    "SOFTMAX",
    "SPLIT",
    "SQRT",
    "STRIDED_SLICE",
    "SUB",
    "SUM",
    "TANH",
    "TRANSPOSE",
)


@dataclasses.dataclass(frozen=True)
class Rule:
    """How some operators are quantised; if several rules match an operator, the last one wins.

    Attributes:
        weights: Bits of the weights, 4 or 8.
        activations: Bits of inputs and outputs, 8 or 16, whose scales calibration finds; if `None`,
            they stay in floating point, and LiteRT quantises them when it runs.
        operators: Names of the operators, as in `ALL`.
        where: Regular expression that is searched in `Operator.place`.
        algorithm: `GPTQ`, or `None` for rounding.
    """

    weights: int = 8
    activations: int | None = None
    operators: tuple[str, ...] = DENSE
    where: str = ".*"
    algorithm: str | None = None


def quantize(model, rules, calibration=None, *, bytes_outside=False):
    """Quantises a LiteRT file.

    The quantiser's own calibration is a moving average, which clips the outliers of Vision
    Transformers. Here the true minimum and maximum are used, except for GPTQ, which needs other
    statistics. Weights of four bits have a scale for each 32 of them, or for each channel where 32
    does not divide the kernels.

    Args:
        model: The bytes of a float32 file.
        rules: `Rule`s, in order of precedence, the strongest last.
        calibration: Images `(N, H, W, C)`, uint8, for rules with `activations` and for GPTQ.
        bytes_outside: Whether images and probabilities are uint8.

    Returns:
        The bytes of the quantised file.

    Raises:
        ValueError: If a package of the extra `export` is missing, or a model with a loop is to be
            calibrated: the calibrator cannot read what is inside of it.
    """
    with needs_extra("export"):
        from ai_edge_quantizer import calibrator, quantizer
        from ai_edge_quantizer.utils import qsv_utils

    model = _with_any_scale(model)
    recipe, ranges = _recipe(rules, model, bytes_outside=bytes_outside), None
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # it warns that keeping all tensors is for debugging
        if calibration is not None:
            _check_no_loop(model)
            gptq = any(rule.algorithm == GPTQ for rule in rules)
            true = {} if gptq else {"qsv_update_func": qsv_utils.min_max_update}
            calibrated = calibrator.Calibrator(model, **true)
            images = [{"images": image[None].astype("float32")} for image in calibration]
            calibrated.calibrate({SIGNATURE: images}, recipe)
            ranges = calibrated.get_model_qsvs()
            if bytes_outside:  # from 0 to 255, so that a step is one level of a pixel
                pixels = ranges[f"{SIGNATURE}_images:0"]
                pixels["min"], pixels["max"] = 0 * pixels["min"], 0 * pixels["max"] + 255
        quantized = quantizer.Quantizer(bytearray(model), recipe.get_quantization_recipe())
        result = quantized.quantize(ranges, enable_progress_report=False).quantized_model
    return _ranking_integers(result)


def _check_no_loop(model):
    from ai_edge_litert.tools import flatbuffer_utils

    if len(flatbuffer_utils.read_model_from_bytearray(bytearray(model)).subgraphs) > 1:
        raise UserError(
            "LiteRT formats with calibration take models without a loop: received one with a loop, "
            "which tflite, tflite-float16 and tflite-int8 take."
        )


def _with_any_scale(model):
    """Clears `potScaleInt16` on 16-bit sums: LiteRT refuses scales that are not powers of two."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for operator in model.subgraphs[0].operators:
        if hasattr(operator.builtinOptions, "potScaleInt16"):
            operator.builtinOptions.potScaleInt16 = False
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _ranking_integers(model):
    """Lets `TOPK_V2`, which the quantiser does not know, rank integers: their order is the same.

    The quantiser gives it floats. If these are an answer as well, the signature names the integers
    in their place, which is put right.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = model.subgraphs[0]

    def named(name):
        name_of = functools.partial(flatbuffer_utils.opcode_to_name, model)
        return [each for each in graph.operators if name_of(each.opcodeIndex) == name]

    def read():
        return {*graph.outputs, *(each for operator in graph.operators for each in operator.inputs)}

    integers = {each.outputs[0]: each.inputs[0] for each in named("DEQUANTIZE")}
    floats = {before: after for after, before in integers.items() if after in graph.outputs}
    for output in (each for signature in model.signatureDefs for each in signature.outputs):
        if output.tensorIndex not in graph.outputs:
            output.tensorIndex = floats[output.tensorIndex]
    for operator in named("TOPK_V2"):
        scores, best = operator.inputs[0], operator.outputs[0]
        if scores in integers and best not in read():
            operator.inputs[0] = integers[scores]
            source, best = graph.tensors[integers[scores]], graph.tensors[best]
            best.type, best.quantization = source.type, source.quantization
    needed = read()
    graph.operators = [each for each in graph.operators if needed.intersection(each.outputs)]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _recipe(rules, model, *, bytes_outside):
    """Turns rules into a recipe of ai-edge-quantizer."""
    from ai_edge_quantizer import qtyping, recipe_manager

    names, recipe = qtyping.TFLOperationName, recipe_manager.RecipeManager()
    for rule in rules:
        for name in rule.operators:
            config = dict(regex=rule.where, operation_name=names[name])
            if rule.algorithm is not None:
                config["algorithm_key"] = rule.algorithm
            if rule.activations is not None:
                if name == "BATCH_MATMUL":  # a constant on the left has one scale
                    config["weight_granularity"] = qtyping.QuantGranularity.TENSORWISE
                recipe.add_static_config(
                    activation_num_bits=rule.activations, weight_num_bits=rule.weights, **config
                )
                continue
            if rule.weights == 4 and _divides(32, model):
                config["granularity"] = qtyping.QuantGranularity.BLOCKWISE_32
            recipe.add_dynamic_config(num_bits=rule.weights, **config)
    if bytes_outside:
        pixels = qtyping.TensorQuantizationConfig(8, False, dtype=qtyping.TensorDataType.UINT)
        weights = qtyping.TensorQuantizationConfig(
            8, granularity=qtyping.QuantGranularity.CHANNELWISE
        )
        config = qtyping.OpQuantizationConfig(
            activation_tensor_config=pixels,
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.INTEGER,
            explicit_dequantize=False,
        )
        for name in (names.INPUT, names.OUTPUT):
            recipe.add_quantization_config(".*", name, config)
    return recipe


def _divides(size, model):
    """Returns whether `size` divides the rows of every kernel of the transformer blocks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(model)
        operators = read_litert(path).operators
    kernels = [each.shapes[1] for each in operators if each.name in DENSE and "block" in each.place]
    return all(kernel[1] % size == 0 for kernel in kernels)
