"""Makes `preprocessors.npz`: what transformers' own image processors make of odd-sized pictures.

    python -m venv hf && hf/bin/pip install "transformers<5" pillow numpy
    hf/bin/python tests/golden/make_preprocessors.py tests/golden/preprocessors.npz

The processors are the slow ones, which resize by Pillow; torch is not needed. Made by transformers
4.57.6 and Pillow 13.0.0. Sizes are an eighth of the published ones, or odd, so that offsets and
truncated sides differ between roundings.
"""

import json
import sys

import numpy as np
from PIL import Image
from transformers import (
    BitImageProcessor,
    ConvNextImageProcessor,
    DeiTImageProcessor,
    ViTImageProcessor,
)

SHAPES = [(61, 50), (37, 90), (24, 23)]
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
SQUARE = {"height": 28, "width": 28}
PROCESSORS = {
    "vit": (ViTImageProcessor, dict(size=SQUARE)),
    "vit_bicubic_unscaled": (
        ViTImageProcessor,
        dict(size=SQUARE, resample=3, do_rescale=False, do_normalize=False),
    ),
    "vit_other_scale": (ViTImageProcessor, dict(size=28, rescale_factor=1 / 127.5)),
    "deit": (DeiTImageProcessor, dict(size={"height": 32, "width": 32}, crop_size=28, **IMAGENET)),
    "deit_odd": (DeiTImageProcessor, dict(size={"height": 35, "width": 35}, crop_size=28)),
    "deit_squashed": (DeiTImageProcessor, dict(size=28, do_center_crop=False)),
    "dinov2": (BitImageProcessor, dict(size={"shortest_edge": 32}, crop_size=28, **IMAGENET)),
    "dinov2_odd": (BitImageProcessor, dict(size=37, crop_size=28, resample=2)),
    "convnext": (ConvNextImageProcessor, dict(size={"shortest_edge": 28}, crop_pct=0.9)),
}


def pictures():
    """Returns smooth noise of some shapes, uint8."""
    rng = np.random.default_rng(0)
    for height, width in SHAPES:
        small = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3)).astype("uint8")
        yield np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def main(path):
    arrays = {f"picture_{number}": each for number, each in enumerate(pictures())}
    for name, (kind, options) in PROCESSORS.items():
        processor = kind(**options)
        for number in range(len(SHAPES)):
            image = Image.fromarray(arrays[f"picture_{number}"])
            (values,) = processor(image, return_tensors="np")["pixel_values"]
            arrays[f"{name}_{number}"] = values.transpose(1, 2, 0).astype("float32")
        said = {**options, "image_processor_type": kind.__name__}
        arrays[f"{name}_said"] = np.array(json.dumps(said))  # what is given, and nothing else
        arrays[f"{name}_saved"] = np.array(processor.to_json_string())  # what transformers saves
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
