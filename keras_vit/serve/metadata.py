"""What a server says of its model, in TensorFlow Serving's form and beyond it."""

import dataclasses

from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import task_in
from keras_vit.inference.signature import IMAGES, NAME

DTYPES = {"float16": "DT_HALF", "float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
TEXTS = ("bytes", "object", "str")  # dtypes, or how their names begin


def describe(model, outputs):
    """Describes a model as TensorFlow Serving does at `/metadata`, and adds what exports hold.

    Args:
        model: A `keras_vit.serve.model.ServedModel`.
        outputs: Outputs of each signature by its name: a dictionary of arrays `(B, ...)` by name.

    Returns:
        A dictionary that JSON can hold.
    """
    signatures = {
        name: {
            "inputs": {signature.input_name: _tensor(signature.dtype, signature.shape)},
            "outputs": {
                key: _tensor(array.dtype.name, array.shape[1:])
                for key, array in outputs[name].items()
            },
            "method_name": "tensorflow/serving/predict",
        }
        for name, signature in model.signatures.items()
    }
    artefact = model.artefact
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": signatures}},
        # Beyond TensorFlow Serving, for the page and the client.
        "task": artefact.task,
        "options": artefact.options,
        "class_names": artefact.class_names,
        "preprocessing": artefact.preprocessing.to_json(),
        "attention": artefact.attention if "attention" in signatures else None,
    }


def _tensor(dtype, shape):
    sides = [{"size": str(side), "name": ""} for side in (-1, *shape)]
    kind = "DT_STRING" if dtype.startswith(TEXTS) else DTYPES.get(dtype, f"DT_{dtype.upper()}")
    return {
        "dtype": kind,
        "tensor_shape": {"dim": sides, "unknown_rank": False},
        "name": "",
    }


@dataclasses.dataclass(frozen=True)
class Described:
    """What a server said of its model; the attributes are those of an `Artefact`."""

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    preprocessing: Preprocessing
    task: str
    options: dict[str, object]


def read_described(reply):
    """Reads what `describe` wrote.

    Args:
        reply: What JSON held, anything.

    Returns:
        A `Described`, or `None` where the server does not say what exports hold.
    """
    try:
        signatures = reply["metadata"]["signature_def"]["signature_def"]
        sides = signatures[NAME]["inputs"][IMAGES]["tensor_shape"]["dim"][1:]
        names = reply["class_names"]
        return Described(
            tuple(int(side["size"]) for side in sides),
            None if names is None else tuple(map(str, names)),
            Preprocessing.from_json(reply["preprocessing"]),
            **task_in({"task": reply["task"], "options": reply["options"]}),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
