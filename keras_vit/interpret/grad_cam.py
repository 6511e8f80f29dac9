"""Grad-CAM on tokens."""

from keras import ops

from keras_vit.interpret.anatomy import anatomy, question
from keras_vit.interpret.gradients import with_gradients
from keras_vit.interpret.intercept import intercepted


def grad_cam(model, target=None):
    """Returns a function that maps which patches speak for an answer, by Grad-CAM.

    "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
    (arXiv:1610.02391, equations 1 and 2), whose channels are the numbers of a token: each counts by
    the mean of its gradient over the patches, and what is negative is 0. The tokens are those that
    the last block attends to, after its first norm: behind its attention, where a class token is
    pooled, every other token has a gradient of 0.

    Args:
        model: A flat functional model with the layers of `keras_vit.models.vit`.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32, one number per patch, at least 0.

    Raises:
        ValueError: If the model is none of ours, or has no such answer.
    """
    parts, asked = anatomy(model), question(model, target)
    norm = parts.blocks[-1].norm1

    def cam(images):
        images = ops.convert_to_tensor(images)

        def run(tap):
            def normed(call, *args, **how):
                return tap("tokens", call(*args, **how))

            with intercepted((norm, "call", normed)):
                return asked.score(images)

        _, tokens, gradients = with_gradients(run)
        tokens, slopes = (
            ops.cast(each["tokens"][:, parts.prefix :], "float32") for each in (tokens, gradients)
        )
        weights = ops.mean(slopes, axis=1, keepdims=True)
        return parts.to_map(ops.relu(ops.sum(weights * tokens, axis=-1)))

    return cam
