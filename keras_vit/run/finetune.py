"""Fine-tune weights that were trained elsewhere on your own pictures.

    keras-vit finetune --data my_pictures --weights vit_tiny.safetensors
    keras-vit finetune --data cifar10 --weights hf:google/vit-base-patch16-224

A checkpoint as `keras-vit import` reads it, or a `.keras` file of ours, gets another image size,
and a new head unless it was trained for the same classes. All weights are trained, those near the
patches more slowly than those near the head ("BEiT", arXiv:2106.08254, appendix H). `--probe`
trains only the head; `--head-epochs` does so in the first epochs; `--frozen-blocks` leaves the
first blocks as they are; `--lora-rank` trains low-rank additions to the kernels (LoRA,
arXiv:2106.09685), which are merged into the saved weights.

Image size, epochs, batch size, learning rate, warm-up and mirroring follow the number, size and
colours of the pictures where they are not given; what was chosen is printed.
"""

import dataclasses
import functools
from typing import Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError
from keras_vit.run.any_source import MUST, AnySource
from keras_vit.run.shared_flags import PatchDropout

BY_DATA = Parameter(show_default=lambda _: "by the data")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AnySource, PatchDropout):
    """The flags of fine-tuning."""

    weights: Annotated[str, MUST] = ""
    """A checkpoint: .safetensors, .npz, a folder that holds one, a .keras file, hf:owner/name."""
    epochs: Annotated[int | None, BY_DATA] = None
    batch_size: Annotated[int | None, BY_DATA] = None
    learning_rate: Annotated[float | None, BY_DATA] = None
    weight_decay: float = 0.05
    warmup_epochs: Annotated[int | None, BY_DATA] = None
    layer_decay: float = 0.75
    label_smoothing: float = 0.1
    image_size: Annotated[int | None, BY_DATA] = None
    """Side of the images in pixels, to which the positions are resized."""
    crop_ratio: Annotated[float | None, BY_DATA] = None
    flip: Annotated[bool | None, BY_DATA] = None
    patch_size: int | None = None
    """Side of a patch in pixels, to which the kernel is resized; by default the checkpoint's."""
    from_probe: bool = True
    """Whether the head begins as a linear probe of the features, which is fitted first and, with
    nearest neighbours, reported beside the result."""
    probe: bool = False
    """Whether only the head is trained."""
    frozen_blocks: int = 0
    """Number of first blocks that, with the embedding, are not trained; 0 trains all."""
    lora_rank: int = 0
    """Rank of what is added to the kernels of the blocks (LoRA); 0 trains all weights."""
    lora_on: str = "qv"
    """What --lora-rank adapts: qv, queries and values; or all, every dense layer of the blocks."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""

    def check(self):
        super().check()
        if not self.weights:
            raise UserError("`weights` must be given: --weights vit.safetensors.")
        if self.lora_rank < 0 or self.lora_rank and (self.probe or self.frozen_blocks):
            raise UserError(
                "`lora_rank` must not be negative, nor be given beside `probe` or "
                "`frozen_blocks`: received "
                f"lora_rank={self.lora_rank}, probe={self.probe}, "
                f"frozen_blocks={self.frozen_blocks}."
            )
        if bool(self.probe) + (self.frozen_blocks != 0) + bool(self.freeze) > 1:
            raise UserError(
                "One of `probe`, `frozen_blocks` and `freeze` may be given: received "
                f"probe={self.probe}, frozen_blocks={self.frozen_blocks}, freeze={self.freeze!r}."
            )
        if self.frozen_blocks < 0:
            raise UserError(f"`frozen_blocks` must be at least 0: received {self.frozen_blocks}.")


def run(config):
    """Trains, evaluates, exports and compares.

    Args:
        config: A `Config`.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    import numpy as np

    from keras_vit.checkpoints import load, recognise
    from keras_vit.run.data_defaults import follow_data
    from keras_vit.run.devices import open_devices
    from keras_vit.run.folds import cross_validate
    from keras_vit.run.kept_head import kept_order, reorder
    from keras_vit.run.settings import as_before
    from keras_vit.run.training import train
    from keras_vit.training import add_lora, check_batch_size

    devices = open_devices(config)
    config, source = config.opened()
    config = as_before(config)
    checkpoint = recognise(config.weights)
    print(f"{config.weights}: {checkpoint}")
    parts = devices.num_replicas_in_sync * config.accumulation
    config = follow_data(config, source, checkpoint, parts=parts)
    config.check()
    check_batch_size(config.batch_size, devices, config.accumulation)
    config = dataclasses.replace(config, freeze=_frozen(config))
    source = config.sized(source)
    if config.frozen_blocks > checkpoint.architecture.config.depth:
        raise UserError(
            f"`frozen_blocks` must be at most {checkpoint.architecture.config.depth}, the depth: "
            f"received {config.frozen_blocks}."
        )
    moves, cropping = config.cropping(source)
    # One number each, because images of another number of channels fold the kernel.
    pixels = {
        name: float(np.mean(getattr(checkpoint.architecture, name))) for name in ("mean", "std")
    }
    order = kept_order(checkpoint.class_names, source.class_names)
    if order is not None:
        print("The weights know the same classes: their head is kept.")

    def build(names):
        model = load(
            checkpoint,
            image_size=config.image_size,
            patch_size=config.patch_size,
            channels=source.splits["train"].channels,
            num_classes=len(names) if order is None else None,
            class_names=names,
            drop_path=config.drop_path,
            patch_dropout=config.largest_patch_dropout,
        )
        if order is not None:
            reorder(model, order)
        return model

    task = config.classification(source)
    run_one = functools.partial(
        train,
        devices=devices,
        build=build,
        task=task,
        augment=config.stages(*config.flips, *moves, **pixels),
        adapt=functools.partial(add_lora, rank=config.lora_rank, on=config.lora_on)
        if config.lora_rank
        else None,
        callbacks=config.patch_dropout_callbacks,
        from_probe=config.from_probe and order is None,
        bigger=bigger(config, checkpoint),
        **cropping,
    )
    return cross_validate(config, source, task, run_one)


def bigger(config, checkpoint):
    """Names the same fine-tuning at the size of the weights.

    Args:
        config: A `Config` whose `image_size` is known.
        checkpoint: The `keras_vit.checkpoints.RecognisedCheckpoint` of the weights.

    Returns:
        The words of a command; empty where the images are as large already.
    """
    native = min(checkpoint.architecture.config.image_size)
    if config.image_size >= native:
        return []
    words = ["keras-vit", "finetune", "--data", config.data, "--weights", config.weights]
    return [*words, "--image-size", str(native), "--run-dir", f"{config.run_dir}-{native}"]


def _frozen(config):
    """Returns the regular expression of the weights that are not trained."""
    if config.probe:
        return r"^(?!head/)"
    if config.frozen_blocks:
        blocks = "|".join(f"(block|positions){x:02d}" for x in range(config.frozen_blocks))
        return f"^(patches|embed|pre_norm|{blocks})/"
    return config.freeze
