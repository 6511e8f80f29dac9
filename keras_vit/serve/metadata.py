"""The signatures of a model, described as TensorFlow Serving describes them."""

KINDS = {"f": "DT_FLOAT", "u": "DT_UINT8", "b": "DT_BOOL", "i": "DT_INT64"}  # others are strings


def describe(model, outputs):
    """Returns what TensorFlow Serving answers at `/metadata`, with the preprocessing beside it.

    Args:
        model: A `keras_vit.serve.model.ServedModel`.
        outputs: For each signature's name what it answered, arrays `(B, ...)` by name.
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
