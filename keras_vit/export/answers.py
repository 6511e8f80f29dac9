"""What every converter is given: a classifier from images to probabilities, and no more."""

import keras
import tensorflow as tf

from keras_vit.tasks import to_probabilities


def write_probabilities(model, path, *, batch_size=None):
    """Writes a SavedModel that converters read: `images` in, `probabilities` out, no more.

    Args:
        model: A classifier, as `keras_vit.tasks.to_probabilities` takes it.
        path: Folder to write.
        batch_size: Images a call, any number where `None`.
    """
    archive = keras.export.ExportArchive()
    function, spec = images_to_probabilities(model, batch_size=batch_size)
    archive.add_endpoint("serve", function, input_signature=[spec])
    archive.write_out(str(path), verbose=False)


def images_to_probabilities(model, *, batch_size=None):
    """Returns what every converter is given: a function, and the `tf.TensorSpec` of its `images`.

    Args:
        model: A classifier, as `keras_vit.tasks.to_probabilities` takes it.
        batch_size: Images a call, any number where `None`.
    """
    convert = to_probabilities(model)

    def serve(images):
        return {"probabilities": convert(model(images, training=False))}

    shape = (batch_size, *model.input_shape[1:])
    return serve, tf.TensorSpec(shape, tf.float32, name="images")
