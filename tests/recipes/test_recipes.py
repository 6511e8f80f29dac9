import dataclasses
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_vit.run
import recipes.digits
import recipes.finetune
import recipes.folder
from keras_vit import data
from keras_vit.command_line import run_recipe
from keras_vit.data import SequentialSplit, Source
from keras_vit.errors import UserError
from keras_vit.export import save_keras
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.run import training
from keras_vit.tasks import classifier, deploy

ROOT = Path(recipes.__file__).parents[1]
RECIPES = ["digits", "cifar10", "imagenet", "folder", "finetune"]
SMOKES = {name: importlib.import_module(f"recipes.{name}").SMOKE for name in RECIPES}
OF_FOLDERS = ("folder", "imagenet")
# What a recipe names at its end; fine-tuning at the size of the weights has nothing bigger.
BIGGER = {"folder": "keras-vit train --data", "finetune": "keras-vit predict"}
# The first recipe runs in the fast suite, where compiling is most of what they all cost.
FIRST = [
    pytest.param(name, configs[0], marks=[pytest.mark.slow] if name != "digits" else [])
    for name, configs in SMOKES.items()
]
OTHERS = [(name, config) for name, configs in SMOKES.items() for config in configs[1:]]


def test_every_recipe_is_smoked_here():
    modules = [module.name for module in pkgutil.iter_modules(recipes.__path__)]
    pages = [name for name in modules if hasattr(importlib.import_module(f"recipes.{name}"), "run")]
    # See test_*_recipe.py.
    of_their_own = ["cnn", "detect", "dino", "distill", "inpaint", "lejepa", "mae", "probe"]
    of_their_own += ["restore", "segment"]
    assert sorted(pages) == sorted([*RECIPES, *of_their_own])


def tags(folder):
    found = EventAccumulator(str(folder)).Reload().Tags()
    return {*found["tensors"], *found["scalars"]}


def make_folder(folder):
    """Writes ten classes of pictures of several sizes, and one that is broken."""
    rng = np.random.default_rng(0)
    for index in range(60):
        place = folder / ("train" if index < 40 else "test") / f"class {index % 10}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20 + index, 40, 3)).astype("uint8")
        Image.fromarray(pixels).save(place / f"{index}.jpg")
    Path(folder, "train", "class 3", "broken.jpg").write_bytes(b"no picture")
    return str(folder)


def check_what_stayed(config, path):
    """Compares what fine-tuning saved with the weights that it was given."""
    given = {w.path: w.numpy() for w in keras.saving.load_model(config.weights).weights}
    saved = {w.path: w.numpy() for w in keras.saving.load_model(path).weights}
    blocks = [name for name in given if name.startswith("block")]
    same = {name for name in blocks if (given[name] == saved[name]).all()}
    kernels = {name for name in blocks if name.endswith("kernel")}
    near = {name for name in kernels if np.abs(given[name] - saved[name]).max() < 0.1}
    assert near == kernels  # it began with them
    if config.probe:
        assert same == set(blocks) and (given["norm/gamma"] == saved["norm/gamma"]).all()
    elif config.lora_rank:
        on = kernels if config.lora_on == "all" else {x for x in kernels if "qkv" in x}
        assert on and same == set(blocks) - on
    elif config.frozen_blocks:
        frozen = {name for name in blocks if name.startswith("block00/")}
        assert same >= frozen and (given["norm/gamma"] != saved["norm/gamma"]).any()
        assert (given["embed/positions"] == saved["embed/positions"]).all()
    else:
        assert not same & kernels


def run_smoke(name, config, tmp_path):
    """Runs a recipe; returns its result, its configuration and what it has saved."""
    recipe = importlib.import_module(f"recipes.{name}")
    places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"))
    if name in OF_FOLDERS:
        places["data"] = make_folder(tmp_path / name)
    if hasattr(config, "weights"):
        places["weights"] = str(tmp_path / "weights.keras")
        depth = 2 if getattr(config, "frozen_blocks", 0) else 1
        classifier(vit("mu/4", image_size=8, depth=depth), 3).save(places["weights"])
    if name == "digits":
        places["picture_epochs"] = 1
    if config is not SMOKES["cifar10"][0]:  # whose trial of XLA holds for all
        places["xla"] = "off"
    config = dataclasses.replace(config, **places)
    with tfds.testing.mock_data(num_examples=64):
        result = recipe.run(config)
    kept = "last" if config.val_fraction == 0 else "best"
    return result, config, Path(config.run_dir, f"{kept}.keras")


