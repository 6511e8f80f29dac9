"""The function that every converter gets: a classifier from images to probabilities."""

import keras
import tensorflow as tf

from keras_vit.tasks import to_probabilities


def write_probabilities(model, path, *, batch_size=None):
    """Writes a SavedModel for converters: `images` `(B, H, W, C)` in, `probabilities` `(B, K)` out.

    Args:
        model: A classifier, as `keras_vit.tasks.to_probabilities` takes it.
        path: Folder to write.
        batch_size: Images per call, any number where `None`.

    Raises:
        ValueError: If `keras_vit.tasks.to_probabilities` refuses the model.
    """
    archive = keras.export.ExportArchive()
    function, spec = images_to_probabilities(model, batch_size=batch_size)
    archive.add_endpoint("serve", function, input_signature=[spec])
    archive.write_out(str(path), verbose=False)


def images_to_probabilities(model, *, batch_size=None):
    """Wraps a classifier as a function from images to probabilities, for converters.

    Args:
        model: A classifier, as `keras_vit.tasks.to_probabilities` takes it.
        batch_size: Images per call, any number where `None`.

    Returns:
        A pair: a `Callable[[tf.Tensor], dict[str, tf.Tensor]]` that takes images `(B, H, W, C)` and
        returns `{"probabilities": (B, K)}`, and the `tf.TensorSpec` of its images.

    Raises:
        ValueError: If `keras_vit.tasks.to_probabilities` refuses the model.
    """
    convert = to_probabilities(model)

    def serve(images):
        return {"probabilities": convert(model(images, training=False))}

    shape = (batch_size, *model.input_shape[1:])
    return serve, tf.TensorSpec(shape, tf.float32, name="images")
