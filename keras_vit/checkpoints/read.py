"""Arrays by name, from files that hold numbers and nothing that runs."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import safetensors

from keras_vit.errors import UserError

# ml_dtypes gives NumPy the type that it lacks, bfloat16.
SAFETENSORS_TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}

PICKLES = (".bin", ".pth", ".pt", ".ckpt")
DOWNLOADED = (".safetensors", ".npz")  # what is read from elsewhere: numbers


def read_arrays(source):
    """Reads the weights of a checkpoint.

    Args:
        source: A `.safetensors` or `.npz` file; the index of a sharded one,
            `model.safetensors.index.json`; or a folder that holds one of these, as Hugging Face's
            snapshots do.

    Returns:
        Arrays by name, in float32.

    Raises:
        ValueError: If there is no such file, it is damaged, or it is a pickle, which can run
            code.
    """
    path = _weights_of(Path(source))
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.suffix in PICKLES:
        raise UserError(
            f"{path} is a pickle, which can run code and is not opened: convert it where torch is, "
            "safetensors.torch.save_file(torch.load(PATH, weights_only=True), 'new.safetensors')."
        )
    raise UserError(f"Weights are read from .safetensors and .npz: received {path}.")


def read_configuration(source):
    """Reads a checkpoint's configuration files.

    These are `config.json` beside the weights and the weights' own metadata under `config`, as
    `export_timm` writes it; `preprocessor_config.json` beside them becomes the entry
    `preprocessor_config`.

    Args:
        source: The checkpoint, as `read_arrays` takes it.

    Returns:
        A dictionary, empty where there is no configuration.

    Raises:
        ValueError: If there is no checkpoint, or one of the files is no JSON object.
    """
    path = _weights_of(Path(source))
    config = _read_object(path.parent / "config.json") or {}
    processor = _read_object(path.parent / "preprocessor_config.json")
    if processor is not None:
        config["preprocessor_config"] = processor
    if path.suffix == ".safetensors":  # wins over files that happen to lie beside it
        with safetensors.safe_open(path, "numpy") as file:
            config |= _parse_object((file.metadata() or {}).get("config", "{}"), path)
    return config


def _read_object(path):
    """Returns the JSON object in a file, or `None` where there is no file."""
    return _parse_object(path.read_bytes(), path) if path.is_file() else None


def _parse_object(text, place):
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} holds no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise UserError(f"{place} must hold a JSON object: received {str(values)[:40]}.")
    return values


def _weights_of(path):
    """Returns the file of weights at a path, which may be a folder that holds one."""
    if not path.exists():
        raise UserError(f"There is no checkpoint at {path}.")
    if not path.is_dir():
        return path
    for pattern in ("*.safetensors.index.json", "*.safetensors", "*.npz"):
        files = sorted(path.glob(pattern))
        if len(files) > 1:
            raise UserError(f"Name one of the files in {path}: received {len(files)}, {pattern}.")
        if files:
            return files[0]
    pickles = sorted(each for each in path.iterdir() if each.suffix in PICKLES)
    if pickles:
        return pickles[0]  # `read_arrays` refuses it and says what to do
    raise UserError(f"There is no .safetensors or .npz file in {path}.")


def read_index(path):
    """Reads the index of a sharded checkpoint.

    Args:
        path: A `.safetensors.index.json` file.

    Returns:
        For the name of each array the name of its file, which is beside the index.

    Raises:
        ValueError: If it is no such index, or names a file in another folder.
    """
    try:
        places = json.loads(path.read_bytes())["weight_map"]
        places = {name: str(place) for name, place in places.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no index of safetensors: {error!r}.") from error
    for name in places.values():
        if Path(name).name != name or Path(name).suffix != ".safetensors":
            raise UserError(f"{path} names {name!r}, which is not beside it.")
    return places


def _read_shards(path):
    """Reads the files that an index names."""
    places = read_index(path)
    arrays = {}
    for name in sorted(set(places.values())):
        if not (path.parent / name).is_file():
            raise UserError(f"{path} names {name!r}, which is not beside it.")
        arrays.update(_read_safetensors(path.parent / name))
    if arrays.keys() != places.keys():
        other = sorted(arrays.keys() ^ places.keys())
        raise UserError(f"{path} and its files disagree about {', '.join(other[:5])}.")
    return arrays


def _read_safetensors(path):
    try:
        entries = safetensors.deserialize(path.read_bytes())
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is no safetensors file: {error}.") from error
    arrays = {}
    for name, entry in entries:
        if entry["dtype"] in SAFETENSORS_TYPES:  # integers are buffers, not weights
            values = np.frombuffer(entry["data"], SAFETENSORS_TYPES[entry["dtype"]])
            arrays[name] = _in_float32(values.reshape(entry["shape"]))
    return arrays


def _read_npz(path):
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: _plain(archive[name]) for name in archive.files}
    except Exception as error:  # NumPy and zip raise many kinds
        raise UserError(f"{path} is no .npz file of numbers: {error}") from error


def _plain(array):
    """Returns an array in float32; NumPy saves bfloat16 as raw pairs of bytes."""
    if array.dtype == np.dtype("V2"):
        array = array.view(ml_dtypes.bfloat16)
    return _in_float32(array)


def _in_float32(array):
    with np.errstate(over="ignore"):  # `recognise` names the arrays that become infinite
        return array.astype(np.float32, copy=False)