@pytest.fixture
def only_scored(monkeypatch):
    """Saves and scores what a recipe trains; exports and comparisons have tests of their own."""

    def deliver(task, model, name, evaluation, config, log_dir, **_):
        save_keras(model, Path(config.run_dir) / f"{name}.keras")
        batches = evaluation.as_numpy_iterator()
        return task.score([(deploy(model).predict(images), truth) for images, truth in batches])

    monkeypatch.setattr(training, "deliver", deliver)


@pytest.mark.slow
@pytest.mark.parametrize("name, config", OTHERS)
def test_another_configuration_trains(name, config, tmp_path, only_scored):
    result, config, saved = run_smoke(name, config, tmp_path)
    assert result.count > 0
    if name == "finetune":
        check_what_stayed(config, saved.with_name("last.keras"))  # the start may be the best


@pytest.mark.parametrize("name, config", FIRST)
def test_a_recipe_trains_watches_exports_and_compares(name, config, tmp_path, capsys):
    comparisons, config, saved = run_smoke(name, config, tmp_path)
    artefacts = [saved.name, "1", "1.tflite"]
    assert [Path(row.artefact).name for row in comparisons] == artefacts
    assert all(row.difference < 1e-5 for row in comparisons)
    assert len({row.figures["accuracy"] for row in comparisons}) == 1
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert written["artefacts"] == [dataclasses.asdict(row) for row in comparisons]
    assert (
        written["test_accuracy"] == comparisons[0].figures["accuracy"]
    )  # the whole split was compared
    assert written["test_images"] == written["compared_images"] > 0

    if name == "finetune":
        check_what_stayed(config, saved.with_name("last.keras"))  # the start may be the best
    (log_dir,) = (tmp_path / "run" / "logs").iterdir()
    validated = tags(log_dir / "validation") if (log_dir / "validation").exists() else set()
    if config.validation_epochs <= config.epochs:
        assert validated >= {"loss", "accuracy"}
    trained = tags(log_dir / "train")
    assert {"loss", "accuracy", "images_per_second"} <= trained
    rates = {tag for tag in trained if tag.startswith("learning_rate")}
    assert rates == {"learning_rate"} or rates >= {"learning_rate/embed", "learning_rate/head"}
    pictures = tags(log_dir / "pictures")
    assert pictures >= {"training images", "test/confusion", "test/reliability"}
    if config.picture_epochs == 1:
        watched = {"attention", "confusion", "reliability", "worst answers"}
        assert pictures >= {f"validation/{each}" for each in watched}
    assert Path(log_dir, "features", f"after {config.epochs} epochs", "features.tsv").is_file()
    assert "test_accuracy" in tags(log_dir / "hparams")

    out = capsys.readouterr().out
    assert re.search(rf"^{'digits' if name == 'finetune' else name}: 10 classes", out, re.MULTILINE)
    assert f"epochs={config.epochs}" in out
    if name in OF_FOLDERS:
        assert "1 picture could not be read in epoch 1:" in out
        assert f"{Path('class 3', 'broken.jpg')}: " in out
    for command in ("tensorboard --logdir", "keras-vit predict", BIGGER.get(name, "python -m rec")):
        assert command in out
    assert len(list((tmp_path / "run" / "samples").glob("*-is-*.png"))) == 10


