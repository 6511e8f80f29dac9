"""Checkpoints from repositories of the Hugging Face Hub."""

import hashlib
import os
import re
import sys
from pathlib import Path, PurePosixPath

from keras_vit.checkpoints.read import DOWNLOADED, PICKLES, read_index
from keras_vit.errors import UserError, first_few, reason_of

NAME = re.compile(
    r"hf:(?!.*\.\.)(?P<repository>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/pr/\d+|[\w.-]+))?"
    r"(?:/(?P<file>[^\s/]\S*))?"
)
INDEX = ".safetensors.index.json"
USUAL = ("model.safetensors", f"model{INDEX}")
BESIDE = ("config.json", "preprocessor_config.json")
SECONDS = 10  # until the hub counts as away


def from_hub(source):
    """Returns where a checkpoint of the Hugging Face Hub lies, after a download of what is missing.

    It is kept in the hub's own cache, and read from there where the hub cannot be reached. Of a
    repository are fetched the weights and the configuration beside them.

    Args:
        source: `hf:owner/name`, `hf:owner/name@revision`, where a revision is a branch, a tag or a
            commit, or either with `/x.safetensors` or `/x.npz` after it, a file of the repository;
            by default `model.safetensors`, sharded or not.

    Returns:
        The `pathlib.Path` of the weights or of their index.

    Raises:
        ValueError: If there is no such repository, revision or file; it is private, gated or a
            pickle; it is damaged; or it is neither in the cache nor to be reached.
    """
    match = NAME.fullmatch(source)
    if match is None:
        raise UserError(
            "A name on the hub is hf:owner/name, hf:owner/name@revision or "
            f"hf:owner/name/file.safetensors: received {source}."
        )
    repository, revision, file = match.groups()
    if file is not None and not file.endswith((*DOWNLOADED, INDEX)):
        raise UserError(f"A download must be a .safetensors or .npz file: received {source}.")
    import huggingface_hub.constants

    endpoint = os.environ.get("HF_ENDPOINT")
    api = huggingface_hub.HfApi(endpoint=endpoint)
    try:
        listed = api.model_info(repository, revision=revision, files_metadata=True, timeout=SECONDS)
    except Exception as error:  # the hub's own, and those of two libraries for HTTP
        if _status_of(error) in (401, 403, 404):
            raise UserError(f"{source} cannot be downloaded: {_reason(error)}.") from error
        for name in USUAL if file is None else (file,):
            path = huggingface_hub.try_to_load_from_cache(repository, name, revision=revision)
            if isinstance(path, str):
                return Path(path)
        raise UserError(
            f"{source} is not in the cache and cannot be downloaded: {_reason(error)}."
        ) from error
    files = {each.rfilename: each for each in listed.siblings or ()}
    file = file or _usual_weights(sorted(files), source)
    commit = None

    def fetch(name):
        nonlocal commit
        if name not in files:
            raise UserError(f"{source} cannot be downloaded: there is no such file: {name}.")
        held = huggingface_hub.try_to_load_from_cache(repository, name, revision=listed.sha)
        if name.endswith(DOWNLOADED) and not isinstance(held, str):
            about = f"{name} of {source} ({(files[name].size or 0) / 1e6:.1f} MB)"
            place = huggingface_hub.constants.HF_HUB_CACHE
            print(f"keras-vit: {about} goes to {place}", file=sys.stderr)
        try:
            path = huggingface_hub.hf_hub_download(
                repository, name, revision=commit or revision, endpoint=endpoint
            )
        except Exception as error:
            raise UserError(f"{source} cannot be downloaded: {_reason(error)}.") from error
        path = Path(path)
        commit = path.parents[name.count("/")].name  # one for all files, whatever a branch does
        _check(path, source, files[name])
        return path

    # First what is read beside the weights: where these are, all is.
    beside = (str(PurePosixPath(file).with_name(name)) for name in BESIDE)
    for name in filter(files.__contains__, beside):
        fetch(name)
    if file.endswith(INDEX):
        for shard in sorted(set(read_index(fetch(file)).values())):
            fetch(str(PurePosixPath(file).with_name(shard)))
    return fetch(file)


def _usual_weights(names, source):
    """Returns the name of the weights in a repository; raises a `ValueError` if there are none."""
    for name in filter(names.__contains__, USUAL):
        return name
    readable = [name for name in names if name.endswith(DOWNLOADED)]
    pickles = [name for name in names if name.endswith(PICKLES)]
    if readable:
        raise UserError(
            f"{source} has no {USUAL[0]}: name one of its files, for example "
            f"{source}/{readable[0]} (of {first_few(readable)})."
        )
    if pickles:
        raise UserError(
            f"{source} holds its weights only as a pickle ({first_few(pickles)}), which can run "
            "code and is not opened: convert it where torch is, or take a revision with "
            ".safetensors."
        )
    raise UserError(f"{source} holds no .safetensors or .npz file.")


def _check(path, source, listed):
    """Removes a file from the cache and raises a `ValueError` if its SHA-256 differs."""
    if listed.lfs is None or listed.lfs.sha256 == sha256_of(path):
        return
    for each in (path.resolve(), path):  # in the cache, a link to what was downloaded
        each.unlink(missing_ok=True)
    raise UserError(
        f"{source} is damaged: {listed.rfilename} has another SHA-256 than the hub says and was "
        "removed: try again."
    )


def sha256_of(path):
    """Returns the SHA-256 of a file, 64 digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _status_of(error):
    return getattr(getattr(error, "response", None), "status_code", None)


def _reason(error):
    """Returns in a few words why something was not downloaded."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # what stood in the way of the download
    if isinstance(error, errors.RevisionNotFoundError):
        return "there is no such revision"
    if _status_of(error) in (401, 403):
        return (
            "it is private, gated or not there: check the name, ask for access on its page, and "
            "log in with `hf auth login`"
        )
    if _status_of(error) == 404:
        return "there is no such repository or file"
    return reason_of(error).rstrip(".")
