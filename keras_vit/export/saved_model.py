"""A classifier as a SavedModel that TensorFlow Serving loads."""

import functools
from pathlib import Path

import keras
import tensorflow as tf

from keras_vit.export.decode_in_graph import decode, decode_each
from keras_vit.export.metadata import write_metadata
from keras_vit.images.graph_crop import crop_images
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import FOLDER, TOP_K
from keras_vit.interpret import attention_rollout
from keras_vit.layers import AttentionPool, MeanPool, PatchEncoder, TokenPool, TransformerBlock
from keras_vit.tasks import to_probabilities


def write_saved_model(model, path, *, class_names=None, preprocessing=None):
    """Writes the folder `path` with the signatures of `endpoints`.

    Class names lie in `assets.extra/labels.txt`, one per line, and what is done to a picture in
    `assets.extra/metadata.json`. Neither Keras nor this package is needed to load it.

    Args:
        model: A classifier from images to logits.
        path: Folder to make; must not exist.
        class_names: Names in the order of the logits, or `None`.
        preprocessing: As `endpoints` takes it.
    """
    archive = keras.export.ExportArchive()  # without the model, or it stores each weight twice
    for name, (function, spec) in endpoints(
        model, class_names=class_names, preprocessing=preprocessing
    ).items():
        archive.add_endpoint(name, function, input_signature=[spec])
    archive.write_out(str(path), verbose=False)
    extra = Path(path, FOLDER)
    extra.mkdir(exist_ok=True)
    write_metadata(extra, model, class_names, preprocessing)


def endpoints(model, *, class_names=None, preprocessing=None):
    """Returns what a served classifier answers, from names to functions and their inputs.

    - `serve`: `images` `(B, H, W, C)`, float32, 0 to 255, to `probabilities` `(B, K)` and, of the
      five best, `classes` `(B, 5)`, names, and `scores` `(B, 5)`;
    - `serve_uint8`: the same of uint8;
    - `serve_bytes`: the same of `image_bytes` `(B,)`, JPEG or PNG of any size, and `valid` `(B,)`;
      a broken picture gets zeros and empty names; only of a model of 1 or 3 channels;
    - `features`: `images` to `features` `(B, D)`;
    - `attention`: `images` to `attention` `(B, h, w)`, by `keras_vit.interpret.attention_rollout`.

    Args:
        model: A classifier from images to logits.
        class_names: Names in the order of the logits; numbers where `None`.
        preprocessing: What `serve_bytes` does to a picture, as evaluation does it; by default
            pictures are seen whole.

    Returns:
        For each signature's name a function and its `tf.TensorSpec`.
    """
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    preprocessing = (preprocessing or Preprocessing()).but(image_size=shape[:2])
    names = class_names or [str(index) for index in range(classes)]
    convert = to_probabilities(model)

    def answer(images):
        probabilities = convert(model(images, training=False))
        scores, best = tf.math.top_k(probabilities, min(TOP_K, classes))
        return {
            "probabilities": probabilities,
            "classes": tf.gather(tf.constant(names), best),
            "scores": scores,
        }

    def answer_pixels(images):
        return answer(tf.cast(images, tf.float32))

    def answer_bytes(image_bytes):
        def image(encoded):
            return crop_images(decode(encoded, shape[2])[None], preprocessing)[0]

        images, valid = decode_each(image_bytes, image, shape)
        answers = answer_pixels(images)
        whole = valid[:, None]
        return {
            "probabilities": tf.where(whole, answers["probabilities"], 0.0),
            "classes": tf.where(whole, answers["classes"], ""),
            "scores": tf.where(whole, answers["scores"], 0.0),
            "valid": valid,
        }

    pixels = functools.partial(tf.TensorSpec, (None, *shape), name="images")
    found = {
        "serve": (answer, pixels(tf.float32)),
        "serve_uint8": (answer_pixels, pixels(tf.uint8)),
    }
    if has_tokens(model):
        layers = {layer.name: layer for layer in model.layers}
        features = keras.Model(model.input, layers.get("pool_norm", layers["pool"]).output)
        rollout = attention_rollout(model)
        found["features"] = (
            lambda images: {"features": features(images, training=False)},
            pixels(tf.float32),
        )
        found["attention"] = (lambda images: {"attention": rollout(images)}, pixels(tf.float32))
    if shape[2] in (1, 3):
        spec = tf.TensorSpec((None,), tf.string, name="image_bytes")
        found["serve_bytes"] = (answer_bytes, spec)
    return found


def has_tokens(model):
    """Says whether a model is a Vision Transformer of ours that pools its tokens."""
    layers = {layer.name: layer for layer in model.layers}
    return (
        isinstance(layers.get("embed"), PatchEncoder)
        and isinstance(layers.get("pool"), TokenPool | MeanPool | AttentionPool)
        and any(isinstance(layer, TransformerBlock) for layer in model.layers)
    )
