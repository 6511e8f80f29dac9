"""Graphs that train by views: one encoder embeds all views of a picture."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks.dino_head import dino_head
from keras_vit.tasks.pooled import features, pooled_of
from keras_vit.tasks.sharpen import Sharpen
from keras_vit.tasks.sketch import Sketch


def sketched_views(
    config, sheet, *, width=64, hidden=512, directions=256, pool=None, pixels=None, **rates
):
    """Builds the graph of LeJEPA, from sheets of views `(B, S, W, C)` to `(B, V, E + M)`.

    "LeJEPA" (arXiv:2511.08544): the encoder and a projector of two layers embed each view in `E`
    numbers; a `Sketch` projects these on `M` random directions. There is no teacher. Where the
    paper's code has a BatchNorm in the projector, here each view is normed by itself, so that no
    example depends on the others.

    Args:
        config: A `keras_vit.models.ViTConfig` of the large views, without `window` and
            `mid_positions`.
        sheet: Where the views are, a `keras_vit.images.view_sheet.ViewSheet`.
        width: Numbers of an embedding `E`.
        hidden: Units of the projector's hidden layer.
        directions: Number of directions `M`.
        pool: As `keras_vit.tasks.features` takes it.
        pixels: `mean` and `std`, as `keras_vit.models.vit` takes them, a dictionary.
        **rates: `patch_dropout` and other rates of `vit`.

    Returns:
        A `keras.Model` named `"views"`; `backbone_of` returns its encoder.

    Raises:
        ValueError: If views of several sizes cannot be encoded by the configuration, or the sheet
            does not fit it.
    """
    backbone = _backbone(config, sheet, pool, **(pixels or {}), **rates)
    head = [
        keras.layers.Dense(hidden, name="project0"),
        keras.layers.LayerNormalization(epsilon=1e-6, name="project_norm"),
        keras.layers.Activation("gelu", name="project_gelu"),
        keras.layers.Dense(width, dtype="float32", name="project1"),
    ]
    images = _sheets(config, sheet)
    x = _embedded([*backbone.layers[1:], *head], images, sheet, config)
    x = ops.concatenate([x, Sketch(directions, dtype="float32", name="sketch")(x)], axis=-1)
    return keras.Model(images, x, name="views")


def self_distilled_views(
    config,
    sheet,
    *,
    prototypes=4096,
    hidden=2048,
    bottleneck=256,
    centring=0.9,
    temperature=0.04,
    frozen=False,
    pool=None,
    pixels=None,
    **rates,
):
    """Builds the graph of DINO, from sheets of views `(B, S, W, C)` to `(B, V + G, K)`.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294). Along the
    second axis are the student's logits of all views, then the teacher's probabilities of the large
    ones, centred and sharpened. The teacher is the layer `"teacher"`, a model with weights of its
    own, which begin as the student's; they get no gradient, and training saves them with the rest.
    It sees whole views, without dropout.

    Args:
        config: As `sketched_views` takes it.
        sheet: As it takes it.
        prototypes: Numbers of an answer `K`.
        hidden: Units of the two hidden layers of the head.
        bottleneck: Numbers that the head scales to length one before its last layer.
        centring: `momentum` of `keras_vit.tasks.sharpen.Sharpen`.
        temperature: The teacher's at first, as this layer takes it.
        frozen: Whether the last layer of the head does not learn at first, as where the task has
            `frozen_steps`.
        pool: As `keras_vit.tasks.features` takes it.
        pixels: As `sketched_views` takes it.
        **rates: Rates of the student.

    Returns:
        A `keras.Model` named `"views"`; `backbone_of` returns the teacher's encoder.

    Raises:
        ValueError: As `sketched_views`.
    """
    pixels = pixels or {}
    backbone = _backbone(config, sheet, pool, **pixels, **rates)
    sizes = prototypes, hidden, bottleneck, frozen
    head = dino_head(*sizes)
    images = _sheets(config, sheet)
    student = _embedded([*backbone.layers[1:], *head], images, sheet, config)
    plain = features(vit(config, **pixels), pool=pool)
    teacher = _chained(dino_head(*sizes), plain.output)
    teacher = keras.Model(plain.input, teacher, name="teacher")
    teacher.trainable = False
    layers = {layer.name: layer for layer in [*backbone.layers, *head]}
    for layer in teacher.layers:
        layer.set_weights(layers[layer.name].get_weights())
    answers = teacher(_merged(_cut(images, sheet.corners, sheet.size)), training=False)
    answers = ops.reshape(answers, (-1, sheet.count, prototypes))
    sharpen = dict(momentum=centring, temperature=temperature)
    answers = Sharpen(**sharpen, dtype="float32", name="sharpen")(answers)
    return keras.Model(images, ops.concatenate([student, answers], axis=1), name="views")


def backbone_of(model):
    """Returns the encoder of a graph that trains by views: of the teacher, if it has one.

    Args:
        model: What `sketched_views` or `self_distilled_views` built; its layers are shared.

    Returns:
        A `keras.Model` named `"features"`, from images `(B, H, W, C)` to features `(B, D)`.
    """
    layers = {layer.name: layer for layer in model.layers}
    return features_in(layers.get("teacher", model))


def features_in(model):
    """Returns the part of a model that computes features.

    Args:
        model: A model that extends those of `keras_vit.tasks.features`; its layers are shared.

    Returns:
        A `keras.Model` named `"features"`, from images `(B, H, W, C)` to features `(B, D)`.
    """
    images, pooled = model.get_layer("pixels").input, pooled_of(model)
    return keras.Model(images, pooled, name="features")


def _backbone(config, sheet, pool, **how):
    for name in ("window", "mid_positions"):
        if getattr(config, name):
            value = getattr(config, name)
            raise UserError(f"Views of several sizes cannot be encoded with {name}={value}.")
    if config.image_size != (sheet.size, sheet.size):
        raise UserError(
            f"The large views must have the size of the model's images, {config.image_size}: "
            f"received {sheet.size}."
        )
    if sheet.small_count and sheet.small_size % config.patch_size:
        raise UserError(
            "`patch_size` must divide the small views: received "
            f"patch_size={config.patch_size}, small_size={sheet.small_size}."
        )
    return features(vit(config, **how), pool=pool)


def _sheets(config, sheet):
    return keras.Input((sheet.size, sheet.width, config.channels), name="view_sheet")


def _embedded(layers, images, sheet, config):
    """Passes each view through the same layers, `(B, V, E)`."""
    large = _chained(layers, _merged(_cut(images, sheet.corners, sheet.size)))
    parts = [ops.reshape(large, (-1, sheet.count, large.shape[-1]))]
    if sheet.small_count:
        grid = 2 * (sheet.small_size // config.patch_size,)
        views = _merged(_cut(images, sheet.small_corners, sheet.small_size))
        small = _chained(layers, views, grid=grid)
        parts.append(ops.reshape(small, (-1, sheet.small_count, small.shape[-1])))
    return ops.concatenate(parts, axis=1)


def _cut(images, corners, size):
    """Returns square views of images, `(B, V, size, size, C)`."""
    views = [images[:, y : y + size, x : x + size] for y, x in corners]
    return ops.stack(views, axis=1)


def _merged(views):
    return ops.reshape(views, (-1, *views.shape[2:]))


def _chained(layers, x, grid=None):
    """Calls layers one after the other; `grid` is that of small views, which keep all patches."""
    for layer in layers:
        if grid is None:
            x = layer(x)
        elif layer.name != "patch_dropout":
            x = layer(x, grid=grid) if layer.name == "embed" else layer(x)
    return x
