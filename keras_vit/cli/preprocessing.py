"""The preprocessing of a command: that of the model, changed by flags."""

import sys

from keras_vit.command_line import quiet_stderr


def with_flags(remembered, source, splits, **flags):
    """Applies flags to the preprocessing of a model; warns if they change nothing for the source.

    Args:
        remembered: The `Preprocessing` that the model stores.
        source: The `keras_vit.data.Source` that the command reads.
        splits: The splits of the source that the command reads.
        **flags: `crop_ratio` and `interpolation`; `None` leaves that of the model.

    Returns:
        The changed `Preprocessing`.

    Raises:
        ValueError: If a flag is out of its range.
    """
    with quiet_stderr():
        from keras_vit.data import fitted_preprocessing
    wanted = remembered.but(**flags)
    changes = {name: value for name, value in flags.items() if value is not None}
    for split in splits:
        seen = fitted_preprocessing(split, wanted)
        ignored = [name for name, value in changes.items() if getattr(seen, name) != value]
        if ignored:
            names = " or ".join("--" + name.replace("_", "-") for name in ignored)
            print(
                f"keras-vit: {source.name} is in memory: its images are of one size and are seen "
                f"whole, without {names}.",
                file=sys.stderr,
            )
            break
    return wanted
