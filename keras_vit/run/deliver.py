"""The end of every recipe: from a trained model to artefacts, their comparison and what is next."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from rich.console import Console

from keras_vit.data import cut_of
from keras_vit.evaluation import compare, comparison_table, confusion_figure
from keras_vit.export import export, save_keras
from keras_vit.files import write_json
from keras_vit.training import log_figure, log_hyperparameters

COMPARED = 2**30  # bytes of test images that the artefacts are compared on, at most
SAMPLES = 10  # test images written as pictures to try `keras-vit predict` on


def deliver(model, source, evaluation, config, log_dir, *, bigger):
    """Saves, exports, reloads and compares a trained classifier on the test split.

    Of a test split beyond a gigabyte of pixels the first gigabyte is compared, which is said.

    Args:
        model: The classifier, images to logits.
        source: The `keras_vit.data.Source` it was trained on.
        evaluation: The batches of its test split, images and labels.
        config: The recipe's dataclass; `run_dir` and `export_dir` say where things go.
        log_dir: TensorBoard's folder of this run.
        bigger: The command that trains something bigger, to name at the end.

    Returns:
        One `keras_vit.inference.Comparison` per artefact.
    """
    run_dir = Path(config.run_dir)
    keras_path = run_dir / f"{source.name}.keras"
    print(f"\nSaving {keras_path} and exporting to {config.export_dir} ...")
    cut = cut_of(source.splits["test"], getattr(config, "crop_ratio", 0.875))
    save_keras(model, keras_path, preprocessing=cut)
    saved_model, litert = export(model, config.export_dir, **cut)

    images, labels = (np.concatenate(parts) for parts in zip(*_first(evaluation), strict=True))
    logits = model.predict(images, batch_size=256, verbose=0)
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    predictions = reference.argmax(axis=-1)
    figure = confusion_figure(labels, predictions, source.class_names)
    log_figure(log_dir, "confusion matrix", figure)
    accuracy = {"test_accuracy": np.mean(predictions == labels)}
    log_hyperparameters(log_dir, dataclasses.asdict(config), accuracy)

    print(f"Running {len(images):,} images through each, reloaded in a process of its own ...")
    comparisons = compare([keras_path, saved_model, litert], images, labels, reference)
    Console().print(comparison_table(comparisons))
    rows = [dataclasses.asdict(row) for row in comparisons]
    write_json(run_dir / "results.json", rows)

    samples = run_dir / "samples"
    write_samples(samples, images[:SAMPLES], labels[:SAMPLES], source.class_names)
    print(
        "\nNext:\n"
        f"  tensorboard --logdir {log_dir.parent}\n"
        f"  keras-vit predict {litert} {samples}/*.png\n"
        f"  {bigger}"
    )
    return comparisons


def _first(evaluation):
    """Returns the batches that fit into `COMPARED` bytes, at least one."""
    batches, size = [], 0
    for batch in evaluation.as_numpy_iterator():
        size += batch[0].nbytes
        if batches and size > COMPARED:
            break
        batches.append(batch)
    return batches


def write_samples(folder, images, labels, class_names):
    """Writes images as `folder/<index>-is-<class>.png`."""
    folder.mkdir(exist_ok=True)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        name = class_names[label].replace("/", "-")
        Image.fromarray(pixels).save(folder / f"{index}-is-{name}.png")
