"""`keras-vit import`, and the real ImageNet weights where they are."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from fake_hub import fake_hub
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parents[1] / "golden"
GOOD = ["vit.safetensors", "--out", "model.keras", "--num-heads", "2"]
WEIGHTS = os.environ.get("KERAS_VIT_WEIGHTS")


@pytest.fixture
def checkpoint(tmp_path):
    """A tiny timm checkpoint, and a file of its golden logits."""
    with np.load(GOLDEN / "timm_vit.npz") as archive:
        arrays = {
            name.removeprefix("weights/"): archive[name].astype("float32")
            for name in archive.files
            if name.startswith("weights/")
        }
        logits = archive["outputs"]
        np.savez(tmp_path / "golden.npz", images=archive["images"], logits=logits)
        np.savez(tmp_path / "wrong.npz", images=archive["images"], logits=logits + 1)
        nothing, texts = archive["images"][:0], np.full(logits.shape, "cat")
        np.savez(tmp_path / "none of it.npz", images=nothing, logits=logits[:0])
        np.savez(tmp_path / "texts.npz", images=archive["images"], logits=texts)
        np.savez(tmp_path / "fewer.npz", images=archive["images"], logits=logits[:2])
    whole = (tmp_path / "golden.npz").read_bytes()
    (tmp_path / "damaged.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "gap.txt").write_text("cat\n\ndog\n")
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    save_file(arrays, tmp_path / "vit.safetensors")
    return tmp_path


def test_it_tells_what_it_found_and_how_near_it_comes(checkpoint, run):
    source, out = checkpoint / "vit.safetensors", checkpoint / "model.keras"
    golden = checkpoint / "golden.npz"
    code, text, err = run("import", source, "--out", out, "--num-heads", 2, "--golden", golden)
    assert (code, err) == (0, "")
    found, written, parity = text.splitlines()
    assert found == (
        f"{source}: timm, 16x16 pixels in patches of 8; width 16, depth 2, 2 heads, MLP 64 gelu; "
        "class token pooling; 5 classes; epsilon 1e-06, mean 0.5, std 0.5"
    )
    assert written == f"{out}: 9,861 parameters, (16, 16, 3) to (5,)"
    assert parity.startswith(f"{golden}: 3 images, largest difference of a logit ")
    assert parity.endswith("top-1 equal for 3.")
    assert keras.saving.load_model(out).output_shape == (None, 5)


def test_weights_from_an_address(checkpoint, run, monkeypatch):
    monkeypatch.setenv("KERAS_VIT_HOME", str(checkpoint / "kept"))
    out = checkpoint / "model.keras"
    with fake_hub() as hub:
        hub.files["vit.safetensors"] = (checkpoint / "vit.safetensors").read_bytes()
        source = f"{hub.address}/files/vit.safetensors"
        code, text, err = run("import", source, "--out", out, "--num-heads", 2)
    assert (code, text.startswith(f"{source}: timm")) == (0, True)
    (line,) = err.splitlines()
    assert line.startswith(f"keras-vit: {source} (0.0 MB) goes to {checkpoint / 'kept'}")


@pytest.mark.parametrize("name", ["https://example.com/x.bin", "hf:owner/name/x.bin"])
def test_every_command_takes_names(tmp_path, run, name):
    out = tmp_path / "out.npz"
    for words in (
        ["import", name, "--out", tmp_path / "out.keras"],
        ["embed", "digits", "--model", name, "--out", out],
        ["export", name, "--data", "digits", "--out", out],
    ):
        code, _, err = run(*words)
        expected = f"A download must be a .safetensors or .npz file: received {name}."
        assert (code, err.splitlines()[-1]) == (2, f"keras-vit: {expected}")


def test_other_logits_are_status_1(checkpoint, run):
    source, out = checkpoint / "vit.safetensors", checkpoint / "model.keras"
    code, text, _ = run(
        "import", source, "--out", out, "--num-heads", 2, "--golden", checkpoint / "wrong.npz"
    )
    assert code == 1 and "largest difference of a logit 1.0e+00" in text


def test_another_size_and_head(checkpoint, run):
    out, names = checkpoint / "model.keras", checkpoint / "names.txt"
    names.write_text("Möwe\nSpatz\n", "utf-8")
    words = ["--num-heads", 2, "--image-size", 32, 48, "--num-classes", 2, "--class-names", names]
    words += ["--mean", 0.485, 0.456, 0.406, "--std", 0.2]
    code, text, _ = run("import", checkpoint / "vit.safetensors", "--out", out, *words)
    assert code == 0 and "(32, 48, 3) to (2,)" in text and "mean (0.485, 0.456, 0.406)" in text
    model = keras.saving.load_model(out)
    assert model.get_layer("head").class_names == ["Möwe", "Spatz"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["vit.safetensors", "--out", "model.h5"], "--out must end in .keras"),
        (["vit.safetensors", "--out", "model.keras"], "say it by `num_heads`"),
        (["none.npz", "--out", "model.keras"], "There is no checkpoint at none.npz"),
        (["golden.npz", "--out", "model.keras"], "is no Vision Transformer of timm, Google"),
        ([*GOOD, "--golden", "none.npz"], "none.npz must hold images and logits"),
        ([*GOOD, "--golden", "damaged.npz"], "damaged.npz must hold images and logits"),
        ([*GOOD, "--golden", "texts.npz"], "texts.npz must hold images and logits"),
        ([*GOOD, "--golden", "none of it.npz"], r"must hold images (N, H, W, C): received (0,"),
        ([*GOOD, "--golden", "fewer.npz"], "fewer.npz must fit the model: received images (3, 16"),
        ([*GOOD, "--class-names", "gap.txt"], "gap.txt must hold one name on each line"),
        ([*GOOD, "--num-classes", "0", "--class-names", "two.txt"], "without a head has no class"),
        ([*GOOD, "--num-classes", "-1"], "`num_classes` must be at least 1: received -1"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(checkpoint, run, one_line, monkeypatch, words, message):
    monkeypatch.chdir(checkpoint)
    code, _, err = run("import", *words)
    assert code == 2 and message in one_line(err)
    assert not Path("model.keras").exists()


@pytest.mark.skipif(not WEIGHTS, reason="KERAS_VIT_WEIGHTS names no folder of real weights")
def test_the_real_imagenet_weights_give_their_golden_logits(tmp_path, run):
    folder = Path(WEIGHTS)
    source = folder / "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors"
    golden = folder.parent / "imagenet_samples" / "golden_logits.npz"
    code, text, _ = run("import", source, "--out", tmp_path / "ti.keras", "--golden", golden)
    assert code == 0 and "top-1 equal for 32." in text
    assert "5,717,416 parameters, (224, 224, 3) to (1000,)" in text


def test_a_detector_says_what_it_answers_with(tmp_path, run):
    with np.load(GOLDEN / "hf_yolos.npz") as archive:
        arrays = {
            name.removeprefix("weights/"): archive[name].astype("float32")
            for name in archive.files
            if name.startswith("weights/")
        }
        np.savez(tmp_path / "golden.npz", images=archive["images"], logits=archive["outputs"])
    save_file(arrays, tmp_path / "yolos.safetensors")
    command = ["import", tmp_path / "yolos.safetensors", "--out", tmp_path / "yolos.keras"]
    command += ["--num-heads", 2, "--grid", 2, 3]
    code, text, err = run(*command)
    assert (code, err) == (0, "")
    assert "3 registers; positions between blocks; boxes; 4 classes" in text
    assert text.splitlines()[-1].endswith("(16, 24, 3) to boxes (3, 4), scores (3,), classes (3,)")
    code, _, err = run(*command, "--golden", tmp_path / "golden.npz")
    assert code == 2 and "compares logits: the model answers with boxes, scores, classes." in err
