"""The signatures of a model, described as TensorFlow Serving describes them."""

KINDS = {
    "f": "DT_FLOAT",
    "u": "DT_UINT8",
    "b": "DT_BOOL",
    "i": "DT_INT64",
}  # else strings


def describe(model, outputs):
    """Describes a model as TensorFlow Serving does at `/metadata`, and adds its preprocessing.

    Args:
        model: A `keras_vit.serve.model.ServedModel`.
        outputs: Outputs of each signature by its name: a dictionary of arrays `(B, ...)` by name.

    Returns:
        A dictionary that JSON can hold.
    """
    signatures = {
        name: {
            "inputs": {signature.input_name: _tensor(signature.dtype[0], signature.shape)},
            "outputs": {
                key: _tensor(array.dtype.kind, array.shape[1:])
                for key, array in outputs[name].items()
            },
            "method_name": "tensorflow/serving/predict",
        }
        for name, signature in model.signatures.items()
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": signatures}},
        "preprocessing": model.preprocessing.to_json(),  # beyond TensorFlow Serving, for the page
    }


def _tensor(kind, shape):
    sides = [{"size": str(side), "name": ""} for side in (-1, *shape)]
    return {
        "dtype": KINDS.get(kind, "DT_STRING"),
        "tensor_shape": {"dim": sides, "unknown_rank": False},
        "name": "",
    }
