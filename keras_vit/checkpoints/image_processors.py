"""Reads how others preprocess a picture, as a `Preprocessing` of ours.

`read_processor` reads the `preprocessor_config.json` of Hugging Face's transformers, `read_timm`
the `pretrained_cfg` of timm. Both return notes on what a `Preprocessing` cannot express.
"""

import dataclasses
import math

from keras_vit.checkpoints.config_values import value_of
from keras_vit.checkpoints.families import CLIP
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import INTERPOLATIONS, SMALLEST_RATIO, Preprocessing

HALF = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
OF_CLIP = dict(image_mean=list(CLIP["mean"]), image_std=list(CLIP["std"]))
SQUARE, LARGER = {"height": 224, "width": 224}, {"height": 256, "width": 256}
SHORT = {"shortest_edge": 224}
# What the processors of transformers 4.57 do where their file has no such entry.
DEFAULTS = {
    "ViT": dict(size=SQUARE, resample=2, do_center_crop=False, **HALF),
    "DeiT": dict(size=LARGER, resample=3, do_center_crop=True, crop_size=SQUARE, **HALF),
    "Bit": dict(size=SHORT, resample=3, do_center_crop=True, crop_size=SQUARE, **OF_CLIP),
    "CLIP": dict(size=SHORT, resample=3, do_center_crop=True, crop_size=SQUARE, **OF_CLIP),
    "Siglip": dict(size=SQUARE, resample=3, do_center_crop=False, **HALF),
    "ConvNext": dict(size={"shortest_edge": 384}, resample=2, crop_pct=0.875, **HALF),
}
BY_SHORT_SIDE = ("Bit", "CLIP", "ConvNext")  # one integer is the short side, else both sides
SUFFIXES = ("ImageProcessorFast", "ImageProcessor", "FeatureExtractor")
MODEL_TYPES = {
    "vit": "ViT",
    "vit_mae": "ViT",
    "vit_msn": "ViT",
    "deit": "DeiT",
    "dinov2": "Bit",
    "dinov2_with_registers": "Bit",
}
RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by Pillow's number
OTHER_STEPS = ("do_pad", "do_flip_channel_order", "do_thumbnail", "do_align_long_axis")
SQUASHES = 384  # pixels; from this size on ConvNext's processor crops nothing


def read_timm(config):
    """Reads timm's `pretrained_cfg`.

    Args:
        config: timm's `config.json`, with `pretrained_cfg` inside or, in old files, its values
            beside the others; or the metadata that `export_timm` writes, which holds ours.

    Returns:
        A dictionary: `preprocessing`, a `Preprocessing`; and `notes`, texts about what is done
        differently.

    Raises:
        ValueError: If a value has the wrong type or is out of its range.
    """
    ours = value_of(config, "keras_vit", "an object") or {}
    if "preprocessing" in ours:
        return dict(preprocessing=Preprocessing.from_json(ours["preprocessing"]), notes=())
    pretrained = value_of(config, "pretrained_cfg", "an object") or config
    ratio = value_of(pretrained, "crop_pct", "a number")
    interpolation = value_of(pretrained, "interpolation", "a text") or "bicubic"
    mode = value_of(pretrained, "crop_mode", "a text") or "center"
    notes = []
    if ratio is None:
        ratio = 0.875  # timm's own default
    if not 0 < ratio < math.inf:
        raise UserError(f"A configuration's crop_pct must be above 0: received {ratio!r}.")
    if not SMALLEST_RATIO <= ratio <= 1:
        notes.append(f"crop_pct={ratio:g} (the nearest in [{SMALLEST_RATIO}, 1] is used)")
        ratio = min(max(ratio, SMALLEST_RATIO), 1)
    if interpolation not in INTERPOLATIONS:
        notes.append(f"interpolation={interpolation!r} (bicubic is used)")
        interpolation = "bicubic"
    if mode not in ("center", "squash"):
        notes.append(f"crop_mode={mode!r} (the middle is cropped)")
    fit = "squash" if mode == "squash" else "crop"
    preprocessing = Preprocessing(crop_ratio=ratio, interpolation=interpolation, fit=fit)
    return dict(preprocessing=preprocessing, notes=tuple(notes))


def read_processor(config, model_type=None):
    """Reads Hugging Face's `preprocessor_config.json`, as transformers' slow processors do.

    Args:
        config: The file's object.
        model_type: `model_type` of `config.json`, which names the processor where the file does
            not.

    Returns:
        A dictionary: `preprocessing`, a `Preprocessing` for images of the size in the file; `mean`
        and `std`, which the model must subtract and divide by on the scale 0 to 1; and `notes`,
        texts about what is done differently.

    Raises:
        ValueError: If a value has the wrong type or is out of its range.
    """
    notes = [f"{name}=true" for name in OTHER_STEPS if value_of(config, name, "true or false")]
    kind = _kind(config, model_type)
    if kind not in DEFAULTS:
        notes.append(f"image_processor_type={kind!r} (read as ViTImageProcessor)")
    defaults = DEFAULTS.get(kind, DEFAULTS["ViT"])
    settings = {**defaults, **{name: value for name, value in config.items() if value is not None}}
    if kind != "ConvNext" and kind in DEFAULTS and settings.pop("crop_pct", None) is not None:
        notes.append(f"crop_pct (which {kind}ImageProcessor ignores)")
    resample = value_of(settings, "resample", "an integer")
    if not 0 <= resample < len(RESAMPLE):
        raise UserError(f"A configuration's resample must be one of Pillow's: received {resample}.")
    interpolation = RESAMPLE[resample]
    if interpolation not in INTERPOLATIONS:
        notes.append(f"resample={resample} ({interpolation}; bicubic is used)")
        interpolation = "bicubic"
    preprocessing = Preprocessing(interpolation=interpolation, crop_offset="floor")
    geometry = _geometry(settings, kind in BY_SHORT_SIDE, notes)
    preprocessing = dataclasses.replace(preprocessing, **geometry)
    if config.keys().isdisjoint({"size", "crop_size"}):
        preprocessing = dataclasses.replace(preprocessing, image_size=None)
    return dict(preprocessing=preprocessing, notes=tuple(notes), **_scale(settings))


