"""The function that every converter gets: from images to named answers."""

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
    write_endpoints(model, {"serve": images_to_answers(model, batch_size=batch_size)}, path)


def write_endpoints(model, endpoints, path):
    """Writes functions of a model as the signatures of a SavedModel; the first is the default one.

    `keras.export.ExportArchive` traces each function twice, the second time while it saves; here
    this is the only time, and half of the work.

    Args:
        model: The model whose weights the functions use.
        endpoints: Pairs by the name of the signature: a function of one tensor that returns tensors
            by name, and the `tf.TensorSpec` of that tensor.
        path: Folder to make; must not exist.
    """
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    signatures = {}
    for name, (function, spec) in endpoints.items():
        signatures[name] = tf.function(function, input_signature=[spec], autograph=False)
        setattr(module, name, signatures[name])
    signatures = {"serving_default": next(iter(signatures.values())), **signatures}
    tf.saved_model.save(module, str(path), signatures=signatures)


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