@pytest.mark.slow
def test_fine_tuning_on_a_folder(tmp_path):
    classifier(vit("mu/4", image_size=8), 3).save(tmp_path / "weights.keras")
    config = recipes.finetune.Config(
        weights=str(tmp_path / "weights.keras"),
        data=f"folder:{make_folder(tmp_path / 'mine')}",
        image_size=12,
        epochs=2,
        batch_size=20,
        xla="off",
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
    )
    comparisons = recipes.finetune.run(config)
    assert [Path(row.artefact).name for row in comparisons] == ["best.keras", "1", "1.tflite"]
    assert all(row.difference < 1e-5 for row in comparisons)
    for path in (tmp_path / "run" / "best.keras", tmp_path / "exports" / "1.tflite"):
        artefact = open_artefact(path)
        assert artefact.image_shape == (12, 12, 3) and artefact.class_names[3] == "class 3"
        assert artefact.preprocessing.crop_ratio == 0.875


@pytest.mark.parametrize(
    "words, message",
    [
        (["--epochs", "many"], 'unable to convert "many" into int'),
        (["3"], "Words that no argument takes: 3."),
        (["--device", "npu"], "`device` must be auto, cpu, gpu or tpu"),
        (["--batch-size", "0"], "`batch_size` must be at least 1: received batch_size=0"),
        (["--accumulation", "0"], "`accumulation` must be at least 1: received accumulation=0"),
        (["--validation-epochs", "0"], "received validation_epochs=0"),
        (["--label-smoothing", "2"], "`label_smoothing` must lie in [0, 1): received"),
        (["--mixup", "-1"], "`mixup` must lie in [0, inf): received mixup=-1"),
        (["--seed", "-1"], "`seed` must lie in [0, 4294967296): received seed=-1"),
        (["--no-resume", "--schedule", "cosin"], "received 'cosin'"),
        (["--batch-size", "2000"], "at most the 1,437 training examples: received batch_size=2000"),
        (["--batch-size", "2000", "--repeats", "3"], "received batch_size=2000"),
        (["--epochs", "0"], "`epochs` must be at least 1: received epochs=0"),
        (["--epochs", "1"], "received epochs=1, warmup_epochs=15. Pass more --epochs, or fewer"),
        (["--epochs", "15"], "`epochs` must be above `warmup_epochs`: received epochs=15"),
        (["--head-epochs", "135"], "epochs=150, warmup_epochs=15, head_epochs=135"),
        (["--head-epochs", "-1"], "`head_epochs` must be at least 0: received head_epochs=-1"),
        (["--cooldown-epochs", "136"], "at most the 135 epochs after the warm-up: received"),
        (["--warmup-epochs", "-1"], "`warmup_epochs` must be at least 0"),
        (["--batch-size", "32", "--accumulation", "3"], "`accumulation`: received batch_size=32"),
        (["--weight-decay", "-1"], "`weight_decay` must lie in [0, inf): received"),
        (["--layer-decay", "0"], "`layer_decay` must lie in (0, 1]: received layer_decay=0.0"),
        (["--mix-rate", "2"], "`mix_rate` must lie in [0, 1]: received mix_rate=2.0"),
        (["--beta-2", "1"], "`beta_2` must lie in [0, 1): received beta_2=1.0"),
        (["--precision", "float8"], "`precision` must be one of float32, bfloat16, float16"),
        (["--xla", "maybe"], "`xla` must be one of auto, on, off: received 'maybe'"),
        (["--optimizer", "adm"], "`optimizer` must be one of adamw, lamb, muon, sgd"),
        (["--freeze", "("], "is no regular expression"),
        (["--freeze", "nothing"], "matches none of"),
        (["--width", "0"], "`width` must be at least 1: received 0"),
        (["--depth", "-1"], "`depth` must be at least"),
        (["--save-every", "-1"], "`save_every` must be at least 0"),
        (["--worker", "3"], "worker"),
        (["--epochs", "30.5"], "--epochs takes an integer: received 30.5"),
        (["--learning-rate", "nan"], "received learning_rate=nan"),
        (["--export-dir", "x[1]"], "TensorFlow loads no model from a path with"),
        (["--run-dir", "taken"], "taken"),
        (["--num-heads", "5"], "num_heads=5, width=48"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, words, message, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    monkeypatch.setattr("sys.argv", ["digits", *words])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", recipes.digits.__spec__)
    with pytest.raises(SystemExit) as stop:
        run_recipe(recipes.digits.run, recipes.digits.Config, "")
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("python -m recipes.digits: ") and message in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_folder_is_trained_through_a_data_service(tmp_path, only_scored):
    dispatcher = tf.data.experimental.service.DispatchServer()
    where = tf.data.experimental.service.WorkerConfig(dispatcher.target.removeprefix("grpc://"))
    worker = tf.data.experimental.service.WorkerServer(where)
    pictures = make_folder(tmp_path / "mine")
    Path(pictures, "train", "class 3", "broken.jpg").unlink()  # the service wants JPEGs
    config = dataclasses.replace(
        recipes.folder.SMOKE[0],
        data=pictures,
        data_service=dispatcher.target,
        augment="none",
        picture_epochs=0,
        xla="off",
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
    )
    assert recipes.folder.run(config).count == 20
    del worker


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["train", "test"])
def test_a_label_that_is_no_class_stops_a_recipe_in_one_sentence(tmp_path, wrong, monkeypatch):
    picture = tf.io.encode_jpeg(np.zeros((20, 20, 3), "uint8")).numpy()
    labels = {name: np.array([0, 1] * 10 + [2] * (name == wrong)) for name in ("train", "test")}

    def stream(name):
        pictures = [picture] * len(labels[name])
        samples = {"image": pictures, "label": labels[name]}
        return lambda **_: tf.data.Dataset.from_tensor_slices(samples)

    splits = {name: SequentialSplit(len(each), stream(name)) for name, each in labels.items()}
    source = Source("streams", ("a", "b"), splits)
    monkeypatch.setattr(data, "open_source", lambda *_, **__: source)
    places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"))
    changes = dict(data="streams", augment="none", picture_epochs=0, xla="off", **places)
    config = dataclasses.replace(recipes.folder.SMOKE[0], **changes)
    with pytest.raises(UserError, match=r"^Labels must lie in \[0, 2\): received 2, which belongs"):
        recipes.folder.run(config)


@pytest.mark.slow
def test_beginning_anew_loses_nothing_before_all_flags_are_right(tmp_path, only_scored):
    precious = tmp_path / "checkpoints" / "step-000999999.npz"
    precious.parent.mkdir()
    precious.write_bytes(b"precious")
    places = dict(run_dir=str(tmp_path), export_dir=str(tmp_path / "exports"), xla="off")
    config = dataclasses.replace(recipes.digits.SMOKE[0], resume=False, schedule="cosin", **places)
    with pytest.raises(ValueError, match="received 'cosin'"):
        recipes.digits.run(config)
    assert precious.read_bytes() == b"precious"
    recipes.digits.run(dataclasses.replace(config, schedule="cosine"))
    assert not precious.exists()


@pytest.mark.parametrize("rates, epochs", [((0.0, 0.5), (0, 1)), ((0.5, 0.0), (0, 1))])
def test_patches_may_be_dropped_from_any_epoch_on(monkeypatch, rates, epochs):
    seen = {}
    cifar10 = importlib.import_module("recipes.cifar10")
    config = dataclasses.replace(cifar10.SMOKE[1], patch_dropout=rates, patch_dropout_epochs=epochs)
    monkeypatch.setattr(
        keras_vit.run, "train", lambda *given, **kwargs: seen.update(kwargs, build=given[3])
    )
    with tfds.testing.mock_data(num_examples=64):
        cifar10.run(config)
    (schedule,) = seen["callbacks"]
    assert schedule.rates == dict(zip(epochs, rates, strict=True))
    assert seen["build"]("abc").get_layer("patch_dropout").rate == 0.5


@pytest.mark.slow
def test_a_mistyped_flag_is_the_one_line_of_the_whole_program(tmp_path):
    command = [sys.executable, "-m", "recipes.digits", "--run-dir", str(tmp_path), "--epoch", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    line = "python -m recipes.digits: Unknown option: --epoch. Did you mean --epochs?\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
