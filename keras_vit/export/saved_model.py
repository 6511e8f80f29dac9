"""Writes a model as a SavedModel that TensorFlow Serving loads."""

import functools
from pathlib import Path

import keras
import tensorflow as tf

from keras_vit.export.answers import images_to_answers, with_best_classes, write_endpoints
from keras_vit.export.decode_in_graph import decode, decode_each
from keras_vit.export.explanation import explanation
from keras_vit.export.metadata import write_metadata
from keras_vit.images.graph_crop import crop_images
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import FOLDER, ROLLOUT, TOP_K
from keras_vit.layers import PatchEncoder, TransformerBlock
from keras_vit.tasks.pooled import pooled_of


def write_saved_model(model, path, *, class_names=None, preprocessing=None, attention=None):
    """Writes a SavedModel folder with the signatures of `endpoints`.

    `assets.extra/labels.txt` holds the class names, one per line, and `assets.extra/metadata.json`
    the preprocessing and the name of the method of `attention`. Neither Keras nor this package is
    needed to load the folder.

    Args:
        model: A model for `keras_vit.tasks.deploy`, as `servable` returns it.
        path: Folder to make; must not exist.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: A `Preprocessing`; by default the whole picture is resized.
        attention: As `endpoints` takes it.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` or `explanation` refuses the model.
    """
    signatures = endpoints(
        model, class_names=class_names, preprocessing=preprocessing, attention=attention
    )
    write_endpoints(model, signatures, path)
    extra = Path(path, FOLDER)
    extra.mkdir(exist_ok=True)
    method = {"attention": attention or ROLLOUT} if "attention" in signatures else {}
    write_metadata(extra, model, class_names, preprocessing, **method)


def endpoints(model, *, class_names=None, preprocessing=None, attention=None):
    """Returns the signatures of a served model.

    - `serve` takes `images` `(B, H, W, C)`, float32, 0 to 255, and returns the named answers of the
      model: for a classifier `probabilities` `(B, K)` and, for the five most probable classes,
      `classes` `(B, 5)`, their names, and `scores` `(B, 5)`, their probabilities.
    - `serve_uint8` takes the images as uint8 and returns the same.
    - `serve_bytes` takes `image_bytes` `(B,)`, JPEGs or PNGs of any size, and returns the same and
      `valid` `(B,)`. A broken picture gets zeros and empty names. Only a model of 1 or 3 channels
      has it.
    - `features` takes `images` and returns `features` `(B, D)`. Only a model for which `has_tokens`
      is true has it.
    - `attention` takes `images` and returns `attention`, maps as `explanation` returns them.

    Args:
        model: A model for `keras_vit.tasks.deploy`.
        class_names: Names of the classes in their order; their indices where `None`.
        preprocessing: The `Preprocessing` of `serve_bytes`, as in evaluation; by default the whole
            picture is resized.
        attention: Name of the method of `attention`, as `explanation` takes it; by default
            attention rollout if `has_tokens` is true, else there is no such signature.

    Returns:
        A dictionary from the name of each signature to a pair: a
        `Callable[[tf.Tensor], dict[str, tf.Tensor]]` and the `tf.TensorSpec` of its input.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` or `explanation` refuses the model.
    """
    shape = model.input_shape[1:]
    preprocessing = (preprocessing or Preprocessing()).but(image_size=shape[:2])
    serve, _ = images_to_answers(model)
    pixels = functools.partial(tf.TensorSpec, (None, *shape), name="images")

    # Three signatures call what is traced once.
    @functools.partial(tf.function, input_signature=[pixels(tf.float32)], autograph=False)
    def answer(images):
        return with_best_classes(serve(images), class_names, TOP_K)

    def answer_pixels(images):
        return answer(tf.cast(images, tf.float32))

    def answer_bytes(image_bytes):
        def image(encoded):
            return crop_images(decode(encoded, shape[2])[None], preprocessing)[0]

        images, valid = decode_each(image_bytes, image, shape)
        answers = {
            name: tf.where(tf.reshape(valid, (-1, *[1] * (x.shape.rank - 1))), x, tf.zeros_like(x))
            for name, x in answer_pixels(images).items()
        }
        return {**answers, "valid": valid}

    signatures = {
        "serve": (answer, pixels(tf.float32)),
        "serve_uint8": (answer_pixels, pixels(tf.uint8)),
    }
    is_ours = has_tokens(model)
    if is_ours:
        features = keras.Model(model.input, pooled_of(model))
        signatures["features"] = (
            lambda images: {"features": features(images, training=False)},
            pixels(tf.float32),
        )
    if attention or is_ours:
        explain = explanation(model, attention or ROLLOUT)
        signatures["attention"] = (
            lambda images: {"attention": explain(images)},
            pixels(tf.float32),
        )
    if shape[2] in (1, 3):
        spec = tf.TensorSpec((None,), tf.string, name="image_bytes")
        signatures["serve_bytes"] = (answer_bytes, spec)
    return signatures


def has_tokens(model):
    """Returns whether a model is a Vision Transformer of ours with features and attention maps.

    Args:
        model: A `keras.Model`.

    Returns:
        `True` if a layer of ours pools its tokens, and its blocks attend to all tokens.
    """
    layers = {layer.name: layer for layer in model.layers}
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerBlock)]
    return (
        isinstance(layers.get("embed"), PatchEncoder)
        and pooled_of(model) is not None
        and bool(blocks)
        and not any(block.windows for block in blocks)
    )
