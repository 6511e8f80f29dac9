"""The flags of recipes that learn from pictures alone, whatever their labels."""

import dataclasses

from keras_vit.errors import UserError
from keras_vit.run.flags import Training


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pictures(Training):
    """A recipe that learns from a folder of pictures."""

    data: str = ""
    """A folder of pictures, or one that holds train/ and test/."""
    test_fraction: float | None = None
    """Share of the test split where the folder has none; by default 0.1."""

    def check(self):
        super().check()
        if not self.data:
            raise UserError("`data` must be given: --data my_pictures.")

    def opened(self):
        """Opens the folder, whose splits are its own or chosen by the names of the pictures.

        Returns:
            A `keras_vit.data.Source`.

        Raises:
            ValueError: If it cannot be opened.
        """
        return open_with_test(self.data, test_fraction=self.test_fraction)


def open_with_test(text, *, test_fraction=None, **how):
    """Opens a source, of which a share is the test split where it has none.

    Args:
        text: As `keras_vit.data.open_source` takes it.
        test_fraction: As it takes it; by default 0.1 of pictures without labels, too.
        **how: Further arguments of `keras_vit.data.open_source`.

    Returns:
        A `keras_vit.data.Source`.

    Raises:
        ValueError: If it cannot be opened.
    """
    from keras_vit.data import open_source
    from keras_vit.data.sources.files import DEFAULT_TEST_FRACTION

    source = open_source(text, test_fraction=test_fraction, **how)
    if "test" in source.splits:
        return source
    return open_source(text, test_fraction=DEFAULT_TEST_FRACTION, **how)
