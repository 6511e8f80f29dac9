"""`keras-vit inside`: numbers and plots of what a model is like inside."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_vit.checkpoints.export_timm import export_timm
from keras_vit.models import vit
from keras_vit.tasks import classifier, features, segmenter

RNG = np.random.default_rng(0)
ALL = ["positions", "filters", "distances", "layers", "norms"]
FILES = {f"{name}.{kind}" for name in ALL for kind in ("png", "npz", "json")}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Returns paths of models by what they are."""
    folder = tmp_path_factory.mktemp("models")
    size = dict(image_size=(8, 12), depth=2)
    made = {
        "pets": classifier(vit("mu/4", **size, num_registers=2), 3),
        "backbone": vit("mu/4", **size, distillation_token=True),
        "windows": vit("mu/4", image_size=16, window=2, class_token=False, position="none"),
        "grey": vit("mu/4", **size, channels=1, position="sincos_2d"),
        "masks": segmenter(vit("mu/4", **size), 2),
    }
    for name, model in made.items():
        model.save(folder / f"{name}.keras")
    return {name: folder / f"{name}.keras" for name in made}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    for name in "abcdef":
        pixels = RNG.integers(0, 256, (20, 30, 3), dtype="uint8")
        Image.fromarray(pixels).save(place / f"{name}.png")
    return place


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_all_of_a_model_is_shown_and_the_numbers_are_told(models, folder, run, tmp_path):
    words = ["--data", folder, "--out", tmp_path, "--limit", "5"]
    code, out, err = run("inside", models["pets"], *words)
    assert code == 0, err
    assert names_in(tmp_path) == FILES and "left out" not in err
    lines = [line for line in out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    shapes = {
        "positions": dict(similarity=(2, 3, 2, 3)),
        "filters": dict(filters=(32, 4, 4, 3), shares=(32,)),
        "distances": dict(distances=(5, 2, 2)),
        "layers": dict(similarity=(3, 3)),
        "norms": dict(norms=(5, 3, 9)),
    }
    arrays, told = {}, {}
    for name, expected in shapes.items():
        with np.load(tmp_path / f"{name}.npz") as found:
            arrays[name] = dict(found)
        assert {key: each.shape for key, each in arrays[name].items()} == expected
        assert all(np.isfinite(each).all() for each in arrays[name].values())
        told[name] = json.loads((tmp_path / f"{name}.json").read_text())
        assert told[name]["model"] == str(models["pets"])
        assert told[name]["data"] == str(folder) and told[name]["pictures"] == 5
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert min(picture.size) > 150
    similar = arrays["positions"]["similarity"]
    row = (similar[0, 0, 0, 2] + similar[1, 0, 1, 2]) / 2
    assert told["positions"]["mean_cosine"]["same row"] == pytest.approx(row)
    assert f"{row:.2f} same row" in " ".join(out.split())
    shares = arrays["filters"]["shares"]
    needed = told["filters"]["components_of_90_percent"]
    assert shares[: needed - 1].sum() < 0.9 <= shares[:needed].sum()
    distances = arrays["distances"]["distances"]
    assert told["distances"]["pixels"]["block01"] == pytest.approx(distances[:, 1].mean())
    alike = arrays["layers"]["similarity"]
    assert told["layers"]["cka_of_neighbours"] == pytest.approx([alike[0, 1], alike[1, 2]])
    norms, ends = arrays["norms"]["norms"], told["norms"]["median_at_the_end"]
    assert ends["patches"] == pytest.approx(np.median(norms[:, -1, 3:]))
    assert ends["registers"] == pytest.approx(np.median(norms[:, -1, 1:3]))


def test_one_view_is_shown_without_pictures(models, run, tmp_path):
    code, out, err = run("inside", models["backbone"], "--show", "positions", "--out", tmp_path)
    assert code == 0, err
    assert names_in(tmp_path) == {"positions.png", "positions.npz", "positions.json"}
    assert out.startswith("Positions of 2x3 patches") and "norms" not in out + err


def test_without_pictures_the_weights_are_shown(models, run, tmp_path):
    code, out, err = run("inside", models["grey"], "--out", tmp_path)
    assert code == 0, err
    assert {name.split(".")[0] for name in names_in(tmp_path)} == {"positions", "filters"}
    assert "keras-vit: distances, layers, norms need pictures: name them by --data." in err


def test_what_a_model_has_not_is_left_out(models, folder, run, tmp_path):
    code, _, err = run("inside", models["windows"], "--data", folder, "--out", tmp_path)
    assert code == 0, err
    assert {name.split(".")[0] for name in names_in(tmp_path)} == {"filters", "layers", "norms"}
    assert "positions are left out: The patches of 'vit' have no positions." in err
    assert "distances are left out: Distances are those of attention to all patches" in err


def test_a_segmenter_is_shown(models, folder, run, tmp_path):
    words = ["--data", folder, "--out", tmp_path, "--show", "norms"]
    code, out, err = run("inside", models["masks"], *words)
    assert code == 0, err
    assert "class token" in out


def test_a_checkpoint_without_a_head_is_shown(folder, run, tmp_path):
    path = tmp_path / "headless.safetensors"
    export_timm(features(vit("mu/4", image_size=8, depth=2)), path)
    words = ["--data", folder, "--show", "norms", "--out", tmp_path / "out"]
    code, out, err = run("inside", path, *words)
    assert code == 0, err
    assert names_in(tmp_path / "out") == {"norms.png", "norms.npz", "norms.json"}


def test_long_patches_are_told(folder, run, tmp_path):
    model = vit("mu/4", image_size=(8, 12), depth=2)
    embed = model.get_layer("embed")
    table = np.array(embed.positions)
    table[:, 3] = 100  # one patch of six
    embed.positions.assign(table)
    model.save(tmp_path / "long.keras")
    words = ["--data", folder, "--show", "norms", "--out", tmp_path / "out"]
    code, out, err = run("inside", tmp_path / "long.keras", *words)
    assert code == 0, err
    said = " ".join(out.split())
    assert "16.67%, in 6 of 6 pictures" in said
    assert "Long in most pictures, by row and column: [0, 2]." in said


def test_mistakes_are_one_sentence(models, folder, run, one_line, tmp_path):
    broken = vit("mu/4", image_size=8)
    broken.get_layer("embed").projection.kernel.assign(np.full((48, 32), np.nan))
    broken.save(tmp_path / "broken.keras")
    out = ["--out", tmp_path / "out"]
    for words, message in (
        ([models["pets"], "--show", "norms", *out], "norms need pictures: name them by --data."),
        ([models["pets"], "--limit", "0", *out], "--limit must be at least 1: received 0."),
        ([models["pets"], "--show", "heads", *out], "heads"),
        ([models["pets"], "--out", models["pets"]], "--out must be a folder"),
        ([models["windows"], "--show", "positions", *out], "have no positions"),
        ([tmp_path / "none.keras", *out], "There is no model at"),
        ([tmp_path / "broken.keras", *out], "holds weights that are NaN or infinite."),
    ):
        code, _, err = run("inside", *words)
        assert code == 2 and message in one_line(err), err
    assert not (tmp_path / "out").exists()


def test_mistakes_about_pictures_are_one_sentence(models, folder, run, tmp_path):
    for model, words, message in (
        ("grey", ["norms"], "The model takes 1 channels: the source has 3."),
        ("pets", ["layers", "--limit", "3"], "on at least four images: received 3."),
        ("windows", ["distances"], "to all patches: received windows."),
    ):
        words = ["--data", folder, "--out", tmp_path / "out", "--show", *words]
        code, _, err = run("inside", models[model], *words)
        last = err.splitlines()[-1]
        assert code == 2 and last.startswith("keras-vit: ") and last.endswith(message), err
    assert not (tmp_path / "out").exists()
