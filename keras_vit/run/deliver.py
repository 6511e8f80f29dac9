"""The end of every recipe: the model is saved, exported, scored and compared with its exports."""

import dataclasses
import shlex
from pathlib import Path

from PIL import Image
from rich.console import Console

from keras_vit.evaluation import compare, comparison_table, confusion_figure
from keras_vit.export import export, save_keras
from keras_vit.files import write_json
from keras_vit.run.judge import judge, pick_samples
from keras_vit.training import log_figure, log_hyperparameters

EXPORTED = ("savedmodel", "tflite")  # formats
SAMPLES = 10  # test images that are written as pictures, to try `keras-vit predict` on


def deliver(model, source, evaluation, config, log_dir, *, preprocessing, bigger):
    """Saves and exports a trained classifier, scores it on the test split and compares the exports.

    The score is that of the whole split. The exports are compared with the model on the same
    images or, if these are larger than a gigabyte, on a random choice of them.

    Args:
        model: The classifier, from images `(B, H, W, C)` to logits `(B, K)`.
        source: The `keras_vit.data.Source` it was trained on.
        evaluation: A `tf.data.Dataset` of the test split: images `(B, H, W, C)`, labels `(B,)`.
        config: The recipe's dataclass; its `run_dir` and `export_dir` name the folders, its `seed`
            the random choice.
        log_dir: TensorBoard's folder of this run, a `pathlib.Path`.
        preprocessing: The `Preprocessing` of evaluation, saved with the model.
        bigger: Words of a command that trains a bigger model, to print at the end; may be empty.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file.

    Raises:
        ValueError: If the test split yields no image, or an export cannot be written.
        OSError: If a file cannot be written.
    """
    run_dir = Path(config.run_dir)
    keras_path = run_dir / f"{source.name}.keras"
    print(f"\nSaving {keras_path} and exporting to {config.export_dir} ...")
    save_keras(model, keras_path, preprocessing=preprocessing)
    saved_model, litert = export(model, config.export_dir, to=EXPORTED, preprocessing=preprocessing)

    judged = judge(model, evaluation, seed=config.seed)
    result, tested, compared = judged.score, len(judged.score.labels), len(judged.labels)
    figure = confusion_figure(result.labels, result.predictions, source.class_names)
    log_figure(log_dir, "confusion matrix", figure)
    accuracy = result.top(1)
    log_hyperparameters(log_dir, dataclasses.asdict(config), {"test_accuracy": accuracy})
    print(f"Test accuracy: {accuracy:.2%} of {tested:,} images.")

    which = (
        f"{compared:,} of them, drawn at random," if compared < tested else f"{compared:,} images"
    )
    print(f"Running {which} through each, reloaded in a process of its own ...")
    reference = {"probabilities": judged.probabilities}
    paths = [keras_path, saved_model, litert]
    comparisons = compare(paths, judged.images, judged.labels, reference)
    Console().print(comparison_table(comparisons))
    results = {
        "test_accuracy": accuracy,
        "test_images": tested,
        "compared_images": compared,
        "artefacts": [dataclasses.asdict(row) for row in comparisons],
    }
    write_json(run_dir / "results.json", results)

    samples = run_dir / "samples"
    picked = pick_samples(judged.labels, SAMPLES)
    write_samples(samples, judged.images[picked], judged.labels[picked], source.class_names)
    print("\nNext:")
    print(f"  {shlex.join(['tensorboard', '--logdir', str(log_dir.parent)])}")
    print(f"  {shlex.join(['keras-vit', 'predict', str(litert), str(samples)])}/*.png")
    if bigger:
        print(f"  {shlex.join(bigger)}")
    return comparisons


def write_samples(folder, images, labels, class_names):
    """Writes images as `folder/<index>-is-<class>.png`.

    Args:
        folder: The folder, a `pathlib.Path`; made if it is missing.
        images: uint8 `(N, H, W, C)` of one or three channels.
        labels: Classes `(N,)`.
        class_names: Names of the classes, in the order of their numbers.
    """
    folder.mkdir(exist_ok=True)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        name = class_names[label].replace("/", "-")
        Image.fromarray(pixels).save(folder / f"{index}-is-{name}.png")
