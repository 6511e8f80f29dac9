"""`keras-vit import`: turns other people's weights into a `.keras` file."""

from pathlib import Path
from typing import Literal

import numpy as np

from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError

TOLERANCE = 1e-4  # largest difference of a logit, in float32


def import_weights(
    source: str,
    /,
    *,
    out: Path,
    image_size: tuple[int, ...] | None = None,
    patch_size: int | None = None,
    channels: int | None = None,
    num_classes: int | None = None,
    class_names: Path | None = None,
    pool: Literal["class_token", "mean", "class_token_and_mean", "attention"] | None = None,
    resize: Literal["bicubic", "bicubic_plain", "bilinear"] = "bicubic",
    num_heads: int | None = None,
    grid: tuple[int, int] | None = None,
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "swiglu"] | None = None,
    norm_epsilon: float | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    golden: Path | None = None,
):
    """Turn a checkpoint of timm, Google or Hugging Face into a .keras file.

    Exit status 0: the file was written. 1: it was written, but its logits differ from the golden
    ones. 2: the checkpoint was not recognised, or does not fit the flags.

    Args:
        source: A .safetensors or .npz file, a folder that holds one, or a .keras file of ours; or
            what is downloaded, hf:owner/name or https://host/x.safetensors.
        out: The .keras file to write.
        image_size: Height and width in pixels, or one number for both, to which the positions are
            resized.
        patch_size: Side of a patch in pixels, to which the kernel is resized.
        channels: Channels per pixel, for which the kernel is folded.
        num_classes: Number of classes of a new head, 0 for features; by default the head stays.
        class_names: A text file with one class name per line.
        pool: How tokens become features; by default as in the checkpoint.
        resize: Interpolation of positions and kernel: bicubic as in timm, bicubic_plain, without
            antialiasing, as in transformers, bilinear as in Google's code.
        num_heads: Number of attention heads, if it is not the usual one for the width.
        grid: Rows and columns of patches, if they differ and no configuration says so.
        activation: Activation of the MLPs, if it is not the usual one of the family.
        norm_epsilon: Epsilon of the norms, if it is not the usual one of the family.
        mean: Mean of the pixels on the scale 0 to 1, one number or three; by default the family's.
        std: Standard deviation of the pixels, one number or three; by default the family's.
        golden: An .npz file that holds uint8 pixels under the name crops or images, and the logits
            that the original model returns for them.
    """
    if out.suffix != ".keras":
        raise UserError(f"--out must end in .keras: received {out}.")
    names = None if class_names is None else class_names.read_text("utf-8").splitlines()
    if names is not None and not all(name.strip() for name in names):
        raise UserError(f"{class_names} must hold one name on each line: one is empty.")
    expected = None if golden is None else _read_golden(golden)
    with quiet_stderr():
        from keras_vit.checkpoints import load, recognise
        from keras_vit.export import save_keras
    options = dict(num_heads=num_heads, grid=grid, activation=activation, norm_epsilon=norm_epsilon)
    checkpoint = recognise(source, mean=_alone(mean), std=_alone(std), **options)
    print(f"{source}: {checkpoint}")
    model = load(
        checkpoint,
        image_size=_alone(image_size),
        patch_size=patch_size,
        channels=channels,
        num_classes=num_classes,
        class_names=names,
        pool=pool,
        resize=resize,
    )
    if golden is not None:
        _check_golden(model, *expected, golden)
    save_keras(model, out)
    outputs = model.output.items() if isinstance(model.output, dict) else [("", model.output)]
    answers = ", ".join(f"{name} {output.shape[1:]}".strip() for name, output in outputs)
    parameters = f"{model.count_params():,} parameters"
    print(f"{out}: {parameters}, {model.input_shape[1:]} to {answers}")
    return 0 if golden is None else _compare(model, *expected, golden)


def _alone(values):
    """Returns the number itself if a flag that takes several holds one, otherwise all."""
    return values[0] if values and len(values) == 1 else values


def _read_golden(path):
    """Reads images and the logits that they must give."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            images = archive["crops" if "crops" in archive else "images"].astype("float32")
            logits = archive["logits"].astype("float32")
    except Exception as error:  # NumPy and zip raise many kinds
        raise UserError(f"{path} must hold images and logits: {error}.") from error
    if not images.ndim or not len(images):
        raise UserError(f"{path} must hold images (N, H, W, C): received {images.shape}.")
    return images, logits


def _check_golden(model, images, logits, path):
    """Raises a `ValueError` if images and logits are not of a model's shapes."""
    if isinstance(model.output, dict):
        names = ", ".join(model.output)
        raise UserError(f"--golden compares logits: the model answers with {names}.")
    fits = images.shape[1:] == model.input_shape[1:]
    if not fits or logits.shape != (len(images), *model.output_shape[1:]):
        raise UserError(
            f"{path} must fit the model: received images {images.shape} and logits {logits.shape}."
        )


def _compare(model, images, expected, path):
    """Compares a model with golden logits, prints the difference and returns the exit status."""
    logits = model.predict(images, verbose=0)
    difference = np.abs(logits - expected).max()
    equal = int((logits.argmax(-1) == expected.argmax(-1)).sum())
    print(
        f"{path}: {len(images)} images, largest difference of a logit {difference:.1e}, top-1 "
        f"equal for {equal}."
    )
    return 0 if difference <= TOLERANCE and equal == len(images) else 1
