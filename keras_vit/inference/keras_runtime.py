"""Opens Keras' own file, the only one that needs Keras to run."""

import numpy as np

from keras_vit.inference.opened import Opened
from keras_vit.inference.signature import FLOAT, IMAGES


def open_keras(path, threads):
    """Opens a `.keras` file.

    Args:
        path: The file.
        threads: How many threads compute; all if `None`.

    Returns:
        An `Opened`.

    Raises:
        ValueError: If `keras_vit.tasks.deploy` refuses the model.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        set_threads(threads)

    # This import also registers our layers with Keras.
    from keras_vit.tasks import deploy, preprocessing_of, read_keras_file

    model = read_keras_file(path)
    deployed = deploy(model)
    names = deployed.class_names

    def array(answer):
        if keras.backend.is_float_dtype(keras.backend.standardize_dtype(answer.dtype)):
            answer = keras.ops.cast(answer, FLOAT)
        return keras.ops.convert_to_numpy(answer)

    def run(images):
        answers = deployed.named(model.predict_on_batch(np.asarray(images, FLOAT)))
        return {name: array(answer) for name, answer in answers.items()}

    return Opened(
        inputs={IMAGES: (model.input_shape, FLOAT)},
        outputs={name: (shape, FLOAT) for name, shape in deployed.shapes.items()},
        run=run,
        runtime=f"keras {keras.__version__}, {keras.backend.backend()}",
        metadata=dict(
            task=deployed.task,
            options=dict(deployed.options),
            class_names=names and tuple(names),
            preprocessing=preprocessing_of(model),
        ),
    )


def set_threads(threads):
    """Sets how many threads TensorFlow uses, which must not have computed anything yet.

    Args:
        threads: Their number; nothing is set if `None`.
    """
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
