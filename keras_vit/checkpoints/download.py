"""Checkpoints by name: from the Hugging Face Hub, or from an address, downloaded once and kept."""

import hashlib
import http.client
import ipaddress
import re
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import safetensors

from keras_vit.checkpoints.hub import from_hub, sha256_of
from keras_vit.checkpoints.read import DOWNLOADED
from keras_vit.errors import UserError, one_line
from keras_vit.files import atomic_write, cache_folder

SECONDS = 30  # of silence, after which a server is given up
BLOCK = 1 << 20  # bytes
REASONS = {401: "it is not public", 403: "it is not public"}
REASONS |= {404: "there is no such file", 410: "there is no such file"}


def local_path(source):
    """Returns where a checkpoint lies on this machine, after a download if it is given by name.

    Args:
        source: A path; a name on the Hugging Face Hub, which `keras_vit.checkpoints.hub.from_hub`
            takes; or the address of a `.safetensors` or `.npz` file, `https://host/x.npz`, which
            may end in `#sha256=` and the file's SHA-256.

    Returns:
        A `pathlib.Path`.

    Raises:
        ValueError: If a name or address is wrong, or what it names cannot be downloaded or is
            damaged. Nothing of it is then kept.
    """
    text = str(source)
    if text.startswith("hf:"):
        return from_hub(text)
    return _from_web(text) if "://" in text else Path(source)


def _from_web(source):
    """Returns the path of a download, which is made unless it is there."""
    url, mark, digest = source.partition("#")
    if mark and not re.fullmatch("sha256=[0-9a-fA-F]{64}", digest):
        raise UserError(f"An address may end in #sha256= and 64 digits: received {source}.")
    digest = digest.removeprefix("sha256=").lower()
    host = _host_of(url)
    if not host:
        raise UserError(
            "An address must begin with https://, or with http:// on this machine: received "
            f"{source}."
        )
    name = PurePosixPath(unquote(urlsplit(url).path).replace("\\", "/")).name
    if not name.endswith(DOWNLOADED):
        raise UserError(f"A download must be a .safetensors or .npz file: received {source}.")
    path = cache_folder("checkpoints") / hashlib.sha256(url.encode()).hexdigest()[:16] / name
    if path.is_file() and (not digest or digest == sha256_of(path)):
        return path
    # What runs on this machine is reached without a proxy.
    proxy = urllib.request.ProxyHandler({} if _is_this_machine(host) else None)
    opener = urllib.request.build_opener(proxy, _Redirects)
    request = urllib.request.Request(url, headers={"User-Agent": "keras-vit"})
    try:
        with opener.open(request, timeout=SECONDS) as response, atomic_write(path) as unfinished:
            _receive(response, unfinished, source, path)
            _check(unfinished, source, digest)
    except UserError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        reason = REASONS.get(error.code, one_line(error).rstrip("."))
        raise UserError(f"{source} cannot be downloaded: {reason}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = one_line(getattr(error, "reason", error)).rstrip(".")
        raise UserError(f"{source} cannot be downloaded: {reason}.") from error
    return path


def _host_of(url):
    """Returns the host of an address, or "" where others could change what it sends."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    allowed = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    return host if allowed else ""


def _is_this_machine(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows an answer only to an address that is safe, too, and not from elsewhere to here."""

    def redirect_request(self, request, file, code, message, headers, url):
        old, new = _host_of(request.full_url), _host_of(url)
        if not new or (_is_this_machine(new) and not _is_this_machine(old)):
            file.close()
            raise UserError(
                f"{request.full_url} sends on to {url}, which is not https:// on another machine."
            )
        return super().redirect_request(request, file, code, message, headers, url)


def _receive(response, unfinished, source, path):
    """Writes an answer to a file, and shows how far it is on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    length = response.headers.get("Content-Length")
    size = None if length is None else int(length)
    about = "" if size is None else f" ({size / 1e6:.1f} MB)"
    print(f"keras-vit: {source}{about} goes to {path}", file=sys.stderr)
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    shown = dict(console=console, transient=True, disable=not console.is_terminal)
    with unfinished.open("wb") as file, Progress(*columns, **shown) as bar:
        task = bar.add_task(path.name, total=size)
        while block := response.read(BLOCK):
            file.write(block)
            bar.advance(task, len(block))
        received = file.tell()
    if size not in (None, received):
        raise UserError(
            f"{source} is not complete, {received:,} of {size:,} bytes, and is not kept: try again."
        )


def _check(path, source, digest):
    """Raises a `ValueError` unless a download has its SHA-256 and is whole."""
    if digest and (found := sha256_of(path)) != digest:
        raise UserError(f"{source} has another SHA-256 and is not kept: received {found}.")
    try:
        if path.suffix == ".npz":
            zipfile.ZipFile(path).close()
        else:
            with safetensors.safe_open(path, "numpy"):
                pass
    except (zipfile.BadZipFile, safetensors.SafetensorError) as error:
        raise UserError(f"{source} is no {path.suffix} file and is not kept: {error}.") from error