def _kind(config, model_type):
    """Returns the name of a processor without its suffix."""
    for name in ("image_processor_type", "feature_extractor_type"):
        if kind := value_of(config, name, "a text"):
            for suffix in SUFFIXES:
                kind = kind.removesuffix(suffix)
            return kind
    return MODEL_TYPES.get(model_type, "ViT") if isinstance(model_type, str | None) else "ViT"


def _geometry(settings, by_short_side, notes):
    """Returns `image_size`, `crop_ratio` and `fit`; appends to `notes` what they cannot say."""
    resized = _sides(settings, "size", by_short_side)
    if isinstance(settings["size"], dict) and settings["size"].get("longest_edge"):
        notes.append("longest_edge (only shortest_edge is used)")
    crops = value_of(settings, "do_center_crop", "true or false")
    crop = _sides(settings, "crop_size", False) if crops else None
    if crops and not isinstance(crop, tuple):
        raise UserError(f"A configuration's crop_size must be two sides: received {crop}.")
    ratio = value_of(settings, "crop_pct", "a number")
    if ratio is not None and isinstance(resized, int):
        if not SMALLEST_RATIO <= ratio <= 1:
            raise UserError(f"A configuration's crop_pct must lie in (0, 1]: received {ratio!r}.")
        crop = (resized, resized)
        resized = crop if resized >= SQUASHES else int(resized / ratio)
    if value_of(settings, "do_resize", "true or false") is False:
        notes.append("do_resize=false (pictures are resized to cover the image)")
        size = crop or resized
        return dict(image_size=size, crop_ratio=1.0, fit="crop")
    if isinstance(resized, int):
        if crop is None:
            notes.append("shortest_edge without do_center_crop (the middle is cropped)")
        crop = crop or (resized, resized)
        resized, fit = (resized, resized), "crop"
        if crop[0] != crop[1]:
            notes.append("shortest_edge beside a crop_size that is no square")
    else:
        crop, fit = crop or resized, "squash"
    if any(part > whole for part, whole in zip(crop, resized, strict=True)):
        notes.append("crop_size beyond size (nothing is padded)")
        return dict(image_size=crop, crop_ratio=1.0, fit=fit)
    exact = Preprocessing(image_size=crop, crop_ratio=_ratio(crop[0], resized[0]), fit=fit)
    if exact.resized != resized:
        notes.append(f"size={resized} beside crop_size={crop} (one share is kept of both sides)")
    return dict(image_size=crop, crop_ratio=exact.crop_ratio, fit=fit)


def _sides(settings, name, by_short_side):
    """Returns a height and a width, or one integer that only the short side must have."""
    value = settings.get(name)
    if isinstance(value, list) and len(value) == 2:
        value = dict(zip(("height", "width"), value, strict=True))
    if not isinstance(value, dict):
        side = value_of(settings, name, "an integer")
        value = {"shortest_edge": side} if by_short_side else {"height": side, "width": side}
    short = value_of(value, "shortest_edge", "an integer")
    sides = tuple(value_of(value, key, "an integer") for key in ("height", "width"))
    if short is None and None in sides or min([short] if short else sides) < 1:
        raise UserError(f"A configuration's {name} cannot be read: received {str(value)[:80]}.")
    return short if None in sides else sides


def _ratio(part, whole):
    """Returns the largest share of `whole` pixels with `floor(part / share) == whole`."""
    ratio = part / whole
    while math.floor(part / ratio) < whole:
        ratio = math.nextafter(ratio, 0)
    return ratio


def _scale(settings):
    """Returns mean and standard deviation of the pixels on the scale 0 to 1."""
    mean, std = (_numbers(settings, name) for name in ("image_mean", "image_std"))
    if value_of(settings, "do_normalize", "true or false") is False:
        mean, std = 0.0, 1.0
    factor = value_of(settings, "rescale_factor", "a number")
    factor = 1 / 255 if factor is None else factor
    if not 0 < factor < math.inf:
        raise UserError(f"A configuration's rescale_factor must be above 0: received {factor!r}.")
    if value_of(settings, "do_rescale", "true or false") is False:
        factor = 1.0
    if not math.isclose(255 * factor, 1, rel_tol=1e-6):  # (x f - m) / s, of x / 255
        mean, std = (_divided(values, 255 * factor) for values in (mean, std))
    checked = Preprocessing(mean=mean, std=std)
    return dict(mean=checked.mean, std=checked.std)


def _numbers(settings, name):
    if isinstance(settings[name], int | float):
        return value_of(settings, name, "a number")
    return tuple(value_of(settings, name, "numbers"))


def _divided(values, divisor):
    if isinstance(values, int | float):
        return values / divisor
    return tuple(value / divisor for value in values)
