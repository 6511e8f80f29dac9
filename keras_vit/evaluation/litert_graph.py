"""Reads what is inside a LiteRT (TFLite) file without running it."""

import collections
import dataclasses
from pathlib import Path

from keras_vit.errors import UserError
from keras_vit.inference.metadata import texts_in_zip

FLOATS = ("FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16")
EDGES = ("QUANTIZE", "DEQUANTIZE")  # conversions between float inputs and integer operators


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator of a graph.

    Attributes:
        name: Name in LiteRT's schema, for example `"FULLY_CONNECTED"`, or that of a custom
            operator.
        inputs: Types of the tensors that it reads, for example `"INT8"`.
        outputs: Types of the tensors that it writes.
        shapes: Shapes of the tensors that it reads.
        place: Name of its first output, which holds the name of the layer.
        is_custom: Whether it is not built into LiteRT, such as an operator of TensorFlow ("Flex").
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    place: str
    is_custom: bool = False

    @property
    def is_float(self):
        """Whether it computes with floating-point numbers."""
        return self.name not in EDGES and any(
            kind in FLOATS for kind in (*self.inputs, *self.outputs)
        )


@dataclasses.dataclass(frozen=True)
class LitertFile:
    """The contents of a LiteRT file.

    Attributes:
        size: Size of the file in bytes.
        operators: Its `Operator`s, in the order of execution.
        signatures: A pair for each signature by its name: inputs and outputs, each a list of texts
            such as `"images (1, 8, 8, 1) FLOAT32"`; -1 stands for any length.
        files: The texts in its zip archive, by name.
    """

    size: int
    operators: list[Operator]
    signatures: dict[str, tuple[list[str], list[str]]]
    files: dict[str, str]

    @property
    def histogram(self):
        """How many operators there are of each name, the most frequent first."""
        return dict(collections.Counter(each.name for each in self.operators).most_common())

    @property
    def custom(self):
        """The operators that are not built into runtimes."""
        return [each for each in self.operators if each.is_custom]


def read_litert(path):
    """Reads what a LiteRT file holds.

    Args:
        path: The file.

    Returns:
        A `LitertFile`.

    Raises:
        ValueError: If it is no LiteRT file or is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    path = Path(path)
    if path.is_dir() or path.read_bytes()[4:8] != b"TFL3":
        raise UserError(f"{path} is no LiteRT file.")
    try:
        model = flatbuffer_utils.read_model(str(path))
        graph = model.subgraphs[0]
        types = _names(schema.TensorType)
        tensors = [_tensor(tensor, types) for tensor in graph.tensors]
        operators = [_operator(each, model, tensors) for each in graph.operators]
        signatures = {
            each.signatureKey.decode(): tuple(
                [_describe(x.name.decode(), tensors[x.tensorIndex]) for x in side]
                for side in (each.inputs, each.outputs)
            )
            for each in model.signatureDefs or []
        }
        texts = texts_in_zip(path)
    except Exception as error:  # the reader has errors of any class for a damaged file
        raise UserError(f"{path} cannot be read as a LiteRT file: {error}.") from error
    return LitertFile(path.stat().st_size, operators, signatures, texts)


def _names(enumeration):
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _tensor(tensor, types):
    """Returns a tensor's type, shape and name."""
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    shape = tuple(int(side) for side in shape) if shape is not None else ()
    return types[tensor.type], shape, tensor.name.decode()


def _describe(name, tensor):
    return f"{name} {tensor[1]} {tensor[0]}"


def _operator(operator, model, tensors):
    from ai_edge_litert.tools import flatbuffer_utils

    code = model.operatorCodes[operator.opcodeIndex]
    name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
    if code.customCode:
        name = code.customCode.decode()
    inputs, outputs = (
        [index for index in side if index >= 0] for side in (operator.inputs, operator.outputs)
    )
    return Operator(
        name=name,
        inputs=tuple(tensors[index][0] for index in inputs),
        outputs=tuple(tensors[index][0] for index in outputs),
        shapes=tuple(tensors[index][1] for index in inputs),
        place=tensors[outputs[0]][2] if outputs else "",
        is_custom=bool(code.customCode),
    )
