"""Checkpoints by name, from the Hugging Face Hub and from an address, over a loopback server."""

import io
import json
import urllib.request

import huggingface_hub
import numpy as np
import pytest
from fake_hub import COMMIT, digest, fake_hub
from ports import free_ports
from safetensors.numpy import save
from test_golden import read

import keras_vit
from keras_vit.checkpoints import recognise
from keras_vit.errors import UserError

CONFIG = {"pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "num_classes": 5}}


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        huggingface_hub.close_session()  # the next one reads the variable
        with fake_hub() as hub:
            yield hub
        huggingface_hub.close_session()


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """A hub whose repository `owner/name` holds a tiny model of timm; caches are empty."""
    server.__init__(server.address)
    _, _, arrays = read("timm_vit")
    server.files["model.safetensors"] = packed(arrays)
    server.files["config.json"] = json.dumps(CONFIG).encode()
    server.files |= {"pytorch_model.bin": b"pickle", "README.md": b"Read me."}
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("KERAS_VIT_HOME", str(tmp_path / "kept"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the hub is asked again
    return server


def packed(arrays):
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def refused(name):
    with pytest.raises(UserError) as caught:
        recognise(name, num_heads=2)
    (line,) = str(caught.value).splitlines()
    assert name in line
    return line


def kept(folder):
    """Lists what a later call may take for the weights."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if b"patch_embed" in path.read_bytes()]


def test_a_repository_gives_its_model_and_its_configuration(hub, tmp_path, capsys):
    images, outputs, _ = read("timm_vit")
    model = keras_vit.load("hf:owner/name", num_heads=2, mean=0.5)
    np.testing.assert_allclose(model(images), outputs, rtol=1e-5, atol=1e-5)
    assert recognise("hf:owner/name", num_heads=2).architecture.mean == (0.1, 0.2, 0.3)
    assert hub.asked == ["config.json", "model.safetensors"]
    (line,) = capsys.readouterr().err.splitlines()
    place = tmp_path / "hub"
    assert line == f"keras-vit: model.safetensors of hf:owner/name (0.0 MB) goes to {place}"


@pytest.mark.parametrize("offline", ["HF_HUB_OFFLINE", "nobody answers", "it is down"])
def test_what_was_downloaded_is_there_without_a_network(hub, monkeypatch, offline):
    recognise("hf:owner/name", num_heads=2)
    if offline == "HF_HUB_OFFLINE":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    elif offline == "it is down":
        hub.status = 503
    else:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}")
    for name in ("hf:owner/name", "hf:owner/name@main", "hf:owner/name/model.safetensors"):
        assert recognise(name, num_heads=2).architecture.mean == (0.1, 0.2, 0.3)
    assert "is not in the cache and cannot be downloaded: " in refused("hf:owner/name@v2")
    assert "is not in the cache and cannot be downloaded: " in refused("hf:owner/other")


@pytest.mark.parametrize("revision", ["v2", COMMIT, "refs/pr/1"])
def test_a_revision_and_a_file_in_a_folder(hub, revision):
    hub.revisions.add(revision)
    for name in ("model.safetensors", "config.json"):
        hub.files[f"small/{name}"] = hub.files.pop(name)
    found = recognise(f"hf:owner/name@{revision}/small/model.safetensors", num_heads=2)
    assert found.architecture.mean == (0.1, 0.2, 0.3)


def test_a_sharded_checkpoint(hub):
    _, _, arrays = read("timm_vit")
    places = {name: f"model-{place % 2}.safetensors" for place, name in enumerate(arrays)}
    for shard in set(places.values()):
        part = {
            name: np.ascontiguousarray(arrays[name]) for name in arrays if places[name] == shard
        }
        hub.files[shard] = save(part)
    del hub.files["model.safetensors"]
    index = {"weight_map": places}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    assert recognise("hf:owner/name", num_heads=2).format == "timm"


@pytest.mark.parametrize("place", ["../../x.safetensors", "pytorch_model.bin", ""])
def test_shards_that_are_refused(hub, place):
    del hub.files["model.safetensors"]
    index = {"weight_map": {"x": place}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(UserError, match=f"names '{place}', which is not beside it"):
        recognise("hf:owner/name")


def test_a_missing_shard(hub):
    hub.files["model.safetensors.index.json"] = b'{"weight_map": {"x": "y.safetensors"}}'
    line = refused("hf:owner/name/model.safetensors.index.json")
    assert "there is no such file: y.safetensors" in line


def npz(folder):
    """Returns the bytes of an .npz file of Google."""
    _, _, arrays = read("google_vit")
    np.savez(folder / "x.npz", **arrays)
    return (folder / "x.npz").read_bytes()


def test_an_npz_file(hub, tmp_path):
    hub.files["ViT.npz"] = npz(tmp_path)
    for name in ("hf:owner/name/ViT.npz", f"{hub.address}/files/ViT.npz?download=true"):
        assert recognise(name).format == "Google"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hf:name", "A name on the hub is hf:owner/name"),
        ("hf:owner/name//x.npz", "A name on the hub is hf:owner/name"),
        ("hf:owner/name/a b@c.npz", "A name on the hub is hf:owner/name"),
        ("hf:owner/missing", "there is no such repository"),
        ("hf:owner/name@v9", "there is no such revision"),
        ("hf:owner/name/x.npz", "there is no such file: x.npz"),
        ("hf:owner/name/pytorch_model.bin", "must be a .safetensors or .npz file"),
    ],
)
def test_names_that_are_refused(hub, name, line):
    assert line in refused(name)
    assert "model.safetensors" not in hub.asked


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("where", ["status", "status_of_files"])  # gated ones list their files
def test_a_private_or_gated_repository_is_refused(hub, status, where):
    setattr(hub, where, status)
    assert "it is private, gated or not there" in refused("hf:owner/name")


def test_a_repository_without_weights_that_are_read(hub):
    hub.files["open_clip.safetensors"] = hub.files.pop("model.safetensors")
    line = refused("hf:owner/name")
    assert "name one of its files, for example hf:owner/name/open_clip.safetensors" in line
    del hub.files["open_clip.safetensors"]
    assert "only as a pickle (pytorch_model.bin), which can run code" in refused("hf:owner/name")
    del hub.files["pytorch_model.bin"]
    assert "holds no .safetensors or .npz file" in refused("hf:owner/name")
    assert hub.asked == []


@pytest.mark.parametrize("source", ["hf:owner/name", "{address}/files/model.safetensors#sha256={}"])
@pytest.mark.parametrize("fault", ["damaged", "cut"])
def test_what_arrives_broken_is_not_kept(hub, tmp_path, source, fault):
    name = source.format(digest(hub.files["model.safetensors"]), address=hub.address)
    setattr(hub, fault, True)
    del hub.files["config.json"]
    assert ("another SHA-256" if fault == "damaged" else "complete") in refused(name)
    assert kept(tmp_path) == []
    setattr(hub, fault, False)
    assert recognise(name, num_heads=2).format == "timm"


def test_an_address_is_downloaded_once(hub, tmp_path, capsys):
    name = f"{hub.address}/files/model.safetensors"
    for _ in range(2):
        assert recognise(name, num_heads=2).format == "timm"
    assert hub.asked == ["model.safetensors"]
    (path,) = kept(tmp_path / "kept")
    size = len(hub.files["model.safetensors"])
    assert capsys.readouterr().err == f"keras-vit: {name} ({size / 1e6:.1f} MB) goes to {path}\n"
    path.write_bytes(b"of another time")  # not what the digest says: downloaded again
    good = f"{name}#sha256={digest(hub.files['model.safetensors']).upper()}"
    assert recognise(good, num_heads=2).format == "timm"


def test_the_cache_folder(monkeypatch, tmp_path):
    from keras_vit.files import cache_folder

    monkeypatch.delenv("KERAS_VIT_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("checkpoints") == tmp_path / "keras-vit" / "checkpoints"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("checkpoints") == tmp_path / ".cache" / "keras-vit" / "checkpoints"
    monkeypatch.setenv("KERAS_VIT_HOME", str(tmp_path / "own"))
    assert cache_folder("checkpoints") == tmp_path / "own" / "checkpoints"


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("http://example.com/x.npz", "must begin with https://"),
        ("ftp://example.com/x.npz", "must begin with https://"),
        ("https://[x/x.npz", "must begin with https://"),
        ("https://example.com/x.bin", "must be a .safetensors or .npz file"),
        ("https://example.com/x.npz#md5=0", "may end in #sha256= and 64 digits"),
        ("https://example.com/x.npz#sha256=0", "may end in #sha256= and 64 digits"),
        ("{hub}/files/y.npz", "there is no such file"),
        ("{hub}/loop/x.npz", "HTTP Error 302: The HTTP server returned a redirect error"),
        ("{hub}/files/page.npz", "is no .npz file"),
        ("{hub}/files/page.safetensors", "is no .safetensors file"),
        ("http://127.0.0.1:{port}/x.npz", "cannot be downloaded: Connection refused"),
    ],
)
def test_addresses_that_are_refused(hub, tmp_path, address, line):
    hub.redirect = f"{hub.address}/loop/x.npz" if "loop" in address else None
    hub.files |= dict.fromkeys(("page.npz", "page.safetensors"), b"<!doctype html>" * 9)
    assert line in refused(address.format(hub=hub.address, port=free_ports(1)[0]))
    assert list(tmp_path.rglob("*.*")) == []


def test_an_address_that_is_not_public_or_down(hub):
    name = f"{hub.address}/files/model.safetensors"
    for hub.status_of_files, line in ((403, "it is not public"), (500, "Internal Server Error")):
        assert line in refused(name)


def test_what_breaks_off_without_a_length_is_not_kept(hub, tmp_path):
    hub.cut, hub.sized = True, False
    assert "is no .safetensors file" in refused(f"{hub.address}/files/model.safetensors")
    assert kept(tmp_path) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.npz", "https://localhost/x.npz"])
def test_another_machine_sends_nobody_on_to_this_one(url):
    from keras_vit.checkpoints.download import _Redirects

    request = urllib.request.Request("https://example.com/x.npz")
    with pytest.raises(UserError, match=f"sends on to {url}"):
        _Redirects().redirect_request(request, io.BytesIO(), 302, "Found", {}, url)


def test_the_name_of_a_download_is_that_of_a_file(hub, tmp_path):
    hub.files["..%5C..%5Cx.npz"] = npz(tmp_path)  # on Windows, two folders up
    assert recognise(f"{hub.address}/files/..%5C..%5Cx.npz").format == "Google"
    assert len(list((tmp_path / "kept").rglob("x.npz"))) == 1


def test_nobody_is_sent_on_to_an_unsafe_address(hub):
    hub.redirect = "http://example.com/model.safetensors"
    assert "sends on to http://example.com/model.safetensors" in refused(
        f"{hub.address}/files/model.safetensors"
    )
    hub.redirect = f"{hub.address}/owner/name/resolve/main/model.safetensors"
    assert recognise(f"{hub.address}/files/model.safetensors", num_heads=2).format == "timm"
