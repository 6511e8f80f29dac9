"""The figures of a model in words, and those of simpler ways to answer beside them."""

import numpy as np


def figures_in_words(task, figures):
    """Writes figures as `psnr 31.2, ssim 0.9`, except those that are not known.

    Args:
        task: The `keras_vit.tasks.Task`.
        figures: Numbers by name.
    """
    return ", ".join(
        f"{name.replace('_', ' ')} {task.text(name, value)}"
        for name, value in figures.items()
        if not np.isnan(value)
    )


def score_baselines(task, batches, steps):
    """Scores the simple ways to answer that a task has, and prints their figures.

    Args:
        task: The `keras_vit.tasks.Task`.
        batches: A function without arguments that returns an iterable of pairs, images
            `(B, H, W, C)` and the truth.
        steps: Number of batches, for the progress bar.

    Returns:
        Figures by name of each, by its name.

    Raises:
        ValueError: If one needs an extra that is not installed.
    """
    from keras_vit.evaluation import score
    from keras_vit.progress import progress

    found = {}
    for name, answer in task.baselines.items():
        pairs = progress(batches(), f"scoring {name}", steps)
        found[name] = score(task, answer, pairs).result.figures
        print(f"  beside it, {name}: {figures_in_words(task, found[name])}.")
    return found
