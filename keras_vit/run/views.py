"""What recipes share that train by views."""

import dataclasses

from keras_vit.errors import UserError
from keras_vit.images.view_sheet import ViewSheet
from keras_vit.run.any_source import scale_of_pixels
from keras_vit.run.flags import check_ranges
from keras_vit.run.shared_flags import PatchDropout
from keras_vit.run.small_data import SmallData
from keras_vit.run.without_labels import WithoutLabels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Views(WithoutLabels, SmallData, PatchDropout):
    """A recipe that compares large and small views of each picture."""

    views: int = 2
    """Number of large views, of the size of the model's images; at least 2."""
    small_views: int
    """Number of small views; 0 for none."""
    small_size: int
    """Side of the small views in pixels."""
    area: tuple[float, float]
    """Smallest and largest area of a large view, as shares of the picture's."""
    small_area: tuple[float, float]
    """Smallest and largest area of a small view."""
    jitter: float = 0.8
    """Share of the views whose light and colours are changed."""
    grey: float = 0.2
    """Share of the views that become grey."""
    blur: tuple[float, float, float]
    """Shares that are blurred: of the first large view, of the others, of the small ones."""
    solarize: tuple[float, float, float]
    """Shares whose light values are inverted, in the same order."""
    class_token: bool
    """Whether the features are those of a class token; otherwise the mean of the patches."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""
    smallest_crop: float = 1.0
    """Smallest share of a picture that all its views are cut from; of picture files."""

    def check(self):
        super().check()
        check_ranges(self, {"[0, 1]": (lambda x: 0 <= x <= 1, ("jitter", "grey"))})
        for name in ("blur", "solarize"):
            if not all(0 <= share <= 1 for share in getattr(self, name)):
                raise UserError(f"`{name}` must lie in [0, 1]: received {getattr(self, name)}.")
        for name in ("area", "small_area"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise UserError(f"`{name}` must rise within (0, 1]: received {low} and {high}.")
        off = dict(augment="none", erasing=0.0, padding=4)
        for name, value in off.items():
            if getattr(self, name) != value:
                raise UserError(
                    f"Views are moved and changed in their own way, without `{name}`: received "
                    f"{name}={getattr(self, name)}."
                )
        self.sheet()  # a size out of its range is said now

    def sheet(self):
        """Returns the layout of the views, a `ViewSheet`."""
        small = dict(small_size=self.small_size, small_count=self.small_views)
        return ViewSheet(size=self.image_size, count=self.views, **small)

    @property
    def crops(self):
        """Options of `keras_vit.data.augment.view_sheet`, by name."""
        from keras_vit.data.augment import ViewColours

        how = dict(flip=self.flip, jitter=self.jitter, grey=self.grey)
        colours = ViewColours(**how, blur=self.blur, solarize=self.solarize)
        return dict(area=self.area, small_area=self.small_area, colours=colours)

    @property
    def rates(self):
        """Rates of the encoder that learns, by name."""
        return dict(drop_path=self.drop_path, patch_dropout=self.largest_patch_dropout)

    def cropping(self, source):
        """Returns no stage that moves, as views do, and how picture files become images."""
        return [], super().cropping(source)[1]

    def encoder(self, channels):
        """Returns the configuration of the encoder, see `WithoutLabels.shape`."""
        small = dict(stem=self.stem, stem_blocks=self.stem_blocks, locality=self.locality)
        return self.shape(channels, class_token=self.class_token, **small)


def run_views(config, build, task_of, *, sign, advice):
    """Trains a backbone by views and saves it.

    Args:
        config: A recipe's `Views`.
        build: Called with the configuration of the encoder, the sheet, and mean and deviation of
            the pixels, returns a graph of `keras_vit.tasks.view_model`.
        task_of: Called with the sheet, options of the views and the steps of an epoch, returns the
            task.
        sign: As `keras_vit.training.WatchCollapse` takes its `find`.
        advice: As this takes it.

    Returns:
        What `keras_vit.run.train` returns.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    from keras_vit.run import open_devices, train
    from keras_vit.run.splits import run_splits
    from keras_vit.tasks.embedding import embedding
    from keras_vit.tasks.view_model import backbone_of, features_in

    devices = open_devices(config)
    config, source = config.opened()
    source = config.sized(source)
    channels = source.splits["train"].channels
    how = config.encoder(channels), config.sheet(), scale_of_pixels(config, channels)
    steps = run_splits(config, source, embedding()).splits["train"].count // config.batch_size
    task = task_of(config.sheet(), config.crops, steps)
    _, cropping = config.cropping(source)
    rows = train(
        config,
        devices,
        source,
        lambda names: build(*how),
        task=task,
        bigger=config.next_command,
        callbacks=[
            *config.patch_dropout_callbacks,
            *config.watch(
                source, cropping.get("preprocessing"), backbone_of, sign=sign, advice=advice
            ),
        ],
        **cropping,
    )
    if rows is not None:
        config.save_backbone(features_in)
    return rows
