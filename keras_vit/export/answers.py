"""The function that every converter gets: from images to named answers."""

import keras
import tensorflow as tf

from keras_vit.tasks import deploy


def write_answers(model, path, *, batch_size=None):
    """Writes a SavedModel for converters: `images` `(B, H, W, C)` in, named answers out.

    Args:
        model: A model, as `keras_vit.tasks.deploy` takes it.
        path: Folder to write.
        batch_size: Images per call, any number where `None`.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` refuses the model.
    """
    archive = keras.export.ExportArchive()
    function, spec = images_to_answers(model, batch_size=batch_size)
    archive.add_endpoint("serve", function, input_signature=[spec])
    archive.write_out(str(path), verbose=False)


def images_to_answers(model, *, batch_size=None):
    """Wraps a model as a function from images to named answers, for converters.

    Args:
        model: A model, as `keras_vit.tasks.deploy` takes it.
        batch_size: Images per call, any number where `None`.

    Returns:
        A pair: a `Callable[[tf.Tensor], dict[str, tf.Tensor]]` that takes images `(B, H, W, C)` and
        returns answers `(B, ...)` by name, and the `tf.TensorSpec` of its images.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` refuses the model.
    """
    deployed = deploy(model)

    def serve(images):
        return deployed(images)

    shape = (batch_size, *model.input_shape[1:])
    return serve, tf.TensorSpec(shape, tf.float32, name="images")


def with_best_classes(answers, class_names, count):
    """Adds the names of the most probable classes to the answers of a classifier.

    Args:
        answers: Tensors `(B, ...)` by name.
        class_names: Names of the classes; their indices where `None`.
        count: How many classes to name, at most.

    Returns:
        The answers, and where they hold `probabilities` `(B, K)` also `classes` `(B, count)`, the
        names, and `scores` `(B, count)`, their probabilities, in falling order.
    """
    probabilities = answers.get("probabilities")
    if probabilities is None or probabilities.shape.rank != 2:
        return answers
    classes = probabilities.shape[-1]
    names = class_names or [str(index) for index in range(classes)]
    scores, best = tf.math.top_k(probabilities, min(count, classes))
    return {**answers, "classes": tf.gather(tf.constant(names), best), "scores": scores}
