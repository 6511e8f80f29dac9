"""Models and files of other people: what every command answers rightly or refuses in a sentence."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def cnn(shape=(8, 8, 1), classes=3, activation="softmax", *, name="cnn", **options):
    """A convolutional classifier in plain Keras, one of whose layers is called `pool`."""
    inputs = keras.Input(shape, **options)
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 3, activation="relu", name="block1_conv1")(x)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(
        inputs, layers.Dense(classes, activation=activation, name="top")(x), name=name
    )


def wrong_models(ours):
    """Returns `{what is wrong: (model, part of the sentence)}`, `ours` being a classifier."""
    model = cnn()
    inputs, pooled = model.input, model.get_layer("pool").output
    anything = keras.Input((None, None, 1))
    flat = keras.Input((8,))
    return {
        "sigmoid": (cnn(activation="sigmoid"), "in the sigmoid of the layer 'top'"),
        "regression": (cnn(activation=None), "in the layer 'top'"),
        "our logits behind a sigmoid": (
            keras.Model(ours.input, layers.Activation("sigmoid", name="each")(ours.output)),
            "in the sigmoid of the layer 'each'",
        ),
        "our logits on another scale": (
            keras.Model(ours.input, layers.Rescaling(0.5, name="cooler")(ours.output)),
            "in the layer 'cooler'",
        ),
        "features": (keras.Model(inputs, pooled), "in the layer 'pool'"),
        "maps": (keras.Model(inputs, model.layers[-3].output), "one number per class, (B, K)"),
        "two outputs": (keras.Model(inputs, [model.output, pooled]), "has one output: "),
        "two inputs": (
            keras.Model([inputs, keras.Input((8, 8, 1))], model.output),
            "has one input: ",
        ),
        "any size": (
            keras.Model(anything, layers.Dense(3, "softmax")(layers.GlobalMaxPool2D()(anything))),
            "(None, None, None, 1), float32",
        ),
        "no images": (keras.Model(flat, layers.Dense(3, "softmax")(flat)), "(None, 8), float32"),
        "a fixed batch": (cnn(batch_size=4), "(4, 8, 8, 1), float32"),
    }


def softmax_of(images):
    """Three probabilities of an image of any dtype."""
    means = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2))
    return tf.nn.softmax(means * tf.constant([[0.1, 0.2, 0.3]]))


def saved_models(folder):
    """Writes SavedModels; returns `{what is wrong: (path, part of the sentence)}`."""
    pixels = tf.TensorSpec((None, 8, 8, 1), tf.float32, name="images")
    wrong = {
        "no signature": (None, None, "It has no signature serving_default"),
        "strings": (
            lambda images: {"probabilities": tf.zeros((tf.size(images), 3))},
            tf.TensorSpec((None,), tf.string, name="images"),
            "this takes images (?) string",
        ),
        "other names": (lambda images: {"output_0": softmax_of(images)}, pixels, "gives output_0"),
        "any size": (
            lambda images: {"probabilities": softmax_of(images)},
            tf.TensorSpec((None, None, None, 1), tf.float32, name="images"),
            "takes images (?, ?, ?, 1) float32",
        ),
        "sigmoid": (
            lambda images: {"probabilities": tf.sigmoid(softmax_of(images))},
            pixels,
            "Its answers are no probabilities of 3 classes",
        ),
        "two sigmoids": (  # which add up to 1 on a black image
            lambda images: {"probabilities": tf.sigmoid([[1.0, 1.0]] * images[:, 0, 0])},
            pixels,
            "Its answers are no probabilities of 2 classes: on noise",
        ),
        "not a number": (
            lambda images: {"probabilities": softmax_of(images) / 0.0},
            pixels,
            "It answers a black image with something that is not a finite number.",
        ),
        "a map": (
            lambda images: {"probabilities": tf.nn.softmax(images)},
            pixels,
            "gives probabilities (?, 8, 8, 1)",
        ),
    }
    found = {}
    for name, (function, spec, sentence) in wrong.items():
        module, path = tf.Module(), folder / name.replace(" ", "_")
        module.scale = tf.Variable(1.0)
        signatures = None
        if function is not None:
            module.serve = tf.function(function)
            signatures = {"serving_default": module.serve.get_concrete_function(spec)}
        tf.saved_model.save(module, str(path), signatures=signatures)
        found[name] = (path, sentence)
    path = folder / "keras_export"
    cnn().export(str(path), verbose=False)
    found["keras' own export"] = (path, "gives output_0")
    return found


def litert_files(folder):
    """Writes `.tflite` files; returns `{what is wrong: (path, part of the sentence)}`."""
    pixels = tf.TensorSpec((1, 8, 8, 1), tf.float32, name="images")

    def flex(images):
        whole = tf.cast(images, tf.int32)
        return softmax_of(tf.bitwise.bitwise_and(whole, whole + 1))

    def custom(images):
        return softmax_of(tf.math.igamma(images + 1, images + 1))

    wrong = {
        "other names": (lambda images: {"output_0": softmax_of(images)}, pixels, "gives output_0"),
        "a sum": (
            lambda images: {"probabilities": 7 * softmax_of(images)},
            pixels,
            "their sum is 7",
        ),
        "flat": (
            lambda images: {"probabilities": tf.nn.softmax(images)},
            tf.TensorSpec((1, 8), tf.float32, name="images"),
            "takes images (1, 8) float32",
        ),
        "Flex": (
            lambda images: {"probabilities": flex(images)},
            pixels,
            "cannot be read as a model: ",
        ),
        "custom": (
            lambda images: {"probabilities": custom(images)},
            pixels,
            "cannot be read as a model: ",
        ),
    }
    found = {}
    for name, (function, spec, sentence) in wrong.items():
        module, path = tf.Module(), folder / f"{name.replace(' ', '_')}.tflite"
        serve = tf.function(function).get_concrete_function(spec)
        tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
        if name == "Flex":
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS,
                tf.lite.OpsSet.SELECT_TF_OPS,
            ]
        converter.allow_custom_ops = name == "custom"
        path.write_bytes(converter.convert())
        found[name] = (path, sentence)
    return found


def onnx_files(folder):
    """Writes `.onnx` files; returns `{what is wrong: (path, part of the sentence)}`."""
    import onnx

    def write(name, given, wanted):
        """One node, from `given` to `wanted`, pairs of a name and a shape."""
        floats = onnx.TensorProto.FLOAT
        node = onnx.helper.make_node("ReduceMean", [given[0]], [wanted[0]], keepdims=0, axes=[1, 2])
        graph = onnx.helper.make_graph(
            [node],
            "g",
            [onnx.helper.make_tensor_value_info(given[0], floats, given[1])],
            [onnx.helper.make_tensor_value_info(wanted[0], floats, wanted[1])],
        )
        path = folder / name
        opset = [onnx.helper.make_opsetid("", 13)]
        onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    square = ["B", 8, 8, 1]
    return {
        "other names": (
            write("names.onnx", ("x", square), ("y", ["B", 1])),
            "this takes x (?, 8, 8, 1) float32 and gives y",
        ),
        "channels first": (
            write("first.onnx", ("images", ["B", 8]), ("probabilities", ["B"])),
            "cannot be read as a model: ",
        ),
        "a mean": (
            write("mean.onnx", ("images", square), ("probabilities", ["B", 1])),
            "Its answers are no probabilities of 1 classes",
        ),
    }


def pixels(count=4, shape=(8, 8, 1)):
    """Random images `(count, *shape)`, uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("uint8")
