"""The three splits of a run: one to train, one to choose by, one to score once."""

from keras_vit.data import hold_out
from keras_vit.errors import UserError


def run_splits(config, source, task):
    """Gives a source the splits of a run, and leaves out what its task does not need.

    Args:
        config: A recipe's `Training`.
        source: A `keras_vit.data.Source` with the splits `train` and `test`.
        task: The `keras_vit.tasks.Task`.

    Returns:
        A `Source` with `train`, `test` and, unless `config.val_fraction` is 0 or nothing can be set
        apart, `val`.

    Raises:
        ValueError: If the source lacks what the task needs or one of the splits, `val_fraction`
            cannot be obeyed, or a batch holds more than the training examples.
    """
    source.require(task.needs, "A recipe")
    for name in ("train", "test"):
        if name not in source.splits or not source.splits[name].count:
            raise UserError(f"A recipe needs pictures in the split {name}: {source.name} has none.")
    source = source.only(task.needs)
    if config.val_fraction != 0:
        source = hold_out(source, config.val_fraction)
    count = source.splits["train"].count
    if config.batch_size > count:
        raise UserError(
            f"`batch_size` must be at most the {count:,} training examples: "
            f"received batch_size={config.batch_size}."
        )
    return source
