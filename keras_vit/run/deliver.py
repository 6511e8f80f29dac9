"""The end of every recipe: the model is saved, exported, scored and compared with its exports."""

import dataclasses
import shlex
from pathlib import Path

import numpy as np

from keras_vit.evaluation import forks, sheet_figure
from keras_vit.export import save_keras
from keras_vit.export.version_folder import REJECTED
from keras_vit.files import write_json
from keras_vit.run.compared_exports import export_and_compare
from keras_vit.run.gallery import pick_samples, row, titles_of, write_samples
from keras_vit.run.judge import judge
from keras_vit.run.report import write_run_report
from keras_vit.run.run_state import FREE_ON_RESUME
from keras_vit.run.settings import changed_settings
from keras_vit.run.shown_answers import log_answers
from keras_vit.tasks import deploy
from keras_vit.training import log_figure, log_hyperparameters

SAMPLES = 10  # test images that are written as pictures, to try `keras-vit predict` on
SHOWN = 6  # test images that are drawn with truth and answer


def deliver(
    task,
    model,
    name,
    evaluation,
    config,
    log_dir,
    *,
    preprocessing,
    bigger,
    count=None,
    baselines=None,
    report=None,
):
    """Saves and exports a trained model, scores it on the test split and compares the exports.

    The score is that of the whole split. The exports are compared with the model on the same
    images or, if these are larger than a gigabyte, on a random choice of them.

    Args:
        task: The `keras_vit.tasks.Task` that the model was trained for.
        model: The model, as `task.deploy` returns it.
        name: Name of the file that is saved, without its ending.
        evaluation: A `tf.data.Dataset` of the test split: images `(B, H, W, C)` and their truth.
        config: The recipe's dataclass; its `run_dir` and `export_dir` name the folders, its `seed`
            the random choice.
        log_dir: TensorBoard's folder of this run, a `pathlib.Path`.
        preprocessing: The `Preprocessing` of evaluation, saved with the model.
        bigger: Words of a command that trains a bigger model, to print at the end; may be empty.
        count: Number of images of the test split, for the progress bar, or `None`.
        baselines: Figures of simpler models, by their name and that of the split.
        report: What the training knows for `report.html`, as `keras_vit.run.report.training_parts`
            returns it.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file; empty unless `config.export`.

    Raises:
        ValueError: If the test split yields no image, or an export cannot be written.
        OSError: If a file cannot be written.
    """
    baselines, run_dir = baselines or {}, Path(config.run_dir)
    keras_path = run_dir / f"{name}.keras"
    print(f"\nSaving {keras_path} ...")
    save_keras(model, keras_path, preprocessing=preprocessing)
    if config.export:
        forks.prepare()  # imports TensorFlow while the split is scored

    judged = judge(task, deploy(model), evaluation, seed=config.seed, count=count)
    result, tested, compared = judged.result, judged.result.count, len(judged.images)
    log_answers(log_dir, "test", task, model, result, judged.worst)
    if task.draws_answers:
        figure = sheet_figure(task, _shown(judged))
        log_figure(log_dir, "test/answers", figure)
        figure.savefig(run_dir / "answers.png", dpi=100)
    figures = {f"test_{name}": value for name, value in result.figures.items()}
    settings = changed_settings(config, left_out=FREE_ON_RESUME)
    log_hyperparameters(log_dir, settings, figures)
    headline, value = result.headline
    print(f"Test {headline.replace('_', ' ')}: {task.text(headline, value)} of {tested:,} images.")

    for name, by_split in baselines.items():
        print(f"  beside it, {name}: {task.text(headline, by_split['test'])}.")

    comparisons = []
    if config.export:
        comparisons = export_and_compare(
            task, model, keras_path, config.export_dir, judged, preprocessing=preprocessing
        )
    results = {
        **figures,
        "baselines": baselines,
        "test_images": tested,
        "compared_images": compared if config.export else 0,
        "artefacts": [dataclasses.asdict(row) for row in comparisons],
    }
    write_json(run_dir / "results.json", results)

    samples = run_dir / "samples"
    titles = titles_of(task, judged.truth, compared)
    # Numbers of classes are in the order of the classes, titles in that of the alphabet.
    picked = pick_samples(judged.truth if np.ndim(judged.truth) == 1 else titles, SAMPLES)
    write_samples(samples, judged.images[picked], [titles[index] for index in picked])
    page = write_run_report(task, config, judged, keras_path, comparisons, baselines, report or {})
    print(f"\nThe report is {page}.")
    print("\nNext:")
    print(f"  {shlex.join(['tensorboard', '--logdir', str(log_dir.parent)])}")
    usable = [row.artefact for row in comparisons if not row.artefact.endswith(REJECTED)]
    newest = usable[-1] if usable else str(keras_path)
    print(f"  {shlex.join(['keras-vit', 'predict', newest, str(samples)])}/*.png")
    if bigger:
        print(f"  {shlex.join(bigger)}")
    return comparisons


def _shown(judged):
    """Lists examples that lie evenly in the judged ones, for `sheet_figure`."""
    places = np.linspace(0, len(judged.images) - 1, min(SHOWN, len(judged.images))).astype(int)
    for place in places:
        yield judged.images[place], row(judged.truth, place), row(judged.answers, place), ""
