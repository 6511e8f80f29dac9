"""What a command does to pictures: what the model remembers, or what flags say instead."""

import sys

from keras_vit.command_line import quiet_stderr


def with_flags(remembered, source, splits, **flags):
    """Returns the `Preprocessing` of a model, changed by flags; says where they change nothing.

    Args:
        remembered: What the model remembers.
        source: The `keras_vit.data.Source` that the command reads.
        splits: Its splits that the command reads.
        **flags: `crop_ratio` and `interpolation`, `None` where they were not given.

    Raises:
        ValueError: If a flag is out of its range.
    """
    with quiet_stderr():
        from keras_vit.data import fitted_preprocessing
    wanted = remembered.but(**flags)
    given = {name: value for name, value in flags.items() if value is not None}
    for split in splits:
        seen = fitted_preprocessing(split, wanted)
        ignored = [name for name, value in given.items() if getattr(seen, name) != value]
        if ignored:
            names = " or ".join("--" + name.replace("_", "-") for name in ignored)
            print(
                f"keras-vit: {source.name} is in memory: its images are of one size and are seen "
                f"whole, without {names}.",
                file=sys.stderr,
            )
            break
    return wanted
